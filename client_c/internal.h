/* SPDX-License-Identifier: Apache-2.0 */
/* What the sources of libbeckon-c share. */
#ifndef BECKON_INTERNAL_H
#define BECKON_INTERNAL_H

#include "beckon/beckon.h"

/* ------------------------------------------------------------------------------- wire.c */

/** Whether it is one whole map, nested at most 8 deep, of that size. All else is sound then. */
bool beckon_is_map(beckon_value value, size_t size);

/** What messages have that is read here. */
enum key {
    KEY_AGAIN_MS,
    KEY_ANSWER,
    KEY_BY,
    KEY_BY_DEVICE,
    KEY_CALL,
    KEY_CALL_STATE,
    KEY_CANCELLED,
    KEY_CODE,
    KEY_DATA,
    KEY_DEVICE,
    KEY_DURATION_MS,
    KEY_DUP,
    KEY_ERROR,
    KEY_EVENT,
    KEY_FROM,
    KEY_GROUP,
    KEY_ID,
    KEY_INVITATION,
    KEY_INVITATIONS,
    KEY_INVITEE,
    KEY_INVITEES,
    KEY_INVITER,
    KEY_MERGED_INTO,
    KEY_MORE,
    KEY_NEXT,
    KEY_OK,
    KEY_ONLINE_ONLY,
    KEY_RE,
    KEY_REASON,
    KEY_REMAINING_MS,
    KEY_REQ,
    KEY_REV,
    KEY_RINGING,
    KEY_ROLE,
    KEY_SEQ,
    KEY_SERVER_EPOCH,
    KEY_SKIPPED,
    KEY_STATE,
    KEY_USER,
    KEY_VISIBILITY,
    KEYS
};
struct fields {
    beckon_value at[KEYS]; /* NULL: it is not there */
};
/** Of anything but a map: none. */
void beckon_read(beckon_value map, struct fields* fields);

bool beckon_is_id(beckon_value text);
bool beckon_same(beckon_value one, beckon_value other);
/** FNV-1a, begun with `seed`. */
uint32_t beckon_hash(uint32_t seed, beckon_value text);

/** Which of `words`, one text after the other and a zero, it is; else how many there are. */
unsigned beckon_word(const char* words, beckon_value text);
beckon_value beckon_nth_word(const char* words, unsigned index);

struct beckon_writer {
    char* at;
    char* end;
    bool full; /* something did not fit */
};
void beckon_put(struct beckon_writer* writer, const void* bytes, size_t size);
void beckon_put_word(struct beckon_writer* writer, const char* word); /* not its zero */
void beckon_put_chars(struct beckon_writer* writer, beckon_value text);
void beckon_put_decimal(struct beckon_writer* writer, uint32_t number);
/** In one byte with `fix` up to `fix_most`; else behind `form`, or what follows that. */
void beckon_put_head(struct beckon_writer* writer, uint8_t fix, uint8_t fix_most, uint8_t form,
                     size_t count);
void beckon_put_text(struct beckon_writer* writer, const void* at, size_t size, bool binary);
void beckon_put_key(struct beckon_writer* writer, const char* key);
void beckon_put_value(struct beckon_writer* writer, beckon_value value);

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
uint8_t beckon_name(struct beckon_device* device, beckon_value text);
/** Its text stays where it is until the next step: somebody may be about to tell it. */
void beckon_release(struct beckon_device* device, uint8_t name);
/** 0: nothing. */
beckon_value beckon_text_of(const struct beckon_device* device, uint8_t name);
static inline beckon_value beckon_me(const struct beckon_device* device) {
    return beckon_text_of(device, device->me);
}
/** This device's tag, as a text. */
static inline beckon_value beckon_tag(const struct beckon_device* device) {
    return device->tag[0] != 0 ? device->tag : NULL;
}

/** The device asks for that by itself, until there is an answer. */
void beckon_errand(struct beckon_device* device, enum verb verb, beckon_value id);
void beckon_sync_in(struct beckon_device* device, uint32_t in);
void beckon_tell(struct beckon_device* device, struct beckon_news* news);
/** `count` invitees of it, or (0) all of it. */
void beckon_tell_left_out(struct beckon_device* device, beckon_value id, uint16_t count);
/** What the request says, `data` or `reason`. */
beckon_value beckon_said(const struct beckon_device* device, const struct beckon_request* request,
                         bool reason);

enum recent {
    RECENT_NONE,
    RECENT_ENDED,
    RECENT_ENDED_BEFORE, /* before the broker was started anew; they may be made anew */
    RECENT_DISOWNED,     /* own ones of which nothing is to be told */
    RECENT_RETURNED,     /* into its call this user has come */
    RECENT_CALL_OVER,    /* the end of its call was told: nobody comes into it any more */
    RECENT_WATCHED       /* others are asked, and this user is shown it */
};
void beckon_remember(struct beckon_device* device, enum recent kind, beckon_value id);
struct beckon_recent* beckon_recall(struct beckon_device* device, enum recent kind,
                                    beckon_value id);
/** Whether that signal or message was not told yet. */
bool beckon_is_news(struct beckon_device* device, uint32_t hash);

/* -------------------------------------------------------------------------------- inbox.c */

/** An invitation of its own is on its way. False: there is no room. */
bool beckon_inbox_inviting(struct beckon_device* device, const struct beckon_request* invite);
void beckon_inbox_not_invited(struct beckon_device* device, beckon_value id);
/** It failed for its caller, though it may have been made, and is being cancelled. */
void beckon_inbox_disown(struct beckon_device* device, beckon_value id);
void beckon_inbox_cancelling(struct beckon_device* device, beckon_value id, bool on_its_way);
void beckon_inbox_speaks(struct beckon_device* device, beckon_value epoch);
void beckon_inbox_event(struct beckon_device* device, beckon_value map);
/** An item of `sync`. */
void beckon_inbox_listed(struct beckon_device* device, beckon_value map);
/** A page of `get`. */
void beckon_inbox_got(struct beckon_device* device, beckon_value map, bool first, bool last);
void beckon_inbox_replied(struct beckon_device* device, const struct beckon_request* asked,
                          const struct fields* fields);
void beckon_inbox_forgotten(struct beckon_device* device, beckon_value id);
void beckon_inbox_begin_sync(struct beckon_device* device, bool again);
void beckon_inbox_end_sync(struct beckon_device* device);
void beckon_inbox_lose_connection(struct beckon_device* device);
void beckon_inbox_advance(struct beckon_device* device, bool connected);
/** In how many milliseconds it is to be looked whether something ended. */
uint32_t beckon_inbox_next(const struct beckon_device* device, uint32_t now);
/** Whether an own invitation is known to have been made, though the reply may be lost. */
bool beckon_inbox_made(struct beckon_device* device, beckon_value id);

#endif
