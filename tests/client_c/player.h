/* SPDX-License-Identifier: Apache-2.0 */
/* What the player needs of the machine that it runs on. */
#ifndef BECKON_PLAYER_H
#define BECKON_PLAYER_H

#include <stdbool.h>
#include <stddef.h>

void player_write(const char* bytes, size_t size);
void player_flush(void);
/** Without its end. False: there is none. */
bool player_read_line(char* line, size_t size);

#endif
