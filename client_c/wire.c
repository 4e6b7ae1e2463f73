/* SPDX-License-Identifier: Apache-2.0 */
/* msgpack: a reader that trusts nothing and copies nothing, and a writer. Words and ids. */
#include <string.h>

#include "internal.h"

#define MOST_DEPTH 8

/* -------------------------------------------------------------------------------- the reader */

struct head {
    enum beckon_kind kind;
    uint32_t size;    /* with the bytes of a text */
    uint32_t begin;   /* where those are */
    uint32_t entries; /* of an array, or twice those of a map */
};

/** From 0xc0 on: the kind, and how many bytes follow as a number, or a length. */
#define KIND(kind, follow) (uint8_t)((kind) << 5 | (follow))
static const uint8_t kinds[32] = {
    KIND(BECKON_NIL, 0),   KIND(BECKON_OTHER, 31), KIND(BECKON_BOOL, 0), KIND(BECKON_BOOL, 0),
    KIND(BECKON_TEXT, 1),  KIND(BECKON_TEXT, 2),   KIND(BECKON_TEXT, 4), KIND(BECKON_OTHER, 1),
    KIND(BECKON_OTHER, 2), KIND(BECKON_OTHER, 4),  KIND(BECKON_NIL, 4),  KIND(BECKON_NIL, 8),
    KIND(BECKON_UINT, 1),  KIND(BECKON_UINT, 2),   KIND(BECKON_UINT, 4), KIND(BECKON_UINT, 8),
    KIND(BECKON_INT, 1),   KIND(BECKON_INT, 2),    KIND(BECKON_INT, 4),  KIND(BECKON_INT, 8),
    KIND(BECKON_NIL, 2),   KIND(BECKON_NIL, 3),    KIND(BECKON_NIL, 5),  KIND(BECKON_NIL, 9),
    KIND(BECKON_NIL, 17),  KIND(BECKON_TEXT, 1),   KIND(BECKON_TEXT, 2), KIND(BECKON_TEXT, 4),
    KIND(BECKON_ARRAY, 2), KIND(BECKON_ARRAY, 4),  KIND(BECKON_MAP, 2),  KIND(BECKON_MAP, 4)};

/** False: it does not fit into `left`. */
static bool read_head(beckon_value at, size_t left, struct head* head) {
    if (left == 0) {
        return false;
    }
    const uint8_t first = *at;
    unsigned follow = 0;
    uint32_t count = first;
    if (first < 0x80) {
        head->kind = BECKON_UINT;
    } else if (first >= 0xe0) {
        head->kind = BECKON_INT;
    } else if (first < 0xc0) {
        head->kind = first < 0x90 ? BECKON_MAP : first < 0xa0 ? BECKON_ARRAY : BECKON_TEXT;
        count &= first < 0xa0 ? 0x0f : 0x1f;
    } else {
        follow = kinds[first - 0xc0] & 31U;
        head->kind = (enum beckon_kind)(kinds[first - 0xc0] >> 5);
    }
    head->begin = head->size = 1 + follow;
    head->entries = 0;
    if (head->size > left) {
        return false;
    }
    for (unsigned i = 1; i <= follow; ++i) {
        count = i == 1 ? at[1] : count << 8 | at[i];
    }
    if (head->kind == BECKON_ARRAY || head->kind == BECKON_MAP) {
        head->entries = head->kind == BECKON_MAP ? 2 * count : count;
        return count <= left;
    }
    if (head->kind == BECKON_TEXT || head->kind == BECKON_OTHER) {
        left -= head->size;
        head->size += count + (head->kind == BECKON_OTHER); /* an extension's type */
        return count < left || (count == left && head->kind == BECKON_TEXT);
    }
    return true;
}

/** Of a message that was found sound. */
static struct head head_of(beckon_value value) {
    struct head head;
    read_head(value, UINT32_MAX, &head);
    return head;
}

static beckon_value skip(beckon_value value) {
    for (uint32_t todo = 1; todo > 0; --todo) {
        const struct head head = head_of(value);
        value += head.size;
        todo += head.entries;
    }
    return value;
}

bool beckon_is_map(beckon_value value, size_t left) {
    uint32_t todo[MOST_DEPTH];
    unsigned depth = 0;
    struct head head;
    do {
        if (!read_head(value, left, &head) || (depth == 0 && head.kind != BECKON_MAP)) {
            return false;
        }
        value += head.size;
        left -= head.size;
        if (depth > 0) {
            --todo[depth - 1];
        }
        if (head.kind == BECKON_ARRAY || head.kind == BECKON_MAP) {
            if (depth == MOST_DEPTH) {
                return false;
            }
            todo[depth++] = head.entries;
        }
        while (depth > 0 && todo[depth - 1] == 0) {
            --depth;
        }
    } while (depth > 0);
    return left == 0;
}

enum beckon_kind beckon_kind_of(beckon_value value) { return head_of(value).kind; }

size_t beckon_size(beckon_value value) {
    if (value == NULL) {
        return 0;
    }
    const struct head head = head_of(value);
    return head.size - head.begin;
}

const char* beckon_chars(beckon_value value) {
    return value == NULL ? "" : (const char*)value + head_of(value).begin;
}

bool beckon_is_binary(beckon_value value) {
    return value != NULL && *value >= 0xc4 && *value <= 0xc6;
}

bool beckon_number(beckon_value value, uint64_t* number) {
    *number = 0;
    if (value == NULL) {
        return false;
    }
    const struct head head = head_of(value);
    *number = *value;
    for (uint32_t i = 1; i < head.size; ++i) {
        *number = i == 1 ? value[1] : *number << 8 | value[i];
    }
    return head.kind == BECKON_UINT ||
           (head.kind == BECKON_INT && head.size > 1 && (value[1] & 0x80) == 0);
}

bool beckon_is_true(beckon_value value) { return value != NULL && *value == 0xc3; }

struct beckon_list beckon_entries(beckon_value value) {
    struct beckon_list list = {0, value};
    if (value != NULL) {
        const struct head head = head_of(value);
        list.left = head.entries;
        list.next = value + head.size;
    }
    return list;
}

beckon_value beckon_take(struct beckon_list* list) {
    const beckon_value value = list->next;
    if (list->left == 0) {
        return NULL;
    }
    if (--list->left > 0) {
        list->next = skip(value);
    }
    return value;
}

beckon_value beckon_find(beckon_value map, const char* key) {
    struct beckon_list list = beckon_entries(map);
    while (list.left > 0) {
        const beckon_value name = beckon_take(&list);
        const beckon_value value = beckon_take(&list);
        if (beckon_is(name, key)) {
            return value;
        }
    }
    return NULL;
}

/* In the order of `enum key`. */
static const char keys[] =
    "\xa8"
    "again_ms"
    "\xa6"
    "answer"
    "\xa2"
    "by"
    "\xa9"
    "by_device"
    "\xa4"
    "call"
    "\xaa"
    "call_state"
    "\xa9"
    "cancelled"
    "\xa4"
    "code"
    "\xa4"
    "data"
    "\xa6"
    "device"
    "\xab"
    "duration_ms"
    "\xa3"
    "dup"
    "\xa5"
    "error"
    "\xa5"
    "event"
    "\xa4"
    "from"
    "\xa5"
    "group"
    "\xa2"
    "id"
    "\xaa"
    "invitation"
    "\xab"
    "invitations"
    "\xa7"
    "invitee"
    "\xa8"
    "invitees"
    "\xa7"
    "inviter"
    "\xab"
    "merged_into"
    "\xa4"
    "more"
    "\xa4"
    "next"
    "\xa2"
    "ok"
    "\xab"
    "online_only"
    "\xa2"
    "re"
    "\xa6"
    "reason"
    "\xac"
    "remaining_ms"
    "\xa3"
    "req"
    "\xa3"
    "rev"
    "\xa7"
    "ringing"
    "\xa4"
    "role"
    "\xa3"
    "seq"
    "\xac"
    "server_epoch"
    "\xa7"
    "skipped"
    "\xa5"
    "state"
    "\xa4"
    "user"
    "\xaa"
    "visibility";

void beckon_read(beckon_value map, struct fields* fields) {
    struct beckon_list list = beckon_entries(map);
    memset(fields, 0, sizeof *fields);
    while (list.left > 1) {
        const unsigned key = beckon_word(keys, beckon_take(&list));
        const beckon_value value = beckon_take(&list);
        if (key < KEYS) {
            fields->at[key] = value;
        }
    }
}

/* --------------------------------------------------------------------------- words and ids */

bool beckon_same(beckon_value one, beckon_value other) {
    const size_t size = beckon_size(one);
    return one != NULL && other != NULL && size == beckon_size(other) &&
           memcmp(beckon_chars(one), beckon_chars(other), size) == 0;
}

bool beckon_is(beckon_value text, const char* word) {
    const size_t size = strlen(word);
    return text != NULL && size == beckon_size(text) && memcmp(beckon_chars(text), word, size) == 0;
}

bool beckon_is_id(beckon_value text) {
    const size_t size = beckon_size(text);
    const char* at = beckon_chars(text);
    if (size == 0 || size > BECKON_ID_BYTES || beckon_kind_of(text) != BECKON_TEXT) {
        return false;
    }
    for (size_t i = 0; i < size; ++i) {
        const char c = at[i];
        const char lower = (char)(c | 0x20);
        /* From '-' to ':' there are '-', '.', '/', the digits and ':'. */
        if (!((lower >= 'a' && lower <= 'z') || (c >= '-' && c <= ':' && c != '/') || c == '@' ||
              c == '_')) {
            return false;
        }
    }
    return true;
}

uint32_t beckon_hash(uint32_t seed, beckon_value text) {
    uint32_t hash = seed ^ 0x811c9dc5U;
    const char* at = beckon_chars(text);
    for (size_t left = beckon_size(text); left > 0; --left) {
        hash = (hash ^ (uint8_t)*at++) * 0x01000193U;
    }
    return hash;
}

unsigned beckon_word(const char* words, beckon_value text) {
    beckon_value word = (beckon_value)words;
    unsigned index = 0;
    for (; *word != 0 && !beckon_same(word, text); word = skip(word)) {
        ++index;
    }
    return index;
}

beckon_value beckon_nth_word(const char* words, unsigned index) {
    beckon_value word = (beckon_value)words;
    for (; index > 0; --index) {
        word = skip(word);
    }
    return word;
}

/* -------------------------------------------------------------------------------- the writer */

void beckon_put(struct beckon_writer* writer, const void* bytes, size_t size) {
    if (size > (size_t)(writer->end - writer->at)) {
        writer->full = true;
    } else if (size > 0) {
        memcpy(writer->at, bytes, size);
        writer->at += size;
    }
}

void beckon_put_word(struct beckon_writer* writer, const char* word) {
    beckon_put(writer, word, strlen(word));
}

void beckon_put_chars(struct beckon_writer* writer, beckon_value text) {
    beckon_put(writer, beckon_chars(text), beckon_size(text));
}

void beckon_put_decimal(struct beckon_writer* writer, uint32_t number) {
    char digits[10];
    char* at = digits + sizeof digits;
    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    beckon_put(writer, at, (size_t)(digits + sizeof digits - at));
}

void beckon_put_head(struct beckon_writer* writer, uint8_t fix, uint8_t fix_most, uint8_t form,
                     size_t count) {
    uint8_t head[5];
    unsigned size = 0;
    head[0] = (uint8_t)(fix | count);
    if (count > fix_most) {
        /* As many bytes as it needs; of arrays and maps there is no form of one. */
        const unsigned power = count > 0xffff ? 2 : count > 0xff || form == 0xdb ? 1 : 0;
        head[0] = (uint8_t)(form + power);
        for (unsigned left = 1U << power; left-- > 0;) {
            head[++size] = (uint8_t)(count >> (8 * left));
        }
    }
    beckon_put(writer, head, size + 1);
}

void beckon_put_text(struct beckon_writer* writer, const void* at, size_t size, bool binary) {
    if (binary) {
        beckon_put_head(writer, 0xc4, 0, 0xc4, size);
        if (size == 0) {
            beckon_put(writer, "", 1);
        }
    } else {
        beckon_put_head(writer, 0xa0, 0x1f, 0xd9, size);
    }
    beckon_put(writer, at, size);
}

void beckon_put_key(struct beckon_writer* writer, const char* key) {
    beckon_put_text(writer, key, strlen(key), false);
}

void beckon_put_value(struct beckon_writer* writer, beckon_value value) {
    beckon_put(writer, value, (size_t)(skip(value) - value));
}
