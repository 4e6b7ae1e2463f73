/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "player.h"

void player_write(const char* bytes, size_t size) { fwrite(bytes, 1, size, stdout); }

void player_flush(void) { fflush(stdout); }

bool player_read_line(char* line, size_t size) {
    if (fgets(line, (int)size, stdin) == NULL) {
        return false;
    }
    line[strcspn(line, "\n")] = '\0';
    return true;
}
