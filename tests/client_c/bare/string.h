/* SPDX-License-Identifier: Apache-2.0 */
/* For a compiler that has no C library: what is used of it. */
#ifndef BECKON_BARE_STRING_H
#define BECKON_BARE_STRING_H

#include <stddef.h>

void* memcpy(void* to, const void* from, size_t size);
void* memmove(void* to, const void* from, size_t size);
void* memset(void* to, int value, size_t size);
int memcmp(const void* one, const void* other, size_t size);
size_t strlen(const char* text);
int strcmp(const char* one, const char* other);
int strncmp(const char* one, const char* other, size_t size);
char* strncpy(char* to, const char* from, size_t size);
char* strchr(const char* text, int what);
size_t strcspn(const char* text, const char* stops);

#endif
