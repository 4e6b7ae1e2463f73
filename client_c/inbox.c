/* SPDX-License-Identifier: Apache-2.0 */
/* What one device knows of the invitations of its user, and makes of what the broker delivers:
 * lost, doubled or late, the application hears each event and each end once (contract, sections 3,
 * 4 and 6). The same as core/device/inbox.cpp, in tables. */
#include <string.h>

#include "internal.h"

#define TOO_LATE_BY_MS 3000U    /* a timeout that is told later than this is lost */
#define UNTIL_TOLD_MS 5000U     /* how long `get` may take to tell how it ended */
#define NOW_AND_THEN_MS 300000U /* how often to ask for what has no deadline */
#define FAR_MS 1000000000U      /* what is further off has no deadline for now */
#define MOST_MS 0x400000000000U /* what is above that is no time (2^46) */

enum { MARK_OLDER = 1, MARK_FIRST = 2 }; /* ended before the present sync; before the first */

typedef struct beckon_device Device;
typedef struct beckon_held Held;
typedef struct beckon_part Part;
typedef struct beckon_news News;
typedef beckon_value Value;

/* Texts, as msgpack; a zero ends them. In the order of `beckon_what`. */
static const char events[] =
    "\xae"
    "new_invitation"
    "\xb0"
    "invitee_accepted"
    "\xb0"
    "invitee_rejected"
    "\xb4"
    "invitation_cancelled"
    "\xb2"
    "invitation_timeout"
    "\xb3"
    "invitation_modified"
    "\xb2"
    "invitation_revoked"
    "\xaf"
    "invitee_ringing"
    "\xa6"
    "signal"
    "\xb2"
    "participant_joined"
    "\xb0"
    "participant_left"
    "\xb1"
    "participant_moved"
    "\xaa"
    "call_ended"
    "\xa7"
    "message";
static const char states[] =
    "\xa7"
    "pending"
    "\xa8"
    "accepted"
    "\xa8"
    "rejected"
    "\xa9"
    "cancelled"
    "\xa9"
    "timed_out"
    "\xa7"
    "revoked";
static const char roles[] =
    "\xa7"
    "inviter"
    "\xa7"
    "invitee"
    "\xa8"
    "observer";
static const char visibilities[] =
    "\xa7"
    "members"
    "\xa8"
    "invitees"
    "\xa7"
    "inviter";

/* Why something ended; of `held` 0 is none and 15 another. */
enum {
    REASON_CANCELLED = 1,
    REASON_ANSWERED,
    REASON_REPLACED,
    REASON_CALL_ENDED,
    REASON_EXPIRED,
    REASON_INVITER_LOST,
    REASON_LEFT_GROUP,
    REASON_GROUP_DISMISSED,
    REASON_REMOVED,
    REASON_DECLINED,
    REASON_BUSY,
    REASON_OTHER = 15
};
static const char reasons[] =
    "\xa9"
    "cancelled"
    "\xa8"
    "answered"
    "\xa8"
    "replaced"
    "\xaa"
    "call_ended"
    "\xa7"
    "expired"
    "\xac"
    "inviter_lost"
    "\xaa"
    "left_group"
    "\xaf"
    "group_dismissed"
    "\xa7"
    "removed"
    "\xa8"
    "declined"
    "\xa4"
    "busy"
    "\xa6"
    "hangup"
    "\xaf"
    "connection_lost";

static uint8_t reason_number(Value reason) {
    const unsigned number = reason == NULL ? 0 : 1 + beckon_word(reasons, reason);
    return (uint8_t)(number < 14 ? number : REASON_OTHER);
}

static Value reason_text(unsigned number) {
    return number == 0 || number == REASON_OTHER ? NULL : beckon_nth_word(reasons, number - 1);
}

static void begin(News* news, enum beckon_what what) {
    memset(news, 0, sizeof *news);
    news->what = what;
}

/* ------------------------------------------------------------------------------- what is held */

static Value id_of(const Device* device, const Held* held) {
    return beckon_text_of(device, held->id);
}

static bool is_own(const Device* device, Value by, Value by_device) {
    return beckon_same(by, beckon_me(device)) && beckon_same(by_device, beckon_tag(device));
}

static const char user_key[] = "user";

static Held* find_any(Device* device, Value id) {
    for (unsigned i = 0; i < BECKON_INVITATIONS; ++i) {
        Held* const held = &device->held[i];
        if (held->id != 0 && beckon_same(id_of(device, held), id)) {
            return held;
        }
    }
    return NULL;
}

static Held* find(Device* device, Value id) {
    Held* const held = find_any(device, id);
    return held != NULL && !held->draft ? held : NULL;
}

static Part* part_named(const Device* device, const Held* held, Value user) {
    for (unsigned i = 0; i < held->count; ++i) {
        if (beckon_same(beckon_text_of(device, held->parts[i].name), user)) {
            return (Part*)&held->parts[i];
        }
    }
    return NULL;
}

static Part* own_part(const Device* device, const Held* held) {
    for (unsigned i = 0; held->role == BECKON_INVITEE && i < held->count; ++i) {
        if (held->parts[i].name == device->me && !held->parts[i].fresh) {
            return (Part*)&held->parts[i];
        }
    }
    return NULL;
}

static bool anyone_in(const Held* held, enum beckon_state state) {
    for (unsigned i = 0; i < held->count; ++i) {
        if (held->parts[i].state == (unsigned)state && !held->parts[i].fresh) {
            return true;
        }
    }
    return false;
}

static bool anyone_pending(const Held* held) {
    return held->more_pending > 0 || anyone_in(held, BECKON_PENDING);
}

static bool is_over(const Device* device, const Held* held) {
    const Part* const own = own_part(device, held);
    return own != NULL ? own->state != BECKON_PENDING : !anyone_pending(held);
}

static bool in_call(const Device* device, const Held* held) {
    if (!held->call_live) {
        return false;
    }
    const Part* const part = part_named(device, held, beckon_me(device));
    return held->inviter == device->me ? held->inviter_in_call : part != NULL && part->in_call;
}

static void remove_part(Device* device, Held* held, unsigned index) {
    beckon_release(device, held->parts[index].name);
    --held->count;
    memmove(&held->parts[index], &held->parts[index + 1],
            (held->count - index) * sizeof held->parts[0]);
}

/** As pending, unless it is listed already. Nothing: there is no room. */
static Part* list(Device* device, Held* held, Value user) {
    Part* part = part_named(device, held, user);
    if (part != NULL) {
        return part;
    }
    /* One is kept for this user. */
    const bool is_me = beckon_same(user, beckon_me(device));
    const unsigned room =
        held->inviter == device->me || is_me || part_named(device, held, beckon_me(device)) != NULL
            ? BECKON_INVITEES
            : BECKON_INVITEES - 1;
    const uint8_t name = held->count < room ? beckon_name(device, user) : 0;
    if (name == 0) {
        held->partial = 1;
        return NULL;
    }
    part = &held->parts[held->count++];
    memset(part, 0, sizeof *part);
    part->name = name;
    return part;
}

static void drop(Device* device, Held* held) {
    while (held->count > 0) {
        remove_part(device, held, held->count - 1U);
    }
    beckon_release(device, held->id);
    beckon_release(device, held->inviter);
    beckon_release(device, held->group);
    beckon_release(device, held->end_by);
    memset(held, 0, sizeof *held);
}

static void note_ended(Device* device, Held* held) {
    beckon_remember(device, RECENT_ENDED, id_of(device, held));
    drop(device, held);
}

/** A free one, perhaps for one that has nothing to tell any more. */
static Held* make(Device* device, Value id) {
    Held* unused = NULL;
    Held* told = NULL;
    for (unsigned i = 0; i < BECKON_INVITATIONS; ++i) {
        Held* const held = &device->held[i];
        if (held->id == 0) {
            unused = held;
        } else if (held->role == BECKON_INVITEE && held->end_told && is_over(device, held) &&
                   !in_call(device, held) && !held->gap) {
            told = held;
        }
    }
    /* What the others still answer counts for less than what comes. */
    if (unused == NULL && told != NULL) {
        note_ended(device, told);
        unused = told;
    }
    if (unused != NULL) {
        unused->id = beckon_name(device, id);
    }
    return unused != NULL && unused->id != 0 ? unused : NULL;
}

static void forget(Device* device, enum recent kind, Value id) {
    struct beckon_recent* const one = beckon_recall(device, kind, id);
    if (one != NULL) {
        one->kind = RECENT_NONE;
    }
}

static bool recalls(Device* device, enum recent kind, Value id) {
    return beckon_recall(device, kind, id) != NULL;
}

/** Of this nothing is told any more. */
static bool is_past(Device* device, Value id) {
    return recalls(device, RECENT_ENDED, id) || recalls(device, RECENT_DISOWNED, id);
}

static void ask_how_it_stands(Device* device, Value id) { beckon_errand(device, VERB_GET, id); }

/* ---------------------------------------------------------------------------------------- time */

static void look_at(Held* held, uint32_t when) {
    held->has_look = 1;
    held->look = when;
}

static void set_deadline(const Device* device, Held* held, uint32_t remaining) {
    held->has_deadline = remaining < FAR_MS;
    held->deadline = device->now + remaining;
    held->looked = 0;
    look_at(held,
            device->now + (held->has_deadline ? remaining + TOO_LATE_BY_MS : NOW_AND_THEN_MS));
}

static uint32_t remaining_of(const Device* device, const Held* held, uint32_t now) {
    if (!held->has_deadline || is_over(device, held)) {
        return BECKON_NO_TIME;
    }
    return beckon_due(held->deadline, now) ? 0 : held->deadline - now;
}

/** False: it is no time. What is too far is none. */
static bool read_time(Value value, uint32_t* time) {
    uint64_t number;
    const bool is_number = beckon_number(value, &number);
    *time = is_number && number < FAR_MS ? (uint32_t)number : BECKON_NO_TIME;
    return value == NULL || (is_number && number <= MOST_MS);
}

static Value id_or_nothing(Value value) { return beckon_is_id(value) ? value : NULL; }

/* ------------------------------------------------------------------------------ what is told */

static void clear_marks(Held* held) {
    for (unsigned i = 0; i < held->count; ++i) {
        held->parts[i].marked = 0;
    }
}

static void describe(const Device* device, const Held* held, News* news) {
    news->id = id_of(device, held);
    news->inviter = beckon_text_of(device, held->inviter);
    news->group = beckon_text_of(device, held->group);
    news->role = (enum beckon_role)held->role;
    news->rev = held->rev;
    news->remaining_ms = remaining_of(device, held, device->now);
    news->traits = held->traits;
    news->visibility = (enum beckon_visibility)held->visibility;
    news->inviter_in_call = held->inviter_in_call;
    news->device = device;
    news->held = (uint8_t)(held - device->held);
}

static void tell(Device* device, Held* held, News* news) {
    describe(device, held, news);
    const Part* const own = own_part(device, held);
    const bool nobody_left = !anyone_pending(held) && !anyone_in(held, BECKON_ACCEPTED) &&
                             held->more_best != BECKON_ACCEPTED;
    if (news->what == BECKON_INVITATION_CANCELLED || news->what == BECKON_INVITATION_REVOKED) {
        news->ends_ours = held->role == BECKON_INVITEE ? own != NULL && own->marked : nobody_left;
    }
    if (!held->busy) {
        beckon_tell(device, news);
    }
}

/** It is told that somebody is asked; this user is, or another of its devices did. */
static void rings(Device* device, Held* held, News* news, uint32_t remaining) {
    held->announced = true;
    set_deadline(device, held, remaining);
    news->whole = true;
    held->busy = false;
    if (held->role == BECKON_INVITER) {
        news->what = BECKON_OWN_INVITATION;
    } else if (device->busy) {
        news->what = BECKON_REJECTED_AS_BUSY;
        beckon_errand(device, VERB_REJECT, id_of(device, held));
    }
    tell(device, held, news);
    held->busy = news->what == BECKON_REJECTED_AS_BUSY;
    if (news->left_out > 0) {
        beckon_tell_left_out(device, id_of(device, held), news->left_out);
    }
}

static void set_ending(Device* device, Held* held, const News* news) {
    const uint8_t by = beckon_name(device, news->by);
    beckon_release(device, held->end_by);
    held->end_by = by;
    held->end_by_device[0] = 0;
    if (beckon_size(news->by_device) == 16) {
        held->end_by_device[0] = 0xa0 | 16;
        memcpy(held->end_by_device + 1, beckon_chars(news->by_device), 16);
    }
    held->end_reason = reason_number(news->reason);
    held->end_here = news->here;
    device->other_reason = news->reason;
}

static void tell_end(Device* device, Held* held) {
    News news;
    if (!held->announced || held->end_told) {
        return;
    }
    held->end_told = true;
    begin(&news, BECKON_INVITATION_ENDED);
    const Part* const own = own_part(device, held);
    unsigned best = held->more_best != 0 ? held->more_best
                    : held->assumed      ? BECKON_TIMED_OUT
                                         : BECKON_FORGOTTEN;
    for (unsigned i = 0; i < held->count; ++i) {
        const unsigned state = held->parts[i].state;
        best = state != BECKON_PENDING && state < best ? state : best;
    }
    news.state = (enum beckon_state)(own != NULL ? own->state : best);
    news.reason =
        held->end_reason == REASON_OTHER ? device->other_reason : reason_text(held->end_reason);
    news.by = beckon_text_of(device, held->end_by);
    news.by_device = held->end_by_device[0] != 0 ? held->end_by_device : NULL;
    news.here = held->end_here;
    news.assumed = held->assumed;
    tell(device, held, &news);
}

/** After each change: tells the end, once, and forgets what nobody waits for. */
static void settle(Device* device, Held* held) {
    if (!is_over(device, held) || (held->gap && own_part(device, held) == NULL)) {
        return;
    }
    tell_end(device, held);
    device->other_reason = NULL;
    if (held->gap || held->assumed) {
        return;
    }
    if (in_call(device, held)) {
        held->has_deadline = 0;
        return;
    }
    held->has_look = 0;
    const bool hears_no_more = held->role == BECKON_INVITEE &&
                               (held->visibility == BECKON_VISIBILITY_INVITER || held->partial);
    if (hears_no_more || !anyone_pending(held)) {
        note_ended(device, held);
    }
}

/* ---------------------------------------------------------------------------------- the call */

static bool takes_part(Device* device, Held* held, Value user) {
    const Part* const part = part_named(device, held, user);
    return beckon_same(user, beckon_text_of(device, held->inviter)) ? held->inviter_in_call
                                                                    : part != NULL && part->in_call;
}

static void set_in_call(Device* device, Held* held, Value user, bool is_in_call) {
    Part* const part = part_named(device, held, user);
    if (beckon_same(user, beckon_text_of(device, held->inviter))) {
        held->inviter_in_call = is_in_call;
    } else if (part != NULL) {
        part->in_call = is_in_call;
    }
}

static void join_call(Device* device, Held* held, Value user) {
    if (!held->call_live && !held->call_over) {
        held->call_live = held->inviter_in_call = 1;
        held->call_began = device->now;
    } else if (beckon_same(user, beckon_me(device))) {
        /* Who is not in it is not told who has left it. */
        ask_how_it_stands(device, id_of(device, held));
    }
    if (held->call_live) {
        set_in_call(device, held, user, true);
    }
}

static void leave_call(Device* device, Held* held, News* news) {
    const bool unknown = held->partial && part_named(device, held, news->user) == NULL;
    if (in_call(device, held) && (unknown || takes_part(device, held, news->user))) {
        set_in_call(device, held, news->user, false);
        if (!news->here) {
            tell(device, held, news);
        }
    }
}

static void end_call(Device* device, Held* held, News* news) {
    const bool was_in_it = in_call(device, held);
    if (!held->call_live) {
        return;
    }
    held->call_live = held->inviter_in_call = 0;
    held->call_over = 1;
    for (unsigned i = 0; i < held->count; ++i) {
        held->parts[i].in_call = 0;
    }
    if (was_in_it) {
        if (news->reason != NULL) { /* nothing: it may be made anew */
            beckon_remember(device, RECENT_CALL_OVER, id_of(device, held));
        }
        tell(device, held, news);
    }
}

/** Nobody says how it ended. */
static void lose_call(Device* device, Held* held) {
    News news;
    begin(&news, BECKON_CALL_ENDED);
    news.duration_ms = device->now - held->call_began;
    end_call(device, held, &news);
}

/** This user is in the call of an invitation that was over here: how it stands is asked. */
static void come_back(Device* device, Value id) {
    if (recalls(device, RECENT_CALL_OVER, id)) {
        return;
    }
    forget(device, RECENT_ENDED, id);
    beckon_remember(device, RECENT_RETURNED, id);
    ask_how_it_stands(device, id);
}

/* ------------------------------------------------------------------------------------ changes */

/** To those who are marked and pending, and to others whom the news is about. */
static void apply(Device* device, Held* held, News* news, enum beckon_state state, bool others) {
    const bool was_over = is_over(device, held) && !held->unlisted;
    bool changed = others;
    for (unsigned i = 0; i < held->count && state != BECKON_PENDING; ++i) {
        Part* const part = &held->parts[i];
        part->marked = part->marked && part->state == BECKON_PENDING;
        if (part->marked) {
            part->state = (uint8_t)state;
            part->fresh = false;
            changed = true;
        }
    }
    if (!was_over && changed) {
        set_ending(device, held, news);
    }
    if (!changed && state != BECKON_PENDING) {
        return;
    }
    const bool answer = state == BECKON_ACCEPTED || state == BECKON_REJECTED;
    /* Once the application has taken it for over, only answers are news. */
    if (!news->here && (!held->assumed || answer)) {
        tell(device, held, news);
    }
    if (state == BECKON_ACCEPTED && (held->traits & BECKON_CALL) != 0) {
        join_call(device, held, news->user);
    }
}

static void apply_one(Device* device, Held* held, News* news, enum beckon_state state) {
    Part* const part = list(device, held, news->user);
    clear_marks(held);
    if (part != NULL) {
        part->marked = true;
        part->fresh = false;
    }
    apply(device, held, news, state, part == NULL);
}

/** Lists and marks those whom it names; counts those for whom there is no room. */
static void mark_named(Device* device, Held* held, struct beckon_list users, News* news) {
    Value user;
    clear_marks(held);
    while ((user = beckon_take(&users)) != NULL) {
        Part* const part = beckon_is_id(user) ? list(device, held, user) : NULL;
        if (part != NULL) {
            part->marked = true;
            part->fresh = false;
        } else {
            ++news->left_out;
        }
    }
}

static void assume(Device* device, Held* held) {
    News news;
    begin(&news, BECKON_INVITATION_TIMEOUT);
    const bool gap = held->gap;
    news.assumed = true;
    held->has_look = held->gap = 0;
    if (held->role == BECKON_INVITEE) {
        Part* const own = own_part(device, held);
        clear_marks(held);
        if (own != NULL) {
            own->marked = 1;
        }
        apply(device, held, &news, BECKON_TIMED_OUT, false);
        held->assumed = 1;
        settle(device, held);
        return;
    }
    /* What the inviter was not told stays open to being told: an answer counts. */
    for (unsigned i = 0; i < held->count; ++i) {
        held->parts[i].marked = held->parts[i].state == BECKON_PENDING && !held->parts[i].fresh;
    }
    /* Told once: it may have been taken for over before, and been open still. */
    if (held->announced && !held->end_told && anyone_pending(held)) {
        tell(device, held, &news);
    }
    held->assumed = gap || anyone_pending(held);
    tell_end(device, held);
    settle(device, held);
}

void beckon_inbox_advance(Device* device, bool connected) {
    for (unsigned i = 0; i < BECKON_INVITATIONS; ++i) {
        Held* const held = &device->held[i];
        if (held->id == 0 || !held->has_look || !beckon_due(held->look, device->now)) {
            continue;
        }
        if (!held->has_deadline) {
            look_at(held, device->now + NOW_AND_THEN_MS);
            if (connected) {
                ask_how_it_stands(device, id_of(device, held));
            }
        } else if (connected && !held->looked) {
            held->looked = 1;
            look_at(held, device->now + UNTIL_TOLD_MS);
            ask_how_it_stands(device, id_of(device, held));
        } else {
            assume(device, held);
        }
    }
}

uint32_t beckon_inbox_next(const Device* device, uint32_t now) {
    uint32_t next = BECKON_NO_TIME;
    for (unsigned i = 0; i < BECKON_INVITATIONS; ++i) {
        const Held* const held = &device->held[i];
        if (held->id != 0 && held->has_look) {
            const uint32_t in = beckon_due(held->look, now) ? 0 : held->look - now;
            next = in < next ? in : next;
        }
    }
    return next;
}

/* ------------------------------------------------------------------- what this device asks */

static uint32_t hash_of(Value data) { return beckon_hash(beckon_is_binary(data), data); }

bool beckon_inbox_inviting(Device* device, const struct beckon_request* invite) {
    Held* const held = make(device, beckon_text_of(device, invite->id));
    if (held == NULL) {
        return false;
    }
    held->inviter = beckon_name(device, beckon_me(device));
    held->role = BECKON_INVITER;
    held->rev = 1;
    held->traits = invite->traits & (BECKON_CALL | BECKON_FIRST | BECKON_ONLINE_ONLY);
    held->visibility = invite->visibility != BECKON_VISIBILITY_USUAL ? invite->visibility
                       : invite->in_group                            ? BECKON_VISIBILITY_MEMBERS
                                                                     : BECKON_VISIBILITY_INVITEES;
    held->data_hash = hash_of(beckon_said(device, invite, false));
    if (invite->in_group) {
        held->group = beckon_name(device, beckon_text_of(device, invite->about));
    } else {
        list(device, held, beckon_text_of(device, invite->about));
    }
    for (unsigned i = 0; i < invite->count; ++i) {
        list(device, held, beckon_text_of(device, invite->names[i]));
    }
    held->unlisted = held->gap = held->count == 0;
    return true;
}

void beckon_inbox_not_invited(Device* device, Value id) {
    Held* const held = find(device, id);
    if (held != NULL && !held->confirmed) {
        drop(device, held);
    }
}

void beckon_inbox_disown(Device* device, Value id) {
    Held* const held = find(device, id);
    if (held == NULL || !held->announced) {
        beckon_remember(device, RECENT_DISOWNED, id);
        if (held != NULL) {
            drop(device, held);
        }
    }
}

void beckon_inbox_cancelling(Device* device, Value id, bool on_its_way) {
    Held* const held = find(device, id);
    if (held != NULL) {
        held->cancelling = on_its_way;
    }
}

bool beckon_inbox_made(Device* device, Value id) {
    const Held* const held = find(device, id);
    return recalls(device, RECENT_ENDED, id) || (held != NULL && held->confirmed);
}

/* --------------------------------------------------------------- what the broker has of all */

void beckon_inbox_speaks(Device* device, Value server_epoch) {
    const uint32_t epoch = beckon_hash(0, server_epoch);
    const bool had_one = device->has_epoch;
    if (had_one && device->epoch == epoch) {
        return;
    }
    device->epoch = epoch;
    device->has_epoch = true;
    for (unsigned i = 0; had_one && i < BECKON_RECENT; ++i) {
        struct beckon_recent* const one = &device->recent[i];
        if (one->kind == RECENT_ENDED && (one->marks & MARK_FIRST) != 0) {
            one->kind = RECENT_ENDED_BEFORE;
        } else if (one->kind == RECENT_CALL_OVER) {
            one->kind = RECENT_NONE;
        }
    }
    /* What came after the first sync was sent is of this start. */
    for (unsigned i = 0; i < BECKON_INVITATIONS; ++i) {
        device->held[i].earlier = device->held[i].before;
    }
}

void beckon_inbox_forgotten(Device* device, Value id) {
    Held* const held = find_any(device, id);
    if (held != NULL && held->draft) {
        drop(device, held);
        return;
    }
    /* An invite that is on its way is not known yet. */
    if (held == NULL || !held->confirmed) {
        return;
    }
    lose_call(device, held);
    if (held->announced && !held->end_told) {
        News news;
        begin(&news, BECKON_INVITATION_ENDED);
        news.state = BECKON_FORGOTTEN;
        held->end_told = 1;
        tell(device, held, &news);
    }
    /* Not remembered as ended: after a restart of the broker an invite that is sent again makes it
     * anew. */
    drop(device, held);
}

void beckon_inbox_begin_sync(Device* device, bool again) {
    for (unsigned i = 0; i < BECKON_INVITATIONS; ++i) {
        Held* const held = &device->held[i];
        held->missing = held->confirmed;
        if (!again) {
            held->before = held->confirmed;
            held->has_heard = 0;
        }
    }
    for (unsigned i = 0; i < BECKON_RECENT; ++i) {
        struct beckon_recent* const one = &device->recent[i];
        one->marks = (uint8_t)(one->marks | MARK_OLDER | (again ? 0 : MARK_FIRST));
    }
}

void beckon_inbox_end_sync(Device* device) {
    for (unsigned i = 0; i < BECKON_INVITATIONS; ++i) {
        Held* const held = &device->held[i];
        if (held->id != 0 && held->missing) {
            held->missing = 0;
            ask_how_it_stands(device, id_of(device, held));
        }
    }
}

static void drop_fresh(Device* device, Held* held) {
    for (unsigned i = held->count; i-- > 0;) {
        if (held->parts[i].fresh) {
            remove_part(device, held, i);
        }
    }
}

void beckon_inbox_lose_connection(Device* device) {
    for (unsigned i = 0; i < BECKON_INVITATIONS; ++i) {
        Held* const held = &device->held[i];
        if (held->draft) {
            drop(device, held);
        } else {
            drop_fresh(device, held);
        }
    }
}

/* ------------------------------------------------------- what `sync` and `get` tell of one */

struct info {
    const Value* at; /* its fields */
    Value id, inviter, data, call_reason;
    struct beckon_list invitees, participants;
    unsigned role; /* 2: observer */
    unsigned visibility;
    bool has_rev, has_call;
    uint32_t rev, remaining, duration;
};

/** Also of a `new_invitation`. False: it cannot be read. */
static bool read_info(struct info* info, const struct fields* fields) {
    uint64_t rev;
    const Value* const at = info->at = fields->at;
    const Value call = at[KEY_CALL_STATE];
    info->id = at[KEY_ID];
    info->inviter = at[KEY_INVITER];
    info->data = at[KEY_DATA];
    info->invitees = beckon_entries(at[KEY_INVITEES]);
    info->role = at[KEY_ROLE] == NULL ? BECKON_INVITEE : beckon_word(roles, at[KEY_ROLE]);
    info->visibility = at[KEY_VISIBILITY] != NULL
                           ? 1 + beckon_word(visibilities, at[KEY_VISIBILITY])
                       : at[KEY_GROUP] != NULL ? BECKON_VISIBILITY_MEMBERS
                                               : BECKON_VISIBILITY_INVITEES;
    info->has_rev = beckon_number(at[KEY_REV], &rev);
    info->rev = (uint32_t)rev;
    info->has_call = call != NULL;
    info->participants = beckon_entries(beckon_find(call, "participants"));
    info->call_reason = beckon_find(call, "reason");
    return read_time(at[KEY_REMAINING_MS], &info->remaining) &&
           read_time(beckon_find(call, "duration_ms"), &info->duration) && beckon_is_id(info->id) &&
           beckon_is_id(info->inviter) && info->role <= 2 &&
           info->visibility <= BECKON_VISIBILITY_INVITER;
}

/** What this page tells of that user; nothing: it does not. */
static Value told_of(const struct info* info, Value user) {
    struct beckon_list invitees = info->invitees;
    Value one;
    while ((one = beckon_take(&invitees)) != NULL) {
        if (beckon_same(beckon_find(one, user_key), user)) {
            break;
        }
    }
    return one;
}

static bool talks(const struct info* info, Value user) {
    struct beckon_list participants = info->participants;
    Value one;
    while ((one = beckon_take(&participants)) != NULL) {
        if (beckon_same(one, user)) {
            return true;
        }
    }
    return false;
}

/** As it is told here, this user is asked, or (not an invitee) somebody. */
static bool asks_in(const Device* device, const struct info* info) {
    struct beckon_list invitees = info->invitees;
    Value one;
    while ((one = beckon_take(&invitees)) != NULL) {
        if (beckon_find(one, "state") == NULL &&
            (info->role != BECKON_INVITEE ||
             beckon_same(beckon_find(one, user_key), beckon_me(device)))) {
            return true;
        }
    }
    return false;
}

static bool fill(Device* device, Held* held, const struct info* info) {
    beckon_release(device, held->inviter);
    held->inviter = beckon_name(device, info->inviter);
    held->group = beckon_name(device, info->at[KEY_GROUP]);
    held->role = (uint8_t)info->role;
    held->rev = info->rev;
    held->visibility = (uint8_t)info->visibility;
    held->traits = (uint8_t)((beckon_is_true(info->at[KEY_CALL]) ? BECKON_CALL : 0) |
                             (beckon_is_true(info->at[KEY_ONLINE_ONLY]) ? BECKON_ONLINE_ONLY : 0) |
                             (beckon_is(info->at[KEY_ANSWER], "first") ? BECKON_FIRST : 0));
    held->data_hash = hash_of(info->data);
    return held->inviter != 0 && (held->group != 0) == (info->at[KEY_GROUP] != NULL);
}

/** How each part is told to stand. Who is new in it is fresh. */
static void gather_part(Device* device, Held* held, Value told) {
    struct fields fields;
    beckon_read(told, &fields);
    const Value user = fields.at[KEY_USER];
    const Value word = fields.at[KEY_STATE];
    const unsigned state = word == NULL ? BECKON_PENDING : beckon_word(states, word);
    if (!beckon_is_id(user) || state > BECKON_REVOKED) {
        return;
    }
    const bool is_new = part_named(device, held, user) == NULL;
    Part* const part = list(device, held, user);
    if (part == NULL) {
        ++held->told_more;
        if (state == BECKON_PENDING) {
            ++held->told_pending;
        } else if (held->told_best == 0 || state < held->told_best) {
            held->told_best = (uint8_t)state;
        }
        return;
    }
    part->fresh = part->fresh || is_new;
    part->seen = true;
    part->told = (uint8_t)state;
    part->told_ringing = beckon_is_true(fields.at[KEY_RINGING]);
    part->told_reason = reason_number(fields.at[KEY_REASON]);
}

static void gather(Device* device, Held* held, const struct info* info, bool first) {
    Value one;
    if (first) {
        drop_fresh(device, held);
        for (unsigned i = 0; i < held->count; ++i) {
            held->parts[i].seen = held->parts[i].told_in_call = false;
        }
        held->told_rev = info->rev;
        held->told_pending = held->told_more = 0;
        held->told_best = 0;
        held->told_inviter_in_call = false;
    }
    if (held->inviter == 0) {
        held->inviter = beckon_name(device, info->inviter);
    }
    struct beckon_list entries = info->invitees;
    while ((one = beckon_take(&entries)) != NULL) {
        gather_part(device, held, one);
    }
    entries = info->participants;
    while ((one = beckon_take(&entries)) != NULL) {
        Part* const part = part_named(device, held, one);
        if (beckon_same(one, info->inviter)) {
            held->told_inviter_in_call = true;
        } else if (part != NULL) {
            part->told_in_call = true;
        }
    }
}

/** As it is told, somebody is pending: an invitee itself, for anyone else any. */
static bool asks(const Device* device, const Held* held, const struct info* info) {
    if (info->role != BECKON_INVITEE && held->told_pending > 0) {
        return true;
    }
    for (unsigned i = 0; i < held->count; ++i) {
        const Part* const part = &held->parts[i];
        if (part->seen && part->told == BECKON_PENDING &&
            (info->role != BECKON_INVITEE || part->name == device->me)) {
            return true;
        }
    }
    return false;
}

/** It asks somebody whose part had ended: it was made anew, by a broker that had lost it. */
static bool asks_again(const Held* held) {
    for (unsigned i = 0; i < held->count; ++i) {
        const Part* const part = &held->parts[i];
        if (!part->fresh && part->state != BECKON_PENDING &&
            (!part->seen || part->told == BECKON_PENDING)) {
            return true;
        }
    }
    return false;
}

/** As if it stood so from the beginning of what was known. */
static void correct(Held* held) {
    held->rev = held->told_rev < held->rev ? held->told_rev : held->rev;
    for (unsigned i = 0; i < held->count; ++i) {
        Part* const part = &held->parts[i];
        if (part->seen && !part->fresh && part->state != part->told) {
            part->state = BECKON_PENDING;
            part->ringing = part->ringing && part->told_ringing;
        }
    }
}

/** Takes out who is thought to be pending and was never asked. */
static void skip_unseen(Device* device, Held* held) {
    for (unsigned i = held->count; i-- > 0;) {
        if (held->parts[i].state == BECKON_PENDING && !held->parts[i].seen) {
            remove_part(device, held, i);
        }
    }
}

static void apply_modification(Device* device, Held* held, const struct info* info) {
    News news;
    begin(&news, BECKON_INVITATION_MODIFIED);
    bool modified = false;
    const uint32_t hash = hash_of(info->data);
    if (info->data != NULL && hash != held->data_hash) {
        held->data_hash = hash;
        news.data = info->data;
        modified = true;
    }
    for (unsigned i = 0; i < held->count; ++i) {
        news.whole = news.whole || held->parts[i].fresh;
        held->parts[i].fresh = 0;
    }
    news.by = info->inviter;
    if (modified || news.whole) {
        clear_marks(held);
        news.left_out = news.whole ? held->told_more : 0;
        apply(device, held, &news, BECKON_PENDING, false);
    }
}

static void apply_answer(Device* device, Held* held, const struct info* info, Part* part) {
    const Value user = beckon_text_of(device, part->name);
    const Value told = told_of(info, user);
    News news;
    begin(&news, (enum beckon_what)part->told);
    news.user = news.by = user;
    news.by_device = beckon_find(told, "device");
    news.here = is_own(device, user, news.by_device);
    news.data = beckon_find(told, "data");
    if (part->told == BECKON_REJECTED) {
        news.reason = beckon_find(told, "reason");
        if (news.reason == NULL) { /* it was on a page before */
            news.reason = reason_text(part->told_reason);
        }
        if (news.reason == NULL) {
            news.reason = reason_text(REASON_DECLINED);
        }
    }
    clear_marks(held);
    part->marked = true;
    apply(device, held, &news, (enum beckon_state)part->told, false);
}

static void apply_answers(Device* device, Held* held, const struct info* info) {
    for (unsigned i = 0; i < held->count; ++i) {
        Part* const part = &held->parts[i];
        if (part->state != BECKON_PENDING || !part->seen) {
            continue;
        }
        if (part->told_ringing && !part->ringing) {
            part->ringing = 1;
            if (part->told == BECKON_PENDING && held->role == BECKON_INVITER) {
                News news;
                begin(&news, BECKON_INVITEE_RINGING);
                news.user = news.by = beckon_text_of(device, part->name);
                tell(device, held, &news);
            }
        }
        if (part->told == BECKON_ACCEPTED || part->told == BECKON_REJECTED) {
            apply_answer(device, held, info, part);
        }
    }
}

/** Those that ended likewise without an answer, one of whom is `first`. */
static void apply_ends(Device* device, Held* held, const struct info* info, const Part* first) {
    static const uint8_t whats[] = {BECKON_INVITATION_CANCELLED, BECKON_INVITATION_TIMEOUT,
                                    BECKON_INVITATION_REVOKED};
    const uint8_t state = first->told;
    const uint8_t reason = first->told_reason;
    const bool cancelled = state == BECKON_CANCELLED;
    const Part* taker = NULL;
    unsigned takers = 0;
    News news;
    begin(&news, (enum beckon_what)whats[state - BECKON_CANCELLED]);
    for (unsigned i = 0; i < held->count; ++i) {
        Part* const part = &held->parts[i];
        part->marked = part->seen && part->state == BECKON_PENDING && part->told == state &&
                       part->told_reason == reason;
        if (part->seen && part->told == BECKON_ACCEPTED) {
            taker = part;
            ++takers;
        }
        if (part->marked) {
            const Value data =
                beckon_find(told_of(info, beckon_text_of(device, part->name)), "data");
            news.data = data != NULL ? data : news.data;
        }
    }
    news.reason = reason_text(reason);
    if (cancelled && reason == REASON_ANSWERED && takers == 1) {
        news.by = beckon_text_of(device, taker->name);
        news.by_device = beckon_find(told_of(info, news.by), "device");
        news.here = is_own(device, news.by, news.by_device);
    } else if (cancelled && (reason == REASON_CANCELLED || reason == REASON_REPLACED ||
                             reason == REASON_INVITER_LOST)) {
        news.by = info->inviter;
        news.here = reason == REASON_CANCELLED && held->cancelling && held->role == BECKON_INVITER;
    }
    apply(device, held, &news, (enum beckon_state)state, false);
}

static void apply_newer(Device* device, Held* held, const struct info* info) {
    /* It is told whole: whoever is not listed was skipped. */
    skip_unseen(device, held);
    held->partial = held->told_more > 0;
    held->more_pending = held->told_pending;
    held->more_best = held->told_best;
    held->rev = held->told_rev;
    apply_modification(device, held, info);
    apply_answers(device, held, info);
    for (unsigned i = 0; i < held->count; ++i) {
        const Part* const part = &held->parts[i];
        if (part->seen && part->state == BECKON_PENDING && part->told >= BECKON_CANCELLED) {
            apply_ends(device, held, info, part);
        }
    }
    if (!is_over(device, held)) {
        held->assumed = 0;
        set_deadline(device, held, info->remaining);
    }
}

/** Whatever was missed of its call. */
static void correct_call(Device* device, Held* held, const struct info* info) {
    if (!info->has_call) {
        if (in_call(device, held)) {
            lose_call(device, held); /* the broker was started anew and has forgotten it */
        }
        return;
    }
    if (info->call_reason != NULL) {
        News news;
        begin(&news, BECKON_CALL_ENDED);
        news.reason = info->call_reason;
        news.duration_ms = info->duration;
        end_call(device, held, &news);
        return;
    }
    for (unsigned i = held->count + 2U; i-- > 0 && in_call(device, held);) {
        /* First this user, as who is not in it is told of nobody else who is; then the inviter. */
        const uint8_t name = i > held->count    ? device->me
                             : i == held->count ? held->inviter
                                                : held->parts[i].name;
        const Value user = beckon_text_of(device, name);
        const Part* const part = part_named(device, held, user);
        if (name == held->inviter ? !held->told_inviter_in_call
                                  : part != NULL && !part->told_in_call) {
            News news;
            begin(&news, BECKON_PARTICIPANT_LEFT);
            news.user = news.by = user;
            leave_call(device, held, &news);
        }
    }
    held->call_live = 1;
    held->call_over = 0;
    held->inviter_in_call = held->told_inviter_in_call;
    for (unsigned i = 0; i < held->count; ++i) {
        held->parts[i].in_call = held->parts[i].told_in_call;
    }
    held->call_began = device->now - info->duration;
    if (in_call(device, held) && !held->has_look) {
        look_at(held, device->now + NOW_AND_THEN_MS);
    }
}

/** It is not of this device's, or over. */
static bool is_no_news(Device* device, Held* draft, const struct info* info) {
    const bool asks_anew =
        asks(device, draft, info) && (info->role == BECKON_INVITEE || !info->has_call);
    /* Its end was told by an earlier start of the broker, and it does not ask anew: but for an
     * invitee, whom a call that lives asks is somebody else. */
    return (recalls(device, RECENT_ENDED_BEFORE, info->id) && !asks_anew &&
            !talks(info, beckon_me(device))) ||
           (info->role != BECKON_INVITER && beckon_is(info->at[KEY_STATE], "ended"));
}

/** Of an invitation that was not held. */
static void take_unheard(Device* device, Held* draft, const struct info* info) {
    const bool returned = recalls(device, RECENT_RETURNED, info->id);
    forget(device, RECENT_RETURNED, info->id);
    const bool call_is_over = info->call_reason != NULL;
    if (info->role > BECKON_INVITEE) {
        beckon_remember(device, RECENT_WATCHED, info->id);
        drop(device, draft);
        return;
    }
    if (!fill(device, draft, info)) {
        beckon_tell_left_out(device, info->id, 0);
        drop(device, draft);
        return;
    }
    if (returned && call_is_over) {
        /* The call was over before it was known how it stands. */
        News news;
        begin(&news, BECKON_CALL_ENDED);
        news.reason = info->call_reason;
        news.duration_ms = info->duration;
        beckon_remember(device, RECENT_CALL_OVER, info->id);
        tell(device, draft, &news);
    }
    if ((returned && call_is_over) || is_no_news(device, draft, info)) {
        note_ended(device, draft);
        return;
    }
    /* As it was before anything happened to it; the difference is news, unless this user's part is
     * over: then it never rang here, and never will. */
    const bool rang_elsewhere =
        returned || (info->role == BECKON_INVITEE && !asks(device, draft, info));
    for (unsigned i = 0; i < draft->count; ++i) {
        Part* const part = &draft->parts[i];
        part->fresh = 0;
        part->state = rang_elsewhere ? part->told : BECKON_PENDING;
        part->ringing = rang_elsewhere && part->told_ringing;
    }
    draft->rev = draft->told_rev;
    draft->draft = 0;
    draft->end_told = rang_elsewhere;
    draft->confirmed = draft->announced = 1;
    draft->partial = draft->told_more > 0;
    if (info->role == BECKON_INVITEE && !rang_elsewhere) {
        News news;
        begin(&news, BECKON_NEW_INVITATION);
        news.by = info->inviter;
        news.data = info->data;
        news.left_out = draft->told_more;
        rings(device, draft, &news, info->remaining);
    }
    apply_newer(device, draft, info);
    correct_call(device, draft, info);
    settle(device, draft);
}

static void take_standing(Device* device, Held* held, const struct info* info) {
    held->missing = 0;
    if (held->told_rev < held->rev) {
        drop_fresh(device, held);
        if (held->gap) {
            ask_how_it_stands(device, info->id);
        }
        return;
    }
    held->confirmed = 1;
    held->announced = held->announced || info->role == BECKON_INVITER;
    held->gap = 0;
    if (held->unlisted) {
        held->unlisted = 0;
        for (unsigned i = 0; i < held->count; ++i) {
            held->parts[i].fresh = 0;
        }
        if (held->told_more > 0) {
            beckon_tell_left_out(device, info->id, held->told_more);
        }
    }
    if (held->assumed && held->role == BECKON_INVITEE) {
        /* It was taken for timed out. How it really stands is no news, but what comes next is. */
        Part* const own = own_part(device, held);
        if (own != NULL && own->seen) {
            own->state = own->told;
        }
        held->assumed = 0;
    }
    apply_newer(device, held, info);
    held->assumed = 0; /* it is known how it stands */
    correct_call(device, held, info);
    settle(device, held);
}

/** All pages of it were told. */
static void take_info(Device* device, Held* held, const struct info* info) {
    if (!held->draft && held->earlier && held->has_heard && held->told_rev < held->heard) {
        /* The page is older than what was heard since. */
        held->missing = held->has_heard = 0;
        drop_fresh(device, held);
        ask_how_it_stands(device, info->id);
        return;
    }
    if (!held->draft && held->earlier) {
        held->earlier = held->has_heard = 0;
        /* What a broker that was started anew tells counts, whatever was known from before: it may
         * have lost that, and the inviter have sent the invitation again. (Or it has lost nothing,
         * and others were called into the call that came of it.) */
        if (held->end_told && asks(device, held, info) && asks_again(held)) {
            drop(device, held);
            held = make(device, info->id);
            if (held == NULL) {
                beckon_tell_left_out(device, info->id, 0);
                return;
            }
            held->draft = 1;
            gather(device, held, info, true);
        } else {
            correct(held);
        }
    }
    if (held->draft) {
        take_unheard(device, held, info);
    } else {
        take_standing(device, held, info);
    }
}

static void take_page(Device* device, const struct info* info, bool first, bool last) {
    Held* held = find_any(device, info->id);
    if (is_past(device, info->id) || (held == NULL && !first)) {
        if (held != NULL && held->draft) {
            drop(device, held);
        }
        return;
    }
    if (held == NULL && info->role > BECKON_INVITEE) {
        beckon_remember(device, RECENT_WATCHED, info->id);
        return;
    }
    if (held == NULL) {
        held = make(device, info->id);
        if (held == NULL) {
            beckon_tell_left_out(device, info->id, 0);
            return;
        }
        held->draft = 1;
    }
    gather(device, held, info, first);
    if (last) {
        take_info(device, held, info);
    }
}

void beckon_inbox_got(Device* device, Value map, bool first, bool last) {
    struct fields fields;
    struct info info;
    beckon_read(map, &fields);
    if (read_info(&info, &fields) && info.has_rev) {
        take_page(device, &info, first, last);
    }
}

void beckon_inbox_listed(Device* device, Value map) {
    struct fields fields;
    struct info info;
    beckon_read(map, &fields);
    if (!read_info(&info, &fields)) {
        return;
    }
    Held* const held = find(device, info.id);
    struct beckon_recent* const ended = beckon_recall(device, RECENT_ENDED, info.id);
    if (ended != NULL && (ended->marks & MARK_OLDER) != 0 &&
        (talks(&info, beckon_me(device)) || asks_in(device, &info))) {
        ended->kind = RECENT_NONE; /* it is used anew, or this user came back into its call */
    }
    if (info.has_rev) {
        take_page(device, &info, true, true);
        return;
    }
    /* Not all of it is told here. */
    if (held != NULL) {
        held->missing = false;
    }
    if (!is_past(device, info.id)) {
        ask_how_it_stands(device, info.id);
    }
}

/* --------------------------------------------------------------------------------- by an event */

/** The invite of this device was done, though the reply may be lost. */
static void take_echo(Device* device, const struct info* info) {
    Held* const held = find(device, info->id);
    if (held != NULL && !held->confirmed) {
        held->confirmed = held->announced = true;
        set_deadline(device, held, info->remaining);
    }
}

static void take_new(Device* device, News* news, const struct fields* fields) {
    struct info info;
    Held* held = find_any(device, news->id);
    if (!read_info(&info, fields)) {
        return;
    }
    if (info.role == BECKON_INVITER && is_own(device, beckon_me(device), news->by_device)) {
        take_echo(device, &info);
        return;
    }
    if (is_past(device, news->id)) {
        /* It is used anew, or the message came very late: the list tells. */
        if (device->link == BECKON_READY) {
            beckon_sync_in(device, 0);
        }
        return;
    }
    if (held != NULL && !held->draft) {
        if (held->earlier) {
            ask_how_it_stands(device, news->id);
        }
        return;
    }
    if (info.role > BECKON_INVITEE) {
        beckon_remember(device, RECENT_WATCHED, news->id);
        return;
    }
    forget(device, RECENT_WATCHED, news->id);
    if (held != NULL) {
        drop(device, held); /* pages of it are on their way, and not needed */
    }
    held = make(device, news->id);
    if (held == NULL || !fill(device, held, &info)) {
        beckon_tell_left_out(device, news->id, 0);
        if (held != NULL) {
            drop(device, held);
        }
        return;
    }
    held->confirmed = true;
    if (news->by == NULL) {
        news->by = info.inviter;
    }
    mark_named(device, held, info.invitees, news);
    held->told_more = held->more_pending = news->left_out;
    rings(device, held, news, info.remaining);
    /* Added later, to others who may have answered already; or not all of them are told here. */
    if ((info.rev > 1 && info.invitees.left > 1) || info.at[KEY_MORE] != NULL) {
        ask_how_it_stands(device, news->id);
    }
}

static void take_ringing(Device* device, Held* held, News* news, const struct fields* fields) {
    (void)fields;
    Part* const part = part_named(device, held, news->user);
    const bool is_new =
        part == NULL ? held->partial : part->state == BECKON_PENDING && !part->ringing;
    if (part != NULL) {
        part->ringing = true;
    }
    if (is_new) {
        tell(device, held, news);
    }
}

static void apply_event(Device* device, Held* held, News* news, Value invitees) {
    static const uint8_t ends[] = {BECKON_PENDING,   BECKON_ACCEPTED,  BECKON_REJECTED,
                                   BECKON_CANCELLED, BECKON_TIMED_OUT, BECKON_PENDING,
                                   BECKON_REVOKED};
    const enum beckon_state state = (enum beckon_state)ends[news->what];
    if (news->what <= BECKON_INVITEE_REJECTED) {
        apply_one(device, held, news, state);
        return;
    }
    news->whole = news->what == BECKON_INVITATION_MODIFIED && invitees != NULL;
    if (news->data != NULL && state == BECKON_PENDING) {
        held->data_hash = hash_of(news->data);
    }
    mark_named(device, held, beckon_entries(invitees), news);
    apply(device, held, news, state, news->left_out > 0);
}

static void take_change(Device* device, Held* held, News* news, Value invitees) {
    const uint32_t rev = news->rev;
    if (rev <= held->rev) {
        return;
    }
    /* With visibility `inviter`, invitees are not told of each other. */
    if (rev > held->rev + 1 &&
        !(held->role == BECKON_INVITEE && held->visibility == BECKON_VISIBILITY_INVITER)) {
        held->gap = true;
    }
    held->rev = held->heard = rev;
    held->has_heard = held->confirmed = true;
    held->announced = held->announced || held->role == BECKON_INVITER;
    apply_event(device, held, news, invitees);
    /* Others were added: only `get` tells the inviter how long they have. And only `get` tells of
     * those who are not known one by one. */
    if (held->gap ||
        (((news->whole && !news->here) || held->partial) && held->role == BECKON_INVITER)) {
        ask_how_it_stands(device, news->id);
    }
    settle(device, held);
}

static void take_of_call(Device* device, Held* held, News* news, const struct fields* fields) {
    const uint32_t rev = news->rev;
    const bool here = news->here;
    if (news->what == BECKON_SIGNAL) {
        uint64_t seq;
        const bool has_seq = beckon_number(fields->at[KEY_SEQ], &seq);
        const uint32_t sender = beckon_hash(beckon_hash(1, news->id), news->by_device);
        if (!has_seq || news->by_device == NULL ||
            beckon_is_news(device, sender ^ (uint32_t)seq * 0x9e3779b1U)) {
            tell(device, held, news);
        }
    } else if (news->what == BECKON_PARTICIPANT_JOINED) {
        join_call(device, held, news->user);
        if (!here) {
            tell(device, held, news);
        }
    } else if (news->what == BECKON_PARTICIPANT_LEFT) {
        leave_call(device, held, news);
    } else if (news->what == BECKON_CALL_ENDED) {
        end_call(device, held, news);
    } else if (in_call(device, held) && !here) {
        tell(device, held, news);
    }
    /* It carries the present rev, so something came before it that did not arrive. */
    if (rev > held->rev && in_call(device, held)) {
        ask_how_it_stands(device, id_of(device, held));
    }
    settle(device, held);
}

static void take_event(Device* device, News* news, const struct fields* fields) {
    const enum beckon_what what = news->what;
    Held* const held = find(device, news->id);
    if (what == BECKON_PARTICIPANT_JOINED && held == NULL &&
        beckon_same(news->user, beckon_me(device))) {
        come_back(device, news->id);
    } else if (what == BECKON_NEW_INVITATION) {
        take_new(device, news, fields);
    } else if (is_past(device, news->id)) {
        return;
    } else if (held != NULL && held->earlier) {
        ask_how_it_stands(device, news->id);
    } else if (what >= BECKON_INVITEE_RINGING) {
        if (held != NULL) {
            (what == BECKON_INVITEE_RINGING ? take_ringing : take_of_call)(device, held, news,
                                                                           fields);
        }
    } else if (held != NULL) {
        take_change(device, held, news, fields->at[KEY_INVITEES]);
    } else if (!news->here && !recalls(device, RECENT_WATCHED, news->id)) {
        /* Nothing is owed for what this device did to an invitation of another's. */
        ask_how_it_stands(device, news->id);
    }
}

void beckon_inbox_event(Device* device, Value map) {
    News news;
    struct fields fields;
    const Value* const at = fields.at;
    uint64_t rev;
    beckon_read(map, &fields);
    const unsigned what = beckon_word(events, at[KEY_EVENT]);
    begin(&news, (enum beckon_what)what);
    news.id = at[KEY_ID];
    news.body = map;
    news.data = at[KEY_DATA];
    news.reason = at[KEY_REASON];
    news.by = id_or_nothing(at[KEY_BY]);
    news.by_device = at[KEY_BY_DEVICE];
    news.here = is_own(device, news.by, news.by_device);
    news.remaining_ms = BECKON_NO_TIME;
    news.user = id_or_nothing(at[what == BECKON_SIGNAL || what == BECKON_MESSAGE ? KEY_FROM
                                 : what >= BECKON_PARTICIPANT_JOINED             ? KEY_USER
                                                                                 : KEY_INVITEE]);
    const bool has_rev = beckon_number(at[KEY_REV], &rev);
    news.rev = (uint32_t)rev;
    if (!beckon_is_id(news.id) || !read_time(at[KEY_DURATION_MS], &news.duration_ms)) {
        return;
    }
    if (what == BECKON_MESSAGE) {
        news.group = id_or_nothing(at[KEY_GROUP]);
        if (news.user != NULL &&
            beckon_is_news(device, beckon_hash(beckon_hash(2, news.user), news.id))) {
            beckon_tell(device, &news);
        }
    } else if (what < BECKON_MESSAGE && has_rev) {
        take_event(device, &news, &fields);
    }
}

/* -------------------------------------------- by the reply to what this device asked itself */

/** Who is in `skipped` was never asked. */
static void skip(Device* device, Held* held, struct beckon_list skipped) {
    Value one;
    while ((one = beckon_take(&skipped)) != NULL) {
        Part* const part = part_named(device, held, beckon_find(one, user_key));
        if (part != NULL && part->state == BECKON_PENDING) {
            remove_part(device, held, (unsigned)(part - held->parts));
        }
    }
}

static void take_reply(Device* device, Held* held, const struct beckon_request* asked, News* own,
                       const Value* reply) {
    const Value id = id_of(device, held);
    const Part* const part = own_part(device, held);
    const bool more = reply[KEY_MORE] != NULL;
    const bool is_pending = part != NULL && part->state == BECKON_PENDING;
    uint64_t rev;
    uint32_t remaining;
    beckon_number(reply[KEY_REV], &rev);
    if (asked->verb == VERB_INVITE) {
        skip(device, held, beckon_entries(reply[KEY_SKIPPED]));
        read_time(reply[KEY_REMAINING_MS], &remaining);
        set_deadline(device, held, remaining);
        if (held->unlisted || more || reply[KEY_DUP] != NULL) {
            /* Said again, or of very many, it does not tell who was skipped. */
            ask_how_it_stands(device, id);
        }
    } else if (asked->verb == VERB_ACCEPT || (asked->verb == VERB_JOIN && is_pending)) {
        apply_one(device, held, own, BECKON_ACCEPTED);
    } else if (asked->verb == VERB_JOIN) {
        join_call(device, held, own->user);
    } else if (asked->verb == VERB_REJECT) {
        const Value said = beckon_said(device, asked, true);
        own->reason =
            said != NULL ? said : reason_text(asked->call == 0 ? REASON_BUSY : REASON_DECLINED);
        apply_one(device, held, own, BECKON_REJECTED);
    } else if (asked->verb == VERB_CANCEL) {
        if (rev > (uint64_t)held->rev + 1 || more) {
            held->gap = true;
            ask_how_it_stands(device, id);
        }
        own->reason = reason_text(REASON_CANCELLED);
        mark_named(device, held, beckon_entries(reply[KEY_CANCELLED]), own);
        apply(device, held, own, BECKON_CANCELLED, own->left_out > 0);
    }
    settle(device, held);
}

/** The invite was the accept of a call that crossed it. */
static void merged_into(Device* device, Value id, News* own) {
    Held* const into = find(device, id);
    if (into == NULL) {
        ask_how_it_stands(device, id);
        return;
    }
    apply_one(device, into, own, BECKON_ACCEPTED);
    settle(device, into);
}

void beckon_inbox_replied(Device* device, const struct beckon_request* asked,
                          const struct fields* fields) {
    const Value* const reply = fields->at;
    const bool ok = reply[KEY_ERROR] == NULL;
    News own;
    uint64_t code;
    const bool invites = asked->verb == VERB_INVITE;
    const Value id = beckon_text_of(device, invites ? asked->id : asked->about);
    const Value into = reply[KEY_MERGED_INTO];
    if (asked->verb == VERB_MESSAGE) {
        return;
    }
    begin(&own, BECKON_INVITEE_ACCEPTED);
    own.user = own.by = beckon_me(device);
    own.by_device = beckon_tag(device);
    own.here = true;
    if (invites && (!ok || into != NULL)) {
        beckon_inbox_not_invited(device, id);
        if (ok) {
            merged_into(device, into, &own);
        }
        return;
    }
    if (asked->verb == VERB_CANCEL) {
        beckon_inbox_cancelling(device, id, false);
    }
    Held* const held = find(device, id);
    if (held == NULL) {
        if (ok && asked->verb == VERB_JOIN) {
            come_back(device, id);
        }
    } else if (ok) {
        if (held->role == BECKON_INVITER) {
            held->confirmed = held->announced = true; /* whatever was done to it: it is there */
        }
        take_reply(device, held, asked, &own, reply);
    } else if (held->confirmed && beckon_number(reply[KEY_CODE], &code) &&
               (code == 8010 || code == 8011)) {
        /* It is not as this device thought. (What is on its way is not known yet: the reply to it
         * tells.) */
        ask_how_it_stands(device, id);
    }
}

/* -------------------------------------------------------------------------------- what is known */

bool beckon_next_open(const Device* device, uint32_t now, unsigned* at, News* news) {
    while (*at < BECKON_INVITATIONS) {
        const Held* const held = &device->held[(*at)++];
        const bool pending = (anyone_pending(held) || held->unlisted) && !held->assumed;
        if (held->id != 0 && !held->draft && held->confirmed &&
            (pending || in_call(device, held))) {
            begin(news, BECKON_NEW_INVITATION);
            describe(device, held, news);
            news->remaining_ms = remaining_of(device, held, now);
            news->duration_ms = now - held->call_began;
            news->left_out = held->told_more;
            news->whole = true;
            return true;
        }
    }
    return false;
}

bool beckon_next_invitee(const News* news, unsigned* at, struct beckon_invitee* invitee) {
    if (news->device == NULL) {
        return false;
    }
    const Held* const held = &news->device->held[news->held];
    while (*at < held->count) {
        const Part* const part = &held->parts[(*at)++];
        if (!part->fresh && (news->whole || part->marked)) {
            invitee->user = beckon_text_of(news->device, part->name);
            invitee->state = (enum beckon_state)part->state;
            invitee->ringing = part->ringing;
            invitee->in_call = part->in_call;
            return true;
        }
    }
    return false;
}
