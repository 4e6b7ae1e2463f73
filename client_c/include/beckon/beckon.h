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
#define BECKON_NAME_BYTES 1024
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

/**
 * A value within a message, as msgpack; mostly a text. NULL: there is none. Texts are not ended by
 * zero: `printf("%.*s", (int)beckon_size(news->inviter), beckon_chars(news->inviter))`.
 */
typedef const uint8_t* beckon_value;

/** Of text and data; of anything else, and of NULL, 0. */
size_t beckon_size(beckon_value value);
const char* beckon_chars(beckon_value value);
bool beckon_is(beckon_value value, const char* word);
/** Of data: it is binary. */
bool beckon_is_binary(beckon_value value);

/** What is sent. `at` NULL: nothing. */
struct beckon_data {
    const void* at;
    size_t size;
    bool binary; /**< Otherwise text in UTF-8. */
};

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
    enum beckon_role role;   /**< This user's. */
    enum beckon_state state; /**< Of an end. */
    enum beckon_visibility visibility;
    uint8_t traits; /**< `BECKON_CALL`, `BECKON_FIRST`, `BECKON_ONLINE_ONLY`. */
    bool inviter_in_call;
    bool ends_ours; /**< A cancel or revocation ends it for this user. */
    bool assumed;   /**< Nobody said so: the deadline passed while the broker was out of reach. */
    bool here;      /**< An end: this device did it. */
    bool whole;     /**< It is about all invitees. */
    uint8_t held;   /**< The library's own. */
    uint16_t left_out; /**< Invitees beside those that `beckon_next_invitee` tells. */
    uint32_t rev;
    uint32_t remaining_ms; /**< Until the deadline; `BECKON_NO_TIME`: none. */
    uint32_t duration_ms;  /**< Of a call. */
    beckon_value id;       /**< The invitation's, or a message's. */
    beckon_value inviter;
    beckon_value group;
    beckon_value user; /**< Who accepted, rejected, rings, signals, joins, leaves, writes. */
    beckon_value data;
    beckon_value reason;
    beckon_value by;
    beckon_value by_device;
    beckon_value body; /**< The event as it came, for `beckon_find`: `replaces` ... NULL: none. */
    const struct beckon_device* device;
};

/** What became of one call. */
struct beckon_result {
    int call;
    bool ok;
    int code;
    beckon_value error; /**< The contract's word; or `no_reply`, `not_connected` ... */
    beckon_value id;    /**< Of the invitation or message. */
    uint32_t limit;     /**< Of `too_large` that this device says itself: the largest payload. */
    beckon_value
        reply; /**< For `beckon_find`: `offline`, `merged_into` ... NULL: there was none. */
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

/** What is asked; as the contract names it. */
enum beckon_verb {
    BECKON_INVITE,
    BECKON_ACCEPT,
    BECKON_REJECT,
    BECKON_CANCEL,
    BECKON_RING, /**< `ringing`. */
    BECKON_SEND_SIGNAL,
    BECKON_JOIN,
    BECKON_HANGUP,
    BECKON_RESUME,
    BECKON_SEND_MESSAGE
};

/** Of an invitation; and of a hangup: the inviter ends it for everybody. */
enum {
    BECKON_CALL = 1,
    BECKON_ONLINE_ONLY = 2, /**< Also of a message. */
    BECKON_REPLACE = 4,
    BECKON_ALL = 8,
    BECKON_FIRST = 16, /**< The first who accepts takes it. */
    BECKON_KEEP = 32   /**< It goes on when this device is lost. */
};

/** What does not apply is zero. */
struct beckon_call {
    enum beckon_verb verb;
    const char* id;    /**< By `beckon_new_id`, of an invitation or message that it makes. */
    const char* user;  /**< Whom it rings, or writes to; or */
    const char* group; /**< the group. */
    const char* const* others; /**< Rings these as well; of a group only these. A signal's `to`. */
    uint8_t count;             /**< Of `others`; of a group 0: all other members. */
    uint8_t traits;
    enum beckon_visibility visibility;
    uint32_t timeout_ms; /**< 0: 30 s; `BECKON_NO_TIME`: none. */
    const struct beckon_data* data;
    const char* reason;
};
int beckon_ask(struct beckon_device* device, const struct beckon_call* call, uint32_t now);

static inline struct beckon_call beckon_call_to(enum beckon_verb verb, const char* id,
                                                const struct beckon_data* data) {
    const struct beckon_call call = {verb, id,   NULL, NULL, NULL, 0, 0, BECKON_VISIBILITY_USUAL,
                                     0,    data, NULL};
    return call;
}

/** Rings `user` for 30 s; whatever else there is can be asked by `beckon_ask`. */
static inline int beckon_invite(struct beckon_device* device, const char* id, const char* user,
                                const struct beckon_data* data, uint32_t now) {
    struct beckon_call call = beckon_call_to(BECKON_INVITE, id, data);
    call.user = user;
    return beckon_ask(device, &call, now);
}

/** Rings all other members of `group`. */
static inline int beckon_invite_in_group(struct beckon_device* device, const char* id,
                                         const char* group, const struct beckon_data* data,
                                         uint32_t now) {
    struct beckon_call call = beckon_call_to(BECKON_INVITE, id, data);
    call.group = group;
    return beckon_ask(device, &call, now);
}

/** `accept`, `reject`, `cancel` (all who are pending), `ringing`, `join`, `hangup`, `resume`. */
static inline int beckon_do(struct beckon_device* device, enum beckon_verb verb, const char* id,
                            const struct beckon_data* data, uint32_t now) {
    const struct beckon_call call = beckon_call_to(verb, id, data);
    return beckon_ask(device, &call, now);
}

/** `reason` such as "busy". */
static inline int beckon_reject(struct beckon_device* device, const char* id, const char* reason,
                                uint32_t now) {
    struct beckon_call call = beckon_call_to(BECKON_REJECT, id, NULL);
    call.reason = reason;
    return beckon_ask(device, &call, now);
}

/** `to` NULL: all whom this user talks with. */
static inline int beckon_signal(struct beckon_device* device, const char* id, const char* to,
                                const struct beckon_data* data, uint32_t now) {
    struct beckon_call call = beckon_call_to(BECKON_SEND_SIGNAL, id, data);
    call.others = &to;
    call.count = to != NULL;
    return beckon_ask(device, &call, now);
}

/** To `user`. */
static inline int beckon_message(struct beckon_device* device, const char* id, const char* user,
                                 const struct beckon_data* data, uint32_t now) {
    struct beckon_call call = beckon_call_to(BECKON_SEND_MESSAGE, id, data);
    call.user = user;
    return beckon_ask(device, &call, now);
}

/** From now on every ring is rejected as `busy`, with `data` (or NULL), which must stay there. */
void beckon_set_busy(struct beckon_device* device, bool busy, const struct beckon_data* data);

/* ----------------------------------------------------------------------------- what is known */

/** What is open, calls included: fills `news` as of `now`. Begin with `*at` 0. */
bool beckon_next_open(const struct beckon_device* device, uint32_t now, unsigned* at,
                      struct beckon_news* news);

struct beckon_invitee {
    beckon_value user;
    enum beckon_state state;
    bool ringing;
    bool in_call;
};
/** Those whom the news is about; of `beckon_next_open` and new invitations all. */
bool beckon_next_invitee(const struct beckon_news* news, unsigned* at,
                         struct beckon_invitee* invitee);

/* Into `body` and `reply`. */

enum beckon_kind {
    BECKON_NIL, /**< And numbers with a fraction. */
    BECKON_BOOL,
    BECKON_UINT,
    BECKON_INT,
    BECKON_TEXT,
    BECKON_ARRAY,
    BECKON_MAP,
    BECKON_OTHER
};
/** What `map` has by that key; NULL: nothing, or that is no map. */
beckon_value beckon_find(beckon_value map, const char* key);
enum beckon_kind beckon_kind_of(beckon_value value);
/** False: it is no number, or one below 0. */
bool beckon_number(beckon_value value, uint64_t* number);
bool beckon_is_true(beckon_value value);

struct beckon_list {
    uint32_t left;
    beckon_value next;
};
/** Of an array or map (keys and values by turns); of anything else none. */
struct beckon_list beckon_entries(beckon_value value);
/** The next of them; NULL: there is none. */
beckon_value beckon_take(struct beckon_list* list);

/* ------------------------------------------------------- the library's own, for its size only */

/* What is small stands first: a Cortex-M reaches it with shorter instructions. */

struct beckon_part {
    uint8_t name, state;
    uint8_t told, told_reason; /* by the present pages of `get` or `sync` */
    bool told_ringing, told_in_call, seen;
    bool ringing, in_call;
    bool marked; /* the news is about this one */
    bool fresh;  /* a page lists it that is not applied yet */
};

struct beckon_held {
    uint8_t id, inviter, group, count;
    uint8_t role, visibility;
    bool draft; /* pages of it come, and nothing else is known */
    bool confirmed, announced, end_told, assumed, gap, unlisted;
    bool partial; /* not all invitees fit */
    bool call_live, call_over, inviter_in_call, told_inviter_in_call;
    bool has_look, has_deadline, looked, has_heard;
    bool missing, before, earlier;
    bool busy, cancelling, end_here;
    uint8_t end_by, end_reason, more_best, told_best;
    uint8_t traits;
    uint16_t more_pending, told_pending, told_more;
    uint32_t rev, heard, told_rev;
    uint32_t deadline, look, call_began;
    uint32_t data_hash;
    struct beckon_part parts[BECKON_INVITEES];
    uint8_t end_by_device[17];
};

struct beckon_request {
    bool used, in_flight, has_again;
    uint8_t verb, about, id, count;
    uint8_t sent, tries, thrown_out, visibility;
    bool refused, withdrawn, moot, paged;
    uint8_t traits;
    bool in_group, begins_call, no_data;
    uint16_t call, size;
    uint16_t data_at, data_size, reason_size; /* in `said`, as msgpack */
    uint32_t number;
    uint32_t asked, deadline, again_at;
    uint32_t value; /* timeout or seq */
    uint8_t names[BECKON_INVITEES];
};

struct beckon_recent {
    uint8_t kind, marks;
    uint32_t hash;
};

struct beckon_device {
    uint8_t link, subscriptions, here_tries, me, next_recent, next_told;
    bool busy, presence_told, has_here, here_noted, has_sync, syncing, sync_unanswered, has_epoch;
    bool gone;
    bool crowded; /* something was left out for want of room */
    uint16_t last_call;
    uint16_t sync_limit;
    uint16_t said_used, names_used;
    const struct beckon_options* options;
    uint32_t now;
    uint32_t last_number, runs, seq;
    uint32_t here_at, sync_at;
    uint32_t pace_interval_us, pace_at_once_us, pace_debt_us, pace_at;
    uint32_t max_payload, max_packet, limit;
    uint32_t epoch;
    beckon_value other_reason;
    struct beckon_data busy_data;
    uint8_t tag[17];
    char prefix[17];
    uint8_t cursor[24];
    struct beckon_request requests[BECKON_REQUESTS];
    struct beckon_held held[BECKON_INVITATIONS];
    struct beckon_recent recent[BECKON_RECENT];
    uint32_t told[BECKON_TOLD];
    uint16_t name_at[BECKON_NAMES];
    uint8_t name_uses[BECKON_NAMES];
    uint8_t names[BECKON_NAME_BYTES];
    char said[BECKON_DATA_BYTES + 8];
};

#ifdef __cplusplus
}
#endif

#endif
