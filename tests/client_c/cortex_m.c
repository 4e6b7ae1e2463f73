/* SPDX-License-Identifier: Apache-2.0 */
/* What the player needs on a Cortex-M4 without a system or a C library: a beginning, the few
 * functions of string.h, and the emulator's console by semihosting. */
#include <stdint.h>
#include <string.h>

#include "player.h"

#define SYS_OPEN 0x01
#define SYS_WRITE 0x05
#define SYS_READ 0x06
#define SYS_EXIT 0x18
#define NORMAL_END 0x20026

int main(void);

extern uint32_t bss_begin[], bss_end[], data_begin[], data_end[], data_kept[], stack_top[];

static int host(int what, const void* arguments) {
    register int r0 __asm__("r0") = what;
    register const void* r1 __asm__("r1") = arguments;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static int opened(int mode) {
    static const char console[] = ":tt";
    const uint32_t arguments[] = {(uint32_t)console, (uint32_t)mode, 3};
    return host(SYS_OPEN, arguments);
}

static char out[1024];
static size_t out_size;

void player_flush(void) {
    static int handle = -1;
    if (handle < 0) {
        handle = opened(4);
    }
    const uint32_t arguments[] = {(uint32_t)handle, (uint32_t)out, (uint32_t)out_size};
    if (out_size > 0) {
        host(SYS_WRITE, arguments);
    }
    out_size = 0;
}

void player_write(const char* bytes, size_t size) {
    for (size_t i = 0; i < size; ++i) {
        if (out_size == sizeof out) {
            player_flush();
        }
        out[out_size++] = bytes[i];
    }
}

bool player_read_line(char* line, size_t size) {
    static int handle = -1;
    if (handle < 0) {
        handle = opened(0);
    }
    for (size_t at = 0; at + 1 < size; ++at) {
        const uint32_t arguments[] = {(uint32_t)handle, (uint32_t)&line[at], 1};
        if (host(SYS_READ, arguments) != 0) {
            return false;
        }
        if (line[at] == '\n') {
            line[at] = '\0';
            return true;
        }
    }
    return false;
}

void* memcpy(void* to, const void* from, size_t size) {
    uint8_t* at = to;
    for (const uint8_t* next = from; size > 0; --size) {
        *at++ = *next++;
    }
    return to;
}

void* memmove(void* to, const void* from, size_t size) {
    uint8_t* const at = to;
    const uint8_t* const bytes = from;
    if (at < bytes) {
        return memcpy(to, from, size);
    }
    while (size-- > 0) {
        at[size] = bytes[size];
    }
    return to;
}

void* memset(void* to, int value, size_t size) {
    for (uint8_t* at = to; size > 0; --size) {
        *at++ = (uint8_t)value;
    }
    return to;
}

int memcmp(const void* one, const void* other, size_t size) {
    const uint8_t* a = one;
    const uint8_t* b = other;
    for (; size > 0; --size, ++a, ++b) {
        if (*a != *b) {
            return *a - *b;
        }
    }
    return 0;
}

size_t strlen(const char* text) {
    size_t size = 0;
    while (text[size] != '\0') {
        ++size;
    }
    return size;
}

int strncmp(const char* one, const char* other, size_t size) {
    for (; size > 0; --size, ++one, ++other) {
        if (*one != *other || *one == '\0') {
            return (uint8_t)*one - (uint8_t)*other;
        }
    }
    return 0;
}

int strcmp(const char* one, const char* other) { return strncmp(one, other, SIZE_MAX); }

char* strncpy(char* to, const char* from, size_t size) {
    memset(to, 0, size);
    const size_t length = strlen(from);
    return memcpy(to, from, length < size ? length : size);
}

char* strchr(const char* text, int what) {
    for (; *text != '\0'; ++text) {
        if (*text == (char)what) {
            return (char*)text;
        }
    }
    return NULL;
}

size_t strcspn(const char* text, const char* stops) {
    size_t size = 0;
    while (text[size] != '\0' && strchr(stops, text[size]) == NULL) {
        ++size;
    }
    return size;
}

static void begin(void) {
    memcpy(data_begin, data_kept, (size_t)((char*)data_end - (char*)data_begin));
    memset(bss_begin, 0, (size_t)((char*)bss_end - (char*)bss_begin));
    main();
    host(SYS_EXIT, (const void*)NORMAL_END);
    for (;;) {
    }
}

static void fault(void) {
    static const char text[] = "a fault of the processor\n";
    player_write(text, sizeof text - 1);
    player_flush();
    host(SYS_EXIT, (const void*)NORMAL_END);
    for (;;) {
    }
}

__attribute__((section(".vectors"), used)) static const void* const vectors[16] = {
    stack_top,          (const void*)begin, (const void*)fault, (const void*)fault,
    (const void*)fault, (const void*)fault, (const void*)fault};
