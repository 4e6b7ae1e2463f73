# SPDX-License-Identifier: Apache-2.0
# The library as others see it: what it shows, what is installed, how it is found.
include(CMakePackageConfigHelpers)

# A static library would be of use only with all that is inside it: it is for the build that made it.
get_target_property(type beckon TYPE)
if(type STREQUAL STATIC_LIBRARY)
  message(STATUS "Beckon: a static client library is not installed")
  return()
endif()

set_target_properties(beckon PROPERTIES
  EXPORT_NAME client
  LINK_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/exports.map)
target_link_options(beckon PRIVATE
  -Wl,--version-script=${CMAKE_CURRENT_SOURCE_DIR}/exports.map)

install(TARGETS beckon EXPORT Beckon
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT client NAMELINK_COMPONENT development)
install(DIRECTORY include/beckon ${PROJECT_SOURCE_DIR}/core/protocol/include/beckon
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development FILES_MATCHING PATTERN "*.hpp")

# A shared library brings along what it needs: there is nothing else for a user to find.
set(package_directory ${CMAKE_INSTALL_LIBDIR}/cmake/Beckon)
install(EXPORT Beckon FILE BeckonConfig.cmake NAMESPACE Beckon::
  DESTINATION ${package_directory} COMPONENT development)
# While the major version is 0, what was built for one minor version fits no other.
write_basic_package_version_file(BeckonConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/BeckonConfigVersion.cmake
  DESTINATION ${package_directory} COMPONENT development)

set(pkgconfig_directory ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH prefix_from_pkgconfig
     ${CMAKE_INSTALL_PREFIX}/${pkgconfig_directory} ${CMAKE_INSTALL_PREFIX})
configure_file(beckon.pc.in beckon.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/beckon.pc
  DESTINATION ${pkgconfig_directory} COMPONENT development)
