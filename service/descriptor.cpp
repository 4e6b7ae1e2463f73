// SPDX-License-Identifier: Apache-2.0
#include "descriptor.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

namespace beckon {

Descriptor::~Descriptor() {
    if (fd >= 0) {
        close(fd);
    }
}

WakeUp::WakeUp() : events_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (events_.fd < 0) {
        throw std::runtime_error(std::string("eventfd: ") + std::strerror(errno));
    }
}

void WakeUp::wake() const { static_cast<void>(eventfd_write(events_.fd, 1)); }

void WakeUp::clear() const {
    eventfd_t count = 0;
    static_cast<void>(eventfd_read(events_.fd, &count));
}

}  // namespace beckon
