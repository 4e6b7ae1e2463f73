/* SPDX-License-Identifier: Apache-2.0 */
/* What the sources of libbeckon-c share. */
#ifndef BECKON_INTERNAL_H
#define BECKON_INTERNAL_H

#include "beckon/beckon.h"

/* ------------------------------------------------------------------------------- wire.c */

/** Whether `text` is one whole msgpack map that may be read; nested at most 8 deep. */
bool beckon_is_map(struct beckon_text text);

struct beckon_text beckon_find_text(struct beckon_text map, const char* key);
/** An id of 1 to 64 characters, or nothing. */
struct beckon_text beckon_find_id(struct beckon_text map, const char* key);
/** `*found` false: it is not there. False: it is no such number, or above `most`. */
bool beckon_find_number(struct beckon_text map, const char* key, uint64_t most, bool* found,
                        uint64_t* number);
bool beckon_find_flag(struct beckon_text map, const char* key);
/** The entries; empty: there is none. `count` may be NULL. */
struct beckon_text beckon_find_entries(struct beckon_text map, const char* key,
                                       enum beckon_kind kind);

bool beckon_is_id(struct beckon_text text);
bool beckon_same(struct beckon_text one, struct beckon_text other);
bool beckon_is(struct beckon_text text, const char* word);
struct beckon_text beckon_text_from(const char* at, size_t size);
/** FNV-1a, begun with `seed`. */
uint64_t beckon_hash(uint64_t seed, struct beckon_text text);

/** Which of `words`, each ended by zero and all by another, it is; otherwise how many there are. */
unsigned beckon_word(const char* words, struct beckon_text text);
const char* beckon_nth_word(const char* words, unsigned index);

struct beckon_writer {
    char* at;
    char* end;
    bool full; /* something did not fit */
};
void beckon_put(struct beckon_writer* writer, const void* bytes, size_t size);
void beckon_put_word(struct beckon_writer* writer, const char* word); /* without its zero */
void beckon_put_decimal(struct beckon_writer* writer, uint32_t number);
void beckon_put_head(struct beckon_writer* writer, enum beckon_kind kind, uint32_t count);
void beckon_put_text(struct beckon_writer* writer, struct beckon_text text);
void beckon_put_key(struct beckon_writer* writer, const char* key);

/* ------------------------------------------------------------------------------- device.c */

enum verb {
    VERB_INVITE,
    VERB_ACCEPT,
    VERB_REJECT,
    VERB_CANCEL,
    VERB_RINGING,
    VERB_SIGNAL,
    VERB_JOIN,
    VERB_HANGUP,
    VERB_RESUME,
    VERB_MESSAGE,
    VERB_GET,
    VERB_SYNC,
    VERB_HERE
};

/** `when` has come. */
static inline bool beckon_due(uint32_t when, uint32_t now) { return (int32_t)(now - when) >= 0; }

/** The id by its number, which is above 0; 0, where it finds no room or `text` is no id. */
uint8_t beckon_name(struct beckon_device* device, struct beckon_text text);
void beckon_release(struct beckon_device* device, uint8_t name);
/** 0: nothing. */
struct beckon_text beckon_name_text(const struct beckon_device* device, uint8_t name);
static inline struct beckon_text beckon_me(const struct beckon_device* device) {
    return beckon_name_text(device, device->me);
}

/** The device asks for that by itself, until there is an answer. */
void beckon_errand(struct beckon_device* device, enum verb verb, struct beckon_text id);
void beckon_tell(struct beckon_device* device, struct beckon_news* news);
void beckon_tell_left_out(struct beckon_device* device, struct beckon_text id, uint16_t count);

/* -------------------------------------------------------------------------------- inbox.c */

void beckon_inbox_inviting(struct beckon_device* device, struct beckon_held* held,
                           const struct beckon_request* invite);
/** A free one, perhaps for one that has nothing to tell any more. */
struct beckon_held* beckon_inbox_make(struct beckon_device* device, struct beckon_text id);
void beckon_inbox_not_invited(struct beckon_device* device, struct beckon_text id);
void beckon_inbox_disown(struct beckon_device* device, struct beckon_text id);
void beckon_inbox_cancelling(struct beckon_device* device, struct beckon_text id, bool on_its_way);
void beckon_inbox_speaks(struct beckon_device* device, uint32_t epoch);
void beckon_inbox_event(struct beckon_device* device, struct beckon_text event);
/** An item of `sync`. */
void beckon_inbox_listed(struct beckon_device* device, struct beckon_text info);
/** A page of `get`. */
void beckon_inbox_got(struct beckon_device* device, struct beckon_text info, bool first, bool last);
void beckon_inbox_replied(struct beckon_device* device, const struct beckon_request* asked, bool ok,
                          struct beckon_text reply);
void beckon_inbox_forgotten(struct beckon_device* device, struct beckon_text id);
void beckon_inbox_begin_sync(struct beckon_device* device, bool again);
void beckon_inbox_end_sync(struct beckon_device* device);
void beckon_inbox_lose_connection(struct beckon_device* device);
void beckon_inbox_advance(struct beckon_device* device, bool connected);
uint32_t beckon_inbox_next(const struct beckon_device* device, uint32_t now);
/** How an own invitation stands that the broker was heard to have made; 0: not heard, 1: open, 2:
 * ended. */
int beckon_inbox_made(struct beckon_device* device, struct beckon_text id);

enum recent {
    RECENT_NONE,
    RECENT_ENDED,
    RECENT_ENDED_BEFORE, /* before the broker was started anew; they may be made anew */
    RECENT_DISOWNED,     /* own ones of which nothing is to be told */
    RECENT_RETURNED,     /* into its call this user has come */
    RECENT_WATCHED       /* others are asked, and this user is shown it */
};
void beckon_remember(struct beckon_device* device, enum recent kind, struct beckon_text id);
struct beckon_recent* beckon_recall(struct beckon_device* device, enum recent kind,
                                    struct beckon_text id);
/** Whether that signal or message was not told yet. */
bool beckon_is_news(struct beckon_device* device, uint64_t hash);

#endif
