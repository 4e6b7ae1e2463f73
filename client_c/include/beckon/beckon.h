/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libbeckon-c: one device of one user, for microcontrollers. C99; no heap, thread, clock or I/O.
 *
 * The application owns the MQTT client. It hands in what arrived, the time and how the connection
 * is; the library calls the listener's functions, and hands out what to subscribe to and publish:
 *
 *     beckon_connected, beckon_receive, beckon_advance ...  what has happened
 *     beckon_next_packet                                    after each of them, until it has none
 *     beckon_next_deadline                                  how long one may sleep
 *
 * Time is a count of milliseconds that only rises, runs on during sleep, and may wrap. It is handed
 * in with everything, and at least once in 20 days.
 *
 * One thread at a time. The listener's functions may make calls (beckon_accept ...), and nothing
 * else of the library. What they are handed lives until they return. What the application hands in
 * lives until the function returns, but for `struct beckon_options` and its texts, and the data of
 * `beckon_set_busy`.
 *
 * docs/microcontrollers.md has an example, sizes, and what the tables below mean.
 */
#ifndef BECKON_BECKON_H
#define BECKON_BECKON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---------------------------------------------------------------- tables (same for all sources) */

/** Invitations at a time: what rings here, what this device asked, calls. */
#ifndef BECKON_INVITATIONS
#define BECKON_INVITATIONS 4
#endif
/** Invitees of each that are known one by one. */
#ifndef BECKON_INVITEES
#define BECKON_INVITEES 8
#endif
/** Bytes of `data`, `reason` of all calls together that have no result yet. */
#ifndef BECKON_DATA_BYTES
#define BECKON_DATA_BYTES 512
#endif
/** Calls without a result, and 5 more for what the device asks by itself. */
#ifndef BECKON_REQUESTS
#define BECKON_REQUESTS 12
#endif
/** Distinct ids that are known, at most 255 (invitations, users, groups), and the bytes of all. */
#ifndef BECKON_NAMES
#define BECKON_NAMES 48
#endif
#ifndef BECKON_NAME_BYTES
#define BECKON_NAME_BYTES 1280
#endif
/** Invitations that have ended, and are known again when news of them come late. */
#ifndef BECKON_RECENT
#define BECKON_RECENT 16
#endif
/** Signals and messages that are known again when they come twice. */
#ifndef BECKON_TOLD
#define BECKON_TOLD 16
#endif

/** The longest id, and what `beckon_new_id` writes. */
#define BECKON_ID_BYTES 64
#define BECKON_NEW_ID_BYTES 33
/** The longest packet: what a buffer of `beckon_next_packet` never has to exceed. */
#define BECKON_PACKET_BYTES (480 + BECKON_DATA_BYTES + BECKON_INVITEES * 66)

/** No time: it has no deadline. */
#define BECKON_NO_TIME UINT32_MAX

/* ------------------------------------------------------------------------------------ values */

/** Not terminated by zero. `at` is NULL: there is none. `binary` means something in data only. */
struct beckon_text {
    const char* at;
    uint16_t size;
    bool binary;
};

/** `text` must be short enough (65535) and may be NULL. */
struct beckon_text beckon_text_of(const char* text);

enum beckon_state {
    BECKON_PENDING,
    BECKON_ACCEPTED,
    BECKON_REJECTED,
    BECKON_CANCELLED,
    BECKON_TIMED_OUT,
    BECKON_REVOKED,
    BECKON_FORGOTTEN /**< Of an end: the broker knows nothing of it any more. */
};

enum beckon_role { BECKON_INVITER, BECKON_INVITEE };

enum beckon_visibility {
    BECKON_VISIBILITY_USUAL,
    BECKON_VISIBILITY_MEMBERS,
    BECKON_VISIBILITY_INVITEES,
    BECKON_VISIBILITY_INVITER
};

enum beckon_link {
    BECKON_OFFLINE,
    BECKON_SYNCING,  /**< Connected; the broker's Beckon has yet to answer. */
    BECKON_READY,    /**< What is open is known. */
    BECKON_NO_BECKON /**< Connected, and nobody answers. */
};

/** Which of the listener's functions is called, in their order. */
enum beckon_what {
    BECKON_NEW_INVITATION,
    BECKON_INVITEE_ACCEPTED,
    BECKON_INVITEE_REJECTED,
    BECKON_INVITATION_CANCELLED,
    BECKON_INVITATION_TIMEOUT,
    BECKON_INVITATION_MODIFIED,
    BECKON_INVITATION_REVOKED,
    BECKON_INVITEE_RINGING,
    BECKON_SIGNAL,
    BECKON_PARTICIPANT_JOINED,
    BECKON_PARTICIPANT_LEFT,
    BECKON_PARTICIPANT_MOVED,
    BECKON_CALL_ENDED,
    BECKON_MESSAGE,
    BECKON_OWN_INVITATION,
    BECKON_INVITATION_ENDED,
    BECKON_REJECTED_AS_BUSY,
    BECKON_LEFT_OUT
};

struct beckon_device;

/** What the application is told; what does not apply is zero. */
struct beckon_news {
    enum beckon_what what;
    struct beckon_text id; /**< The invitation's, or a message's. */
    struct beckon_text inviter;
    struct beckon_text group;
    struct beckon_text user; /**< Who accepted, rejected, rings, signals, joins, leaves, writes. */
    struct beckon_text data;
    struct beckon_text reason;
    struct beckon_text by;
    struct beckon_text by_device;
    enum beckon_role role; /**< This user's. */
    enum beckon_state state;
    uint32_t rev;
    uint32_t remaining_ms; /**< Until the deadline; `BECKON_NO_TIME`: none. */
    uint32_t duration_ms;  /**< Of a call. */
    /** Invitees beside those that `beckon_next_invitee` tells; not what they did. */
    uint16_t left_out;
    bool call;
    bool first; /**< The first who accepts takes it. */
    bool online_only;
    bool inviter_in_call;
    bool ends_ours; /**< A cancel or revocation ends it for this user. */
    bool assumed;   /**< Nobody said so: the deadline passed while the broker was out of reach. */
    bool here;      /**< An end: this device did it. */
    enum beckon_visibility visibility;
    /** What came, as msgpack, for `beckon_find`: `replaces` and whatever else; size 0: nothing. */
    struct beckon_text body;
    /* Of the library. */
    const struct beckon_device* device;
    uint8_t held;
    bool whole;
};

/** What became of one call. */
struct beckon_result {
    int call;
    bool ok;
    int code;
    struct beckon_text error; /**< The contract's word; or `no_reply`, `not_connected` ... */
    struct beckon_text id;    /**< Of the invitation or message. */
    struct beckon_text merged_into;
    bool dup;
    /** The reply, as msgpack, for `beckon_find`: `offline`, `limit` ...; size 0: there was none. */
    struct beckon_text reply;
};

/** Each may be NULL. `app` is the options'. */
typedef void (*beckon_told)(void* app, const struct beckon_news* news);

struct beckon_listener {
    /** It rings, for this user: once, also for what was pending at the start. */
    beckon_told on_receive_new_invitation;
    beckon_told on_invitee_accepted;
    beckon_told on_invitee_rejected;
    beckon_told on_invitation_cancelled;
    beckon_told on_invitation_timeout;
    beckon_told on_invitation_modified;
    beckon_told on_invitation_revoked;
    beckon_told on_invitee_ringing;
    beckon_told on_signal;
    beckon_told on_participant_joined;
    beckon_told on_participant_left;
    beckon_told on_participant_moved;
    beckon_told on_call_ended;
    beckon_told on_message;
    /** Another device of this user's has rung somebody. */
    beckon_told on_own_invitation;
    /** The ring is over: once for each that rang, or was asked by this user. */
    beckon_told on_invitation_ended;
    /** Instead of a ring. */
    beckon_told on_rejected_as_busy;
    /**
     * Something did not fit into the tables or the application's buffer. `id`: an invitation that
     * is not told for now (once there is room it is, if it is still pending), or not all of it
     * (`left_out` invitees). No `id`: the broker's list of what is open could not be read.
     */
    beckon_told on_left_out;

    void (*on_result)(void* app, const struct beckon_result* result);
    void (*on_link_changed)(void* app, enum beckon_link link);
};

struct beckon_options {
    const char* user;   /**< The MQTT user name. */
    const char* device; /**< What this device is called: random once, then kept. May be NULL. */
    const char* root;   /**< NULL: "beckon". */
    /** Begins each `req`: no other device of the user has it. NULL: 16 digits by `random`. */
    const char* req_prefix;
    const struct beckon_listener* listener;
    void* app;
    /** 32 random bits; must not be the same after each start. */
    uint32_t (*random)(void* app);
    /** So many invitations on a page of `sync`, that it fits the buffer; 0: the broker's 100. */
    uint16_t sync_limit;
};

/* ------------------------------------------------------------------------------- what happens */

/** False: `user` is no id, or `device`, `root` or `req_prefix` is too long. */
bool beckon_init(struct beckon_device* device, const struct beckon_options* options);

/** 128 random bits as 32 hex digits: an id for an invitation or a message. */
void beckon_new_id(struct beckon_device* device, char id[BECKON_NEW_ID_BYTES]);

struct beckon_packet {
    bool subscribe; /**< To `topic`; otherwise publish there, not retained. */
    const char* topic;
    const void* payload;
    size_t size;
};

/**
 * The will of the next connection, asked before each. False: `buffer` is too small.
 * Topics and payloads are in `buffer`.
 */
bool beckon_will(struct beckon_device* device, void* buffer, size_t size,
                 struct beckon_packet* will);
/** The connection is up. `max_packet`: CONNACK's limit (MQTT 5), 0: none is known. */
void beckon_connected(struct beckon_device* device, size_t max_packet, uint32_t now);
/** `too_large`: MQTT 5's reason 0x95. */
void beckon_disconnected(struct beckon_device* device, bool too_large, uint32_t now);
/** A message came. Those of other topics are left alone. */
void beckon_receive(struct beckon_device* device, const char* topic, const void* payload,
                    size_t size, uint32_t now);
/** A message came that was larger than the application's buffer. */
void beckon_missed(struct beckon_device* device, const char* topic, uint32_t now);
/** Applies what is due. */
void beckon_advance(struct beckon_device* device, uint32_t now);
/** In how many milliseconds something is due; `BECKON_NO_TIME`: nothing. */
uint32_t beckon_next_deadline(const struct beckon_device* device, uint32_t now);
/**
 * The next thing to send, in order. False: there is nothing now. What does not fit into `buffer`
 * (`BECKON_PACKET_BYTES` always does) ends that call as `too_large`.
 */
bool beckon_next_packet(struct beckon_device* device, void* buffer, size_t size, uint32_t now,
                        struct beckon_packet* packet);
/** Each call ends as `closed`; the last packets say that this device is gone. */
void beckon_close(struct beckon_device* device, uint32_t now);

/** Limits that the broker's `status` tells, where the application knows them. 0: as usual. */
struct beckon_limits {
    uint32_t max_payload_bytes;
    uint16_t requests_per_second;
    uint16_t requests_burst;
    bool presence_told; /**< `presence` is `told`. */
};
void beckon_set_limits(struct beckon_device* device, const struct beckon_limits* limits);

enum beckon_link beckon_link_now(const struct beckon_device* device);

/* -------------------------------------------------------------------------------------- calls */

/** A call's number is above 0, and its result comes once. Otherwise this is its result: */
enum {
    BECKON_NO_ROOM = -1,   /**< A table is full. */
    BECKON_INVALID = -2,   /**< No id, or too many invitees. */
    BECKON_NOT_THERE = -3, /**< The broker has no Beckon. */
    BECKON_TOO_LARGE = -4  /**< The data does not fit. */
};

struct beckon_invitation {
    const char* id;            /**< By `beckon_new_id`. */
    const char* user;          /**< Whom it rings; or */
    const char* group;         /**< the group, */
    const char* const* others; /**< and these as well; of a group: only these. */
    unsigned count;            /**< Of `others`; of a group 0: all other members. */
    struct beckon_text data;
    uint32_t timeout_ms; /**< 0: 30 s; `BECKON_NO_TIME`: none. */
    bool call;
    bool first; /**< The first who accepts takes it. */
    bool online_only;
    bool keep; /**< It goes on when this device is lost. */
    bool replace;
    enum beckon_visibility visibility;
};
int beckon_invite(struct beckon_device* device, const struct beckon_invitation* invite,
                  uint32_t now);

int beckon_accept(struct beckon_device* device, const char* id, struct beckon_text data,
                  uint32_t now);
/** `reason` NULL: "declined". */
int beckon_reject(struct beckon_device* device, const char* id, struct beckon_text data,
                  const char* reason, uint32_t now);
/** All who are pending. */
int beckon_cancel(struct beckon_device* device, const char* id, struct beckon_text data,
                  uint32_t now);
int beckon_ringing(struct beckon_device* device, const char* id, uint32_t now);
/** `to` NULL: all whom this user talks with. */
int beckon_signal(struct beckon_device* device, const char* id, const char* to,
                  struct beckon_text data, uint32_t now);
int beckon_join(struct beckon_device* device, const char* id, struct beckon_text data,
                uint32_t now);
/** `reason` NULL: "hangup". `all`: the inviter ends it for everybody. */
int beckon_hangup(struct beckon_device* device, const char* id, struct beckon_text data,
                  const char* reason, bool all, uint32_t now);
/** This device takes the call over. */
int beckon_resume(struct beckon_device* device, const char* id, uint32_t now);
/** To `user`, or to `group`. */
int beckon_message(struct beckon_device* device, const char* user, const char* group,
                   const char* id, struct beckon_text data, bool online_only, uint32_t now);
/** From now on every ring is rejected as `busy`, with `data`, which must stay as it is. */
void beckon_set_busy(struct beckon_device* device, bool busy, struct beckon_text data);

/* ----------------------------------------------------------------------------- what is known */

/** What is open, calls included: fills `news` as of `now`. Begin with `*at` 0. */
bool beckon_next_open(const struct beckon_device* device, uint32_t now, unsigned* at,
                      struct beckon_news* news);

struct beckon_invitee {
    struct beckon_text user;
    enum beckon_state state;
    bool ringing;
    bool in_call;
};
/** Those whom the news is about; of `beckon_next_open` and new invitations all. */
bool beckon_next_invitee(const struct beckon_news* news, unsigned* at,
                         struct beckon_invitee* invitee);

/* A reader of msgpack, for `body` and `reply`. */

enum beckon_kind {
    BECKON_NIL,
    BECKON_BOOL,
    BECKON_UINT,
    BECKON_INT, /**< Below 0. */
    BECKON_TEXT,
    BECKON_ARRAY,
    BECKON_MAP,
    BECKON_OTHER
};
struct beckon_value {
    enum beckon_kind kind;
    uint64_t number;         /**< Or 0, 1; as two's complement; entries of an array or map. */
    struct beckon_text text; /**< Text or binary; of an array or map its entries. */
};
/** What `map` has by that key. */
bool beckon_find(struct beckon_text map, const char* key, struct beckon_value* value);
/** Takes the next value out of `entries`; of a map keys and values by turns. */
bool beckon_take(struct beckon_text* entries, struct beckon_value* value);

/* ------------------------------------------------------- the library's own, for its size only */

struct beckon_part {
    unsigned name : 8;
    unsigned state : 3;
    unsigned ringing : 1;
    unsigned in_call : 1;
    unsigned marked : 1; /* the news is about this one */
    unsigned fresh : 1;  /* a page lists it that is not applied yet */
    unsigned told : 3;   /* by the present pages of `get` or `sync` */
    unsigned told_ringing : 1;
    unsigned told_in_call : 1;
    unsigned told_reason : 4;
    unsigned seen : 1;
};

struct beckon_held {
    uint32_t rev, heard, told_rev;
    uint32_t deadline, look, call_began;
    uint32_t data_hash;
    uint16_t more_pending, told_pending, told_more;
    uint8_t id, inviter, group, count;
    uint8_t end_by;
    char end_by_device[16];
    unsigned end_reason : 4;
    unsigned end_here : 1;
    unsigned end_has_device : 1;
    unsigned more_best : 3;
    unsigned told_best : 3;
    unsigned draft : 1; /* pages of it come, and nothing else is known */
    unsigned role : 1;
    unsigned visibility : 2;
    unsigned call : 1;
    unsigned first : 1;
    unsigned online_only : 1;
    unsigned has_deadline : 1;
    unsigned has_look : 1;
    unsigned has_heard : 1;
    unsigned confirmed : 1;
    unsigned announced : 1;
    unsigned end_told : 1;
    unsigned assumed : 1;
    unsigned cancelling : 1;
    unsigned gap : 1;
    unsigned unlisted : 1;
    unsigned looked : 1;
    unsigned missing : 1;
    unsigned before : 1;
    unsigned earlier : 1;
    unsigned busy : 1;
    unsigned partial : 1; /* not all invitees fit */
    unsigned call_live : 1;
    unsigned call_over : 1;
    unsigned inviter_in_call : 1;
    unsigned told_inviter_in_call : 1;
    struct beckon_part parts[BECKON_INVITEES];
};

struct beckon_request {
    uint32_t number;
    uint32_t asked, deadline, again_at;
    uint32_t value; /* timeout or seq */
    uint16_t call, size;
    uint16_t data_at, data_size, reason_size;
    uint8_t verb, about, id, count;
    uint8_t sent, tries;
    unsigned used : 1;
    unsigned in_flight : 1;
    unsigned has_again : 1;
    unsigned thrown_out : 2;
    unsigned refused : 1;
    unsigned withdrawn : 1;
    unsigned moot : 1;
    unsigned paged : 1;
    unsigned has_data : 1;
    unsigned binary : 1;
    unsigned in_group : 1;
    unsigned first : 1;
    unsigned begins_call : 1;
    unsigned online_only : 1;
    unsigned keep : 1;
    unsigned replace : 1;
    unsigned all : 1;
    unsigned no_data : 1;
    unsigned visibility : 2;
    uint8_t names[BECKON_INVITEES];
};

struct beckon_recent {
    uint32_t hash[2];
    uint8_t kind, marks;
};

struct beckon_device {
    const struct beckon_options* options;
    struct beckon_text busy_data;
    struct beckon_text other_reason;
    uint32_t now;
    uint32_t last_number, runs, seq;
    uint32_t here_at, sync_at;
    uint32_t pace_interval_us, pace_at_once_us, pace_debt_us, pace_at;
    uint32_t max_payload, max_packet;
    uint32_t epoch;
    uint16_t last_call;
    uint16_t sync_limit;
    uint16_t data_used, names_used;
    uint8_t link, subscriptions, here_tries, me, next_recent, next_told;
    unsigned busy : 1;
    unsigned presence_told : 1;
    unsigned has_here : 1;
    unsigned here_noted : 1;
    unsigned has_sync : 1;
    unsigned syncing : 1;
    unsigned sync_unanswered : 1;
    unsigned has_epoch : 1;
    unsigned has_tag : 1;
    unsigned gone : 1;
    unsigned crowded : 1; /* something was left out for want of room */
    char tag[16];
    char prefix[17];
    char cursor[24];
    uint8_t cursor_size;
    struct beckon_held held[BECKON_INVITATIONS];
    struct beckon_request requests[BECKON_REQUESTS];
    struct beckon_recent recent[BECKON_RECENT];
    uint64_t told[BECKON_TOLD];
    uint16_t name_at[BECKON_NAMES];
    uint8_t name_size[BECKON_NAMES];
    uint8_t name_uses[BECKON_NAMES];
    char names[BECKON_NAME_BYTES];
    char data[BECKON_DATA_BYTES];
};

#ifdef __cplusplus
}
#endif

#endif
