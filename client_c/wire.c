/* SPDX-License-Identifier: Apache-2.0 */
/* msgpack: a reader that trusts nothing and copies nothing, and a writer. Words and ids. */
#include <string.h>

#include "internal.h"

#define MOST_DEPTH 8

struct beckon_text beckon_text_from(const char* at, size_t size) {
    struct beckon_text text = {at, (uint16_t)size, false};
    return text;
}

struct beckon_text beckon_text_of(const char* text) {
    return beckon_text_from(text, text != NULL ? strlen(text) : 0);
}

bool beckon_same(struct beckon_text one, struct beckon_text other) {
    return one.at != NULL && other.at != NULL && one.size == other.size &&
           memcmp(one.at, other.at, one.size) == 0;
}

bool beckon_is(struct beckon_text text, const char* word) {
    return beckon_same(text, beckon_text_of(word));
}

bool beckon_is_id(struct beckon_text text) {
    if (text.at == NULL || text.size == 0 || text.size > BECKON_ID_BYTES) {
        return false;
    }
    for (uint16_t i = 0; i < text.size; ++i) {
        const char c = text.at[i];
        const char lower = (char)(c | 0x20);
        /* From '-' to ':' there are '-', '.', '/', the digits and ':'. */
        if (!((lower >= 'a' && lower <= 'z') || (c >= '-' && c <= ':' && c != '/') || c == '@' ||
              c == '_')) {
            return false;
        }
    }
    return true;
}

uint64_t beckon_hash(uint64_t seed, struct beckon_text text) {
    uint64_t hash = seed ^ 0xcbf29ce484222325U;
    for (uint16_t i = 0; i < text.size; ++i) {
        hash = (hash ^ (uint8_t)text.at[i]) * 0x100000001b3U;
    }
    return hash;
}

unsigned beckon_word(const char* words, struct beckon_text text) {
    unsigned index = 0;
    for (; *words != '\0'; words += strlen(words) + 1, ++index) {
        if (beckon_is(text, words)) {
            break;
        }
    }
    return index;
}

const char* beckon_nth_word(const char* words, unsigned index) {
    for (; index > 0; --index) {
        words += strlen(words) + 1;
    }
    return words;
}

/* -------------------------------------------------------------------------------- the reader */

static uint64_t big_endian(const uint8_t* at, unsigned size) {
    uint64_t number = 0;
    for (unsigned i = 0; i < size; ++i) {
        number = number << 8 | at[i];
    }
    return number;
}

/** What a first byte says: the kind, and how many bytes of a number or a length follow it. */
static unsigned kind_of(uint8_t first, struct beckon_value* value) {
    value->kind = BECKON_OTHER;
    value->number = 0;
    if (first < 0x80 || first >= 0xe0) {
        value->kind = first < 0x80 ? BECKON_UINT : BECKON_INT;
        value->number = first < 0x80 ? first : (uint64_t)(int64_t)(int8_t)first;
        return 0;
    }
    if (first < 0xc0) {
        value->kind = first < 0x90 ? BECKON_MAP : first < 0xa0 ? BECKON_ARRAY : BECKON_TEXT;
        value->number = first & (first < 0xa0 ? 0x0fU : 0x1fU);
        return 0;
    }
    if (first >= 0xdc) {
        value->kind = first < 0xde ? BECKON_ARRAY : BECKON_MAP;
        return 2U << (first & 1);
    }
    if (first >= 0xd9 || (first >= 0xc4 && first <= 0xc6)) {
        value->kind = BECKON_TEXT;
        value->text.binary = first < 0xd9;
        return 1U << (first < 0xd9 ? first - 0xc4 : first - 0xd9);
    }
    if (first >= 0xcc && first <= 0xd3) {
        value->kind = first < 0xd0 ? BECKON_UINT : BECKON_INT;
        return 1U << (first & 3);
    }
    if (first == 0xc2 || first == 0xc3) {
        value->kind = BECKON_BOOL;
        value->number = first & 1U;
    } else if (first == 0xc0) {
        value->kind = BECKON_NIL;
    } else if (first >= 0xd4) { /* an extension of 1, 2 ... 16 bytes, and its type */
        value->number = (1U << (first - 0xd4)) + 1;
    } else if (first == 0xca || first == 0xcb) {
        value->number = 4U << (first & 1);
    } else if (first >= 0xc7) {
        return 1U << (first - 0xc7);
    }
    return 0;
}

/** One head, with the bytes of a text; what an array or map holds comes next. */
static bool read_head(struct beckon_text* rest, struct beckon_value* value) {
    if (rest->size == 0) {
        return false;
    }
    const uint8_t* at = (const uint8_t*)rest->at;
    uint32_t left = rest->size - 1U;
    const uint8_t first = *at++;
    memset(&value->text, 0, sizeof value->text);
    const unsigned follow = kind_of(first, value);
    if (follow > left) {
        return false;
    }
    if (follow > 0) {
        value->number = big_endian(at, follow);
        at += follow;
        left -= follow;
    }
    if (value->kind == BECKON_INT && follow > 0) {
        const unsigned unused = 64 - 8 * follow;
        value->number = (uint64_t)((int64_t)(value->number << unused) >> unused);
        if ((int64_t)value->number >= 0) {
            value->kind = BECKON_UINT;
        }
    }
    if (value->kind == BECKON_TEXT || value->kind == BECKON_OTHER) {
        /* Of an extension whose length is told, the type comes beside. */
        const uint64_t size = value->number + (first >= 0xc7 && first <= 0xc9 ? 1U : 0U);
        if (first == 0xc1 || size > left) {
            return false;
        }
        value->text.at = (const char*)at;
        value->text.size = (uint16_t)size;
        at += size;
        left -= (uint32_t)size;
    }
    rest->at = (const char*)at;
    rest->size = (uint16_t)left;
    return true;
}

static uint64_t entries_of(const struct beckon_value* value) {
    return value->kind == BECKON_ARRAY ? value->number
           : value->kind == BECKON_MAP ? value->number * 2
                                       : 0;
}

bool beckon_take(struct beckon_text* entries, struct beckon_value* value) {
    if (!read_head(entries, value)) {
        return false;
    }
    struct beckon_text rest = *entries;
    struct beckon_value inner;
    for (uint64_t todo = entries_of(value); todo > 0; --todo) {
        if (!read_head(&rest, &inner)) {
            return false;
        }
        todo += entries_of(&inner);
    }
    if (value->kind == BECKON_ARRAY || value->kind == BECKON_MAP) {
        value->text.at = entries->at;
        value->text.size = (uint16_t)(rest.at - entries->at);
        *entries = rest;
    }
    return true;
}

bool beckon_is_map(struct beckon_text text) {
    uint64_t left[MOST_DEPTH];
    unsigned depth = 0;
    struct beckon_value value;
    do {
        if (!read_head(&text, &value)) {
            return false;
        }
        if (depth == 0 ? value.kind != BECKON_MAP : left[depth - 1]-- == 0) {
            return false;
        }
        const uint64_t entries = entries_of(&value);
        if (entries > 0) {
            if (entries > text.size || depth == MOST_DEPTH) {
                return false;
            }
            left[depth++] = entries;
        } else if (value.kind == BECKON_ARRAY || value.kind == BECKON_MAP) {
            if (depth == MOST_DEPTH || depth == 0) {
                return depth == 0 && text.size == 0;
            }
        }
        while (depth > 0 && left[depth - 1] == 0) {
            --depth;
        }
    } while (depth > 0);
    return text.size == 0;
}

bool beckon_find(struct beckon_text map, const char* key, struct beckon_value* value) {
    struct beckon_value name;
    struct beckon_value head;
    /* `map` is a whole message, or the entries of a map within one. */
    if (map.size > 0 && ((uint8_t)map.at[0] & 0xf0) != 0x80 && (uint8_t)map.at[0] < 0xde) {
        head.number = UINT32_MAX;
    } else if (!read_head(&map, &head)) {
        return false;
    }
    while (head.number-- > 0 && beckon_take(&map, &name) && beckon_take(&map, value)) {
        if (name.kind == BECKON_TEXT && beckon_is(name.text, key)) {
            return true;
        }
    }
    return false;
}

struct beckon_text beckon_find_text(struct beckon_text map, const char* key) {
    struct beckon_value value;
    if (beckon_find(map, key, &value) && value.kind == BECKON_TEXT) {
        return value.text;
    }
    return beckon_text_of(NULL);
}

struct beckon_text beckon_find_id(struct beckon_text map, const char* key) {
    const struct beckon_text text = beckon_find_text(map, key);
    return beckon_is_id(text) ? text : beckon_text_of(NULL);
}

bool beckon_find_number(struct beckon_text map, const char* key, uint64_t most, bool* found,
                        uint64_t* number) {
    struct beckon_value value;
    *found = beckon_find(map, key, &value);
    *number = *found ? value.number : 0;
    return !*found || (value.kind == BECKON_UINT && value.number <= most);
}

bool beckon_find_flag(struct beckon_text map, const char* key) {
    struct beckon_value value;
    return beckon_find(map, key, &value) && value.kind == BECKON_BOOL && value.number != 0;
}

struct beckon_text beckon_find_entries(struct beckon_text map, const char* key,
                                       enum beckon_kind kind) {
    struct beckon_value value;
    if (beckon_find(map, key, &value) && value.kind == kind) {
        return value.text;
    }
    return beckon_text_of(NULL);
}

/* -------------------------------------------------------------------------------- the writer */

void beckon_put(struct beckon_writer* writer, const void* bytes, size_t size) {
    if (size > (size_t)(writer->end - writer->at)) {
        writer->full = true;
        return;
    }
    if (size > 0) {
        memcpy(writer->at, bytes, size);
        writer->at += size;
    }
}

void beckon_put_word(struct beckon_writer* writer, const char* word) {
    beckon_put(writer, word, strlen(word));
}

void beckon_put_decimal(struct beckon_writer* writer, uint32_t number) {
    char digits[10];
    unsigned count = 0;
    do {
        digits[sizeof digits - ++count] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    beckon_put(writer, digits + sizeof digits - count, count);
}

void beckon_put_head(struct beckon_writer* writer, enum beckon_kind kind, uint32_t count) {
    /* What the shortest form holds, what it begins with, and what the others begin with: of 1, 2
     * and 4 bytes (0: there is none of 1). Binary has no shortest form. */
    static const uint8_t forms[][3] = {{0x7f, 0x00, 0xcc},
                                       {0x1f, 0xa0, 0xd9},
                                       {0x0f, 0x90, 0xdb},
                                       {0x0f, 0x80, 0xdd},
                                       {0, 0, 0xc4}};
    const uint8_t* form = forms[kind == BECKON_UINT    ? 0
                                : kind == BECKON_TEXT  ? 1
                                : kind == BECKON_ARRAY ? 2
                                : kind == BECKON_MAP   ? 3
                                                       : 4];
    uint8_t head[5];
    unsigned size = 1;
    if (count <= form[0] && kind != BECKON_OTHER) {
        head[0] = (uint8_t)(form[1] | count);
    } else {
        const bool has_byte = kind != BECKON_ARRAY && kind != BECKON_MAP;
        const unsigned power = count > 0xffff ? 2 : count > 0xff || !has_byte ? 1 : 0;
        head[0] = (uint8_t)(form[2] + power);
        for (unsigned left = 1U << power; left-- > 0;) {
            head[size++] = (uint8_t)(count >> (8 * left));
        }
    }
    beckon_put(writer, head, size);
}

void beckon_put_text(struct beckon_writer* writer, struct beckon_text text) {
    beckon_put_head(writer, text.binary ? BECKON_OTHER : BECKON_TEXT, text.size);
    beckon_put(writer, text.at, text.size);
}

void beckon_put_key(struct beckon_writer* writer, const char* key) {
    beckon_put_text(writer, beckon_text_of(key));
}
