# SPDX-License-Identifier: Apache-2.0
# The library as others see it: what it shows, what is installed, how it is found.
include(CMakePackageConfigHelpers)

# Without what is inside it, it is for the build that made it; what is installed has both kinds.
get_target_property(type beckon TYPE)
if(type STREQUAL STATIC_LIBRARY)
  message(STATUS "Beckon: a client library that is static alone is not installed")
  return()
endif()

set_target_properties(beckon PROPERTIES
  EXPORT_NAME client
  LINK_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/exports.map)
target_link_options(beckon PRIVATE
  -Wl,--version-script=${CMAKE_CURRENT_SOURCE_DIR}/exports.map)

install(TARGETS beckon EXPORT Beckon
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT client NAMELINK_COMPONENT development)

# The same for who links it in whole: all that is inside, and the names of what has to be linked beside it.
add_library(beckon_static STATIC)
add_library(Beckon::client_static ALIAS beckon_static)
set_target_properties(beckon_static PROPERTIES OUTPUT_NAME beckon EXPORT_NAME client_static LINKER_LANGUAGE CXX)
foreach(part beckon beckon_device beckon_protocol)
  target_sources(beckon_static PRIVATE $<TARGET_OBJECTS:${part}>)
endforeach()
get_target_property(public_headers beckon INTERFACE_INCLUDE_DIRECTORIES)
target_include_directories(beckon_static INTERFACE ${public_headers})
target_compile_features(beckon_static INTERFACE cxx_std_20)
set(beside paho-mqttpp3 paho-mqtt3as ssl crypto)
target_link_libraries(beckon_static INTERFACE ${beside} -pthread)
install(TARGETS beckon_static EXPORT Beckon
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)

install(DIRECTORY include/beckon ${PROJECT_SOURCE_DIR}/core/protocol/include/beckon
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development FILES_MATCHING PATTERN "*.hpp")

# A shared library brings along what it needs: there is nothing else for a user to find. Those beside the
# static one are found where the system's libraries are.
set(package_directory ${CMAKE_INSTALL_LIBDIR}/cmake/Beckon)
install(EXPORT Beckon FILE BeckonConfig.cmake NAMESPACE Beckon::
  DESTINATION ${package_directory} COMPONENT development)
# While the major version is 0, what was built for one minor version fits no other.
write_basic_package_version_file(BeckonConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/BeckonConfigVersion.cmake
  DESTINATION ${package_directory} COMPONENT development)

list(TRANSFORM beside PREPEND -l OUTPUT_VARIABLE link_beside)
list(JOIN link_beside " " link_beside)
set(pkgconfig_directory ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH prefix_from_pkgconfig
     ${CMAKE_INSTALL_PREFIX}/${pkgconfig_directory} ${CMAKE_INSTALL_PREFIX})
configure_file(beckon.pc.in beckon.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/beckon.pc
  DESTINATION ${pkgconfig_directory} COMPONENT development)
