// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <poll.h>
#include <termios.h>
#include <unistd.h>

namespace beckon::cli {

/// Keys from the terminal, one by one and unseen, if there is one and this program has it.
class Keys {
  public:
    explicit Keys(bool wanted)
        : there_(wanted && tcgetpgrp(STDIN_FILENO) == getpgrp() &&
                 tcgetattr(STDIN_FILENO, &before_) == 0) {
        if (there_) {
            termios raw = before_;
            raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
            tcsetattr(STDIN_FILENO, TCSANOW, &raw);
        }
    }
    Keys(const Keys&) = delete;
    Keys& operator=(const Keys&) = delete;
    ~Keys() {
        if (there_) {
            tcsetattr(STDIN_FILENO, TCSANOW, &before_);
        }
    }

    [[nodiscard]] bool there() const { return there_; }
    /// The key that was pressed, or 0.
    [[nodiscard]] char pressed() const {
        pollfd input{STDIN_FILENO, POLLIN, 0};
        char key = 0;
        return there_ && ::poll(&input, 1, 0) > 0 && read(STDIN_FILENO, &key, 1) == 1 ? key : '\0';
    }

  private:
    termios before_{};
    bool there_;
};

}  // namespace beckon::cli
