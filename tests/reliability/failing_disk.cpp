// SPDX-License-Identifier: Apache-2.0
// Loaded into a broker before all else (LD_PRELOAD): while the file that FAILING_DISK names holds
// an errno other than 0 (an int, in the machine's order), no write into the store succeeds; while
// it holds -1, none returns.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using Write = ssize_t (*)(int, const void*, std::size_t, off64_t);

const std::atomic<int>* open_control() {
    const char* const path = std::getenv("FAILING_DISK");
    const int fd = path != nullptr ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) {
        return nullptr;
    }
    void* const shared = mmap(nullptr, sizeof(int), PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    return shared == MAP_FAILED ? nullptr : static_cast<const std::atomic<int>*>(shared);
}

bool is_of_the_store(int fd) {
    std::array<char, 4096> path{};
    const auto size =
        readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), path.data(), path.size());
    return size > 0 &&
           std::string_view(path.data(), static_cast<std::size_t>(size)).find("beckon.db") !=
               std::string_view::npos;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) ssize_t pwrite64(int fd, const void* from,
                                                                   std::size_t size, off64_t at) {
    static const auto* const control = open_control();
    static const auto real = reinterpret_cast<Write>(dlsym(RTLD_NEXT, "pwrite64"));
    if (control != nullptr && control->load() != 0 && is_of_the_store(fd)) {
        while (control->load() < 0) {
            usleep(1000);
        }
        if (control->load() != 0) {
            errno = control->load();
            return -1;
        }
    }
    return real(fd, from, size, at);
}
