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
typedef struct beckon_text Text;

/* In the order of `beckon_what`. */
static const char events[] =
    "new_invitation\0invitee_accepted\0invitee_rejected\0invitation_cancelled\0"
    "invitation_timeout\0invitation_modified\0invitation_revoked\0invitee_ringing\0signal\0"
    "participant_joined\0participant_left\0participant_moved\0call_ended\0message\0";
static const char states[] = "pending\0accepted\0rejected\0cancelled\0timed_out\0revoked\0";

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
    REASON_OTHER = 15
};
static const char reasons[] =
    "cancelled\0answered\0replaced\0call_ended\0expired\0inviter_lost\0left_group\0"
    "group_dismissed\0removed\0declined\0busy\0hangup\0connection_lost\0";

static unsigned reason_number(Text reason) {
    if (reason.at == NULL) {
        return 0;
    }
    const unsigned number = 1 + beckon_word(reasons, reason);
    return number < 14 ? number : REASON_OTHER;
}

static Text reason_text(unsigned number) {
    return beckon_text_of(
        number == 0 || number == REASON_OTHER ? NULL : beckon_nth_word(reasons, number - 1));
}

static Text nothing(void) { return beckon_text_of(NULL); }

struct cause {
    Text by, by_device, reason;
    bool here, assumed;
};

static struct cause no_cause(void) {
    struct cause cause;
    memset(&cause, 0, sizeof cause);
    return cause;
}

static News news_of(enum beckon_what what) {
    News news;
    memset(&news, 0, sizeof news);
    news.what = what;
    return news;
}

/* ------------------------------------------------------------------------------- what is held */

static Text id_of(const Device* device, const Held* held) {
    return beckon_name_text(device, held->id);
}

static bool is_own(const Device* device, Text by, Text by_device) {
    return device->has_tag && beckon_same(by, beckon_me(device)) &&
           beckon_same(by_device, beckon_text_from(device->tag, sizeof device->tag));
}

static Held* find_any(Device* device, Text id) {
    for (unsigned i = 0; i < BECKON_INVITATIONS; ++i) {
        Held* const held = &device->held[i];
        if (held->id != 0 && beckon_same(id_of(device, held), id)) {
            return held;
        }
    }
    return NULL;
}

static Held* find(Device* device, Text id) {
    Held* const held = find_any(device, id);
    return held != NULL && !held->draft ? held : NULL;
}

static Part* part_named(const Device* device, Held* held, Text user) {
    for (unsigned i = 0; i < held->count; ++i) {
        if (beckon_same(beckon_name_text(device, held->parts[i].name), user)) {
            return &held->parts[i];
        }
    }
    return NULL;
}

static Part* own_part(const Device* device, Held* held) {
    for (unsigned i = 0; held->role == BECKON_INVITEE && i < held->count; ++i) {
        if (held->parts[i].name == device->me && !held->parts[i].fresh) {
            return &held->parts[i];
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

static bool is_over(const Device* device, Held* held) {
    const Part* const own = own_part(device, held);
    return own != NULL ? own->state != BECKON_PENDING : !anyone_pending(held);
}

static bool in_call(const Device* device, Held* held) {
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
static Part* list(Device* device, Held* held, Text user) {
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

Held* beckon_inbox_make(Device* device, Text id) {
    Held* unused = NULL;
    for (unsigned i = 0; i < BECKON_INVITATIONS && unused == NULL; ++i) {
        unused = device->held[i].id == 0 ? &device->held[i] : NULL;
    }
    /* Its end is told: what the others still answer counts for less than what comes. */
    for (unsigned i = 0; i < BECKON_INVITATIONS && unused == NULL; ++i) {
        Held* const held = &device->held[i];
        if (held->role == BECKON_INVITEE && held->end_told && is_over(device, held) &&
            !in_call(device, held) && !held->gap) {
            note_ended(device, held);
            unused = held;
        }
    }
    if (unused != NULL) {
        memset(unused, 0, sizeof *unused);
        unused->id = beckon_name(device, id);
    }
    return unused != NULL && unused->id != 0 ? unused : NULL;
}

static void forget(Device* device, enum recent kind, Text id) {
    struct beckon_recent* const one = beckon_recall(device, kind, id);
    if (one != NULL) {
        one->kind = RECENT_NONE;
    }
}

static bool recalls(Device* device, enum recent kind, Text id) {
    return beckon_recall(device, kind, id) != NULL;
}

/** Of this nothing is told any more. */
static bool is_past(Device* device, Text id) {
    return recalls(device, RECENT_ENDED, id) || recalls(device, RECENT_DISOWNED, id);
}

static void ask_how_it_stands(Device* device, Text id) { beckon_errand(device, VERB_GET, id); }

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

static uint32_t remaining_of(const Device* device, Held* held, uint32_t now) {
    if (!held->has_deadline || is_over(device, held)) {
        return BECKON_NO_TIME;
    }
    return beckon_due(held->deadline, now) ? 0 : held->deadline - now;
}

/** False: it is no time. What is too far is none. */
static bool find_time(Text map, const char* key, uint32_t* time) {
    bool found;
    uint64_t number;
    const bool is_time = beckon_find_number(map, key, MOST_MS, &found, &number);
    *time = found && number < FAR_MS ? (uint32_t)number : BECKON_NO_TIME;
    return is_time;
}

/* ------------------------------------------------------------------------------ what is told */

static void clear_marks(Held* held) {
    for (unsigned i = 0; i < held->count; ++i) {
        held->parts[i].marked = 0;
    }
}

static void describe(const Device* device, Held* held, News* news) {
    news->id = id_of(device, held);
    news->inviter = beckon_name_text(device, held->inviter);
    news->group = beckon_name_text(device, held->group);
    news->role = (enum beckon_role)held->role;
    news->rev = held->rev;
    news->remaining_ms = remaining_of(device, held, device->now);
    news->call = held->call;
    news->first = held->first;
    news->online_only = held->online_only;
    news->visibility = (enum beckon_visibility)held->visibility;
    news->inviter_in_call = held->inviter_in_call;
    news->device = device;
    news->held = (uint8_t)(held - device->held);
}

static void tell(Device* device, Held* held, News* news, const struct cause* cause) {
    describe(device, held, news);
    news->by = cause->by;
    news->by_device = cause->by_device;
    news->assumed = cause->assumed;
    news->here = cause->here;
    if (news->what == BECKON_INVITATION_CANCELLED || news->what == BECKON_INVITATION_REVOKED) {
        const Part* const own = own_part(device, held);
        news->ends_ours = held->role == BECKON_INVITEE
                              ? own != NULL && own->marked
                              : !anyone_pending(held) && !anyone_in(held, BECKON_ACCEPTED) &&
                                    held->more_best != BECKON_ACCEPTED;
    }
    if (!held->busy) {
        beckon_tell(device, news);
    }
}

/** It is told that somebody is asked; this user is, or another of its devices did. */
static void rings(Device* device, Held* held, News* news, const struct cause* cause,
                  uint32_t remaining) {
    held->announced = 1;
    set_deadline(device, held, remaining);
    news->whole = true;
    held->busy = 0;
    if (held->role == BECKON_INVITER) {
        news->what = BECKON_OWN_INVITATION;
    } else if (device->busy) {
        news->what = BECKON_REJECTED_AS_BUSY;
        beckon_errand(device, VERB_REJECT, id_of(device, held));
    }
    tell(device, held, news, cause);
    held->busy = news->what == BECKON_REJECTED_AS_BUSY;
    if (news->left_out > 0 && !held->busy) {
        beckon_tell_left_out(device, id_of(device, held), news->left_out);
    }
}

static void set_ending(Device* device, Held* held, const struct cause* cause) {
    const uint8_t by = beckon_name(device, cause->by);
    beckon_release(device, held->end_by);
    held->end_by = by;
    held->end_has_device = cause->by_device.size == sizeof held->end_by_device;
    if (held->end_has_device) {
        memcpy(held->end_by_device, cause->by_device.at, sizeof held->end_by_device);
    }
    held->end_reason = reason_number(cause->reason) & 15U;
    held->end_here = cause->here;
    device->other_reason = held->end_reason == REASON_OTHER ? cause->reason : nothing();
}

static void tell_end(Device* device, Held* held) {
    if (!held->announced || held->end_told) {
        return;
    }
    held->end_told = 1;
    News news = news_of(BECKON_INVITATION_ENDED);
    struct cause cause = no_cause();
    const Part* const own = own_part(device, held);
    unsigned best = held->more_best != 0 ? held->more_best : BECKON_FORGOTTEN;
    for (unsigned i = 0; i < held->count; ++i) {
        const unsigned state = held->parts[i].state;
        best = state != BECKON_PENDING && state < best ? state : best;
    }
    if (held->assumed && best > BECKON_TIMED_OUT) {
        best = BECKON_TIMED_OUT;
    }
    news.state = (enum beckon_state)(own != NULL ? own->state : best);
    news.reason =
        held->end_reason == REASON_OTHER ? device->other_reason : reason_text(held->end_reason);
    cause.by = beckon_name_text(device, held->end_by);
    if (held->end_has_device) {
        cause.by_device = beckon_text_from(held->end_by_device, sizeof held->end_by_device);
    }
    cause.here = held->end_here;
    cause.assumed = held->assumed;
    tell(device, held, &news, &cause);
}

/** After each change: tells the end, once, and forgets what nobody waits for. */
static void settle(Device* device, Held* held) {
    if (!is_over(device, held) || (held->gap && own_part(device, held) == NULL)) {
        return;
    }
    tell_end(device, held);
    device->other_reason = nothing();
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

/** Where it is noted that this user takes part; nothing: it is not noted. */
static bool takes_part(Device* device, Held* held, Text user) {
    const Part* const part = part_named(device, held, user);
    return (beckon_same(user, beckon_name_text(device, held->inviter)) && held->inviter_in_call) ||
           (part != NULL && part->in_call);
}

static void set_in_call(Device* device, Held* held, Text user, bool is_in_call) {
    Part* const part = part_named(device, held, user);
    if (beckon_same(user, beckon_name_text(device, held->inviter))) {
        held->inviter_in_call = is_in_call;
    } else if (part != NULL) {
        part->in_call = is_in_call;
    }
}

static void join_call(Device* device, Held* held, Text user) {
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

static void leave_call(Device* device, Held* held, News* news, const struct cause* cause) {
    const bool unknown = held->partial && part_named(device, held, news->user) == NULL;
    if (in_call(device, held) && (unknown || takes_part(device, held, news->user))) {
        set_in_call(device, held, news->user, false);
        if (!cause->here) {
            tell(device, held, news, cause);
        }
    }
}

static void end_call(Device* device, Held* held, News* news, const struct cause* cause) {
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
        tell(device, held, news, cause);
    }
}

/** Nobody says how it ended. */
static void lose_call(Device* device, Held* held) {
    News news = news_of(BECKON_CALL_ENDED);
    const struct cause cause = no_cause();
    news.duration_ms = device->now - held->call_began;
    end_call(device, held, &news, &cause);
}

/** This user is in the call of an invitation that was over here: how it stands is asked. */
static void come_back(Device* device, Text id) {
    forget(device, RECENT_ENDED, id);
    beckon_remember(device, RECENT_RETURNED, id);
    ask_how_it_stands(device, id);
}

/* ------------------------------------------------------------------------------------ changes */

/** To those who are marked and pending, and to others whom the news is about. */
static void apply(Device* device, Held* held, News* news, enum beckon_state state,
                  const struct cause* cause, bool others) {
    const bool was_over = is_over(device, held) && !held->unlisted;
    bool changed = others;
    for (unsigned i = 0; i < held->count && state != BECKON_PENDING; ++i) {
        Part* const part = &held->parts[i];
        part->marked = part->marked && part->state == BECKON_PENDING;
        if (part->marked) {
            part->state = (unsigned)state & 7U;
            part->fresh = 0;
            changed = true;
        }
    }
    if (!was_over && changed) {
        set_ending(device, held, cause);
    }
    if (!changed && state != BECKON_PENDING) {
        return;
    }
    const bool answer = state == BECKON_ACCEPTED || state == BECKON_REJECTED;
    /* Once the application has taken it for over, only answers are news. */
    if (!cause->here && (!held->assumed || answer)) {
        tell(device, held, news, cause);
    }
    if (state == BECKON_ACCEPTED && held->call) {
        join_call(device, held, news->user);
    }
}

static void apply_one(Device* device, Held* held, News* news, enum beckon_state state,
                      const struct cause* cause) {
    Part* const part = list(device, held, news->user);
    clear_marks(held);
    if (part != NULL) {
        part->marked = 1;
        part->fresh = 0;
    }
    apply(device, held, news, state, cause, part == NULL);
}

/** Marks those whom the entries name. False: not all of them are known one by one. */
static bool mark_named(Device* device, Held* held, Text users, bool lists, uint16_t* left_out) {
    struct beckon_value user;
    clear_marks(held);
    while (beckon_take(&users, &user)) {
        if (user.kind == BECKON_TEXT && beckon_is_id(user.text)) {
            Part* const part =
                lists ? list(device, held, user.text) : part_named(device, held, user.text);
            if (part != NULL) {
                part->marked = 1;
                part->fresh = 0;
            } else if (lists) {
                ++*left_out;
            }
        }
    }
    return *left_out == 0;
}

static void assume(Device* device, Held* held) {
    News news = news_of(BECKON_INVITATION_TIMEOUT);
    struct cause cause = no_cause();
    const bool gap = held->gap;
    cause.assumed = true;
    held->has_look = held->gap = 0;
    if (held->role == BECKON_INVITEE) {
        Part* const own = own_part(device, held);
        clear_marks(held);
        if (own != NULL) {
            own->marked = 1;
        }
        apply(device, held, &news, BECKON_TIMED_OUT, &cause, false);
        held->assumed = 1;
        settle(device, held);
        return;
    }
    /* What the inviter was not told stays open to being told: an answer counts. */
    for (unsigned i = 0; i < held->count; ++i) {
        held->parts[i].marked = held->parts[i].state == BECKON_PENDING && !held->parts[i].fresh;
    }
    if (held->announced && anyone_pending(held)) {
        tell(device, held, &news, &cause);
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

void beckon_inbox_inviting(Device* device, Held* held, const struct beckon_request* invite) {
    held->inviter = beckon_name(device, beckon_me(device));
    held->role = BECKON_INVITER;
    held->rev = 1;
    held->call = invite->begins_call;
    held->first = invite->first;
    held->online_only = invite->online_only;
    held->visibility =
        invite->visibility != BECKON_VISIBILITY_USUAL
            ? invite->visibility
            : (unsigned)(invite->in_group ? BECKON_VISIBILITY_MEMBERS : BECKON_VISIBILITY_INVITEES);
    held->data_hash = (uint32_t)beckon_hash(
        invite->binary, beckon_text_from(device->data + invite->data_at, invite->data_size));
    if (invite->in_group) {
        held->group = beckon_name(device, beckon_name_text(device, invite->about));
    } else {
        list(device, held, beckon_name_text(device, invite->about));
    }
    for (unsigned i = 0; i < invite->count; ++i) {
        list(device, held, beckon_name_text(device, invite->names[i]));
    }
    held->unlisted = held->gap = held->count == 0;
}

void beckon_inbox_not_invited(Device* device, Text id) {
    Held* const held = find(device, id);
    if (held != NULL && !held->confirmed) {
        drop(device, held);
    }
}

void beckon_inbox_disown(Device* device, Text id) {
    Held* const held = find(device, id);
    if (held == NULL || !held->announced) {
        beckon_remember(device, RECENT_DISOWNED, id);
        if (held != NULL) {
            drop(device, held);
        }
    }
}

void beckon_inbox_cancelling(Device* device, Text id, bool on_its_way) {
    Held* const held = find(device, id);
    if (held != NULL) {
        held->cancelling = on_its_way;
    }
}

int beckon_inbox_made(Device* device, Text id) {
    if (recalls(device, RECENT_ENDED, id)) {
        return 2;
    }
    Held* const held = find(device, id);
    if (held == NULL || !held->confirmed) {
        return 0;
    }
    return held->unlisted || anyone_pending(held) ? 1 : 2;
}

/* --------------------------------------------------------------- what the broker has of all */

void beckon_inbox_speaks(Device* device, uint32_t epoch) {
    const bool another = !device->has_epoch || device->epoch != epoch;
    const bool had_one = device->has_epoch;
    device->epoch = epoch;
    device->has_epoch = 1;
    for (unsigned i = 0; another && had_one && i < BECKON_RECENT; ++i) {
        struct beckon_recent* const one = &device->recent[i];
        if (one->kind == RECENT_ENDED && (one->marks & MARK_FIRST) != 0) {
            one->kind = RECENT_ENDED_BEFORE;
        }
    }
    /* What came after the first sync was sent is of this start. */
    for (unsigned i = 0; another && i < BECKON_INVITATIONS; ++i) {
        device->held[i].earlier = device->held[i].before;
    }
}

void beckon_inbox_forgotten(Device* device, Text id) {
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
        News news = news_of(BECKON_INVITATION_ENDED);
        const struct cause cause = no_cause();
        news.state = BECKON_FORGOTTEN;
        held->end_told = 1;
        tell(device, held, &news, &cause);
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
    Text id, inviter, group, data, invitees, participants, call_reason;
    unsigned role; /* 2: observer */
    unsigned visibility;
    bool call, first, online_only, ended, has_rev, has_call;
    uint32_t rev, remaining, duration;
};

/** Also of a `new_invitation`. */
static bool read_common(Text map, struct info* info) {
    memset(info, 0, sizeof *info);
    info->id = beckon_find_id(map, "id");
    info->inviter = beckon_find_id(map, "inviter");
    info->group = beckon_find_id(map, "group");
    info->data = beckon_find_text(map, "data");
    info->invitees = beckon_find_entries(map, "invitees", BECKON_ARRAY);
    const Text role = beckon_find_text(map, "role");
    const Text visibility = beckon_find_text(map, "visibility");
    info->role =
        role.at == NULL ? BECKON_INVITEE : beckon_word("inviter\0invitee\0observer\0", role);
    info->visibility = visibility.at != NULL
                           ? 1 + beckon_word("members\0invitees\0inviter\0", visibility)
                       : info->group.at != NULL ? BECKON_VISIBILITY_MEMBERS
                                                : BECKON_VISIBILITY_INVITEES;
    info->call = beckon_find_flag(map, "call");
    info->online_only = beckon_find_flag(map, "online_only");
    info->first = beckon_is(beckon_find_text(map, "answer"), "first");
    bool found;
    uint64_t rev;
    const bool is_rev = beckon_find_number(map, "rev", UINT32_MAX, &found, &rev);
    info->has_rev = found;
    info->rev = (uint32_t)rev;
    return is_rev && find_time(map, "remaining_ms", &info->remaining) && info->id.at != NULL &&
           info->inviter.at != NULL && info->invitees.at != NULL && info->role <= 2 &&
           info->visibility <= BECKON_VISIBILITY_INVITER;
}

static bool read_info(Text map, struct info* info) {
    struct beckon_value call;
    if (!read_common(map, info)) {
        return false;
    }
    info->ended = beckon_is(beckon_find_text(map, "state"), "ended");
    info->has_call = beckon_find(map, "call_state", &call) && call.kind == BECKON_MAP;
    if (info->has_call) {
        info->participants = beckon_find_entries(call.text, "participants", BECKON_ARRAY);
        info->call_reason = beckon_find_text(call.text, "reason");
        return find_time(call.text, "duration_ms", &info->duration);
    }
    return true;
}

/** What this page tells of that user; nothing: it does not. */
static Text told_of(const struct info* info, Text user) {
    Text entries = info->invitees;
    struct beckon_value one;
    while (beckon_take(&entries, &one)) {
        if (one.kind == BECKON_MAP && beckon_same(beckon_find_text(one.text, "user"), user)) {
            return one.text;
        }
    }
    return nothing();
}

static bool asks_somebody(const struct info* info) {
    Text entries = info->invitees;
    struct beckon_value one;
    while (beckon_take(&entries, &one)) {
        if (one.kind == BECKON_MAP && beckon_find_text(one.text, "state").at == NULL) {
            return true;
        }
    }
    return false;
}

static bool fill(Device* device, Held* held, const struct info* info) {
    held->inviter = beckon_name(device, info->inviter);
    held->group = beckon_name(device, info->group);
    held->role = info->role & 1U;
    held->rev = info->rev;
    held->visibility = info->visibility & 3U;
    held->call = info->call;
    held->first = info->first;
    held->online_only = info->online_only;
    held->data_hash = (uint32_t)beckon_hash(info->data.binary, info->data);
    return held->inviter != 0 && (held->group != 0) == (info->group.at != NULL);
}

/** How each part is told to stand. Who is new in it is fresh. */
static void gather(Device* device, Held* held, const struct info* info, bool first) {
    struct beckon_value one;
    if (first) {
        drop_fresh(device, held);
        for (unsigned i = 0; i < held->count; ++i) {
            held->parts[i].seen = held->parts[i].told_in_call = 0;
        }
        held->told_rev = info->rev;
        held->told_pending = held->told_more = 0;
        held->told_best = held->told_inviter_in_call = 0;
    }
    if (held->inviter == 0) {
        held->inviter = beckon_name(device, info->inviter);
    }
    Text entries = info->invitees;
    while (beckon_take(&entries, &one)) {
        const Text user = beckon_find_id(one.text, "user");
        const Text word = beckon_find_text(one.text, "state");
        const unsigned state = word.at == NULL ? BECKON_PENDING : beckon_word(states, word);
        if (one.kind != BECKON_MAP || user.at == NULL || state > BECKON_REVOKED) {
            continue;
        }
        const bool is_new = part_named(device, held, user) == NULL;
        Part* const part = list(device, held, user);
        if (part == NULL) {
            ++held->told_more;
            held->told_pending = (uint16_t)(held->told_pending + (state == BECKON_PENDING));
            if (state != BECKON_PENDING && (held->told_best == 0 || state < held->told_best)) {
                held->told_best = state & 7U;
            }
            continue;
        }
        part->fresh = part->fresh || is_new;
        part->seen = 1;
        part->told = state & 7U;
        part->told_ringing = beckon_find_flag(one.text, "ringing");
        part->told_reason = reason_number(beckon_find_text(one.text, "reason")) & 15U;
    }
    entries = info->participants;
    while (beckon_take(&entries, &one)) {
        Part* const part = part_named(device, held, one.text);
        if (beckon_same(one.text, info->inviter)) {
            held->told_inviter_in_call = 1;
        } else if (part != NULL) {
            part->told_in_call = 1;
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
    News news = news_of(BECKON_INVITATION_MODIFIED);
    struct cause cause = no_cause();
    bool modified = false;
    const uint32_t hash = (uint32_t)beckon_hash(info->data.binary, info->data);
    if (info->data.at != NULL && hash != held->data_hash) {
        held->data_hash = hash;
        news.data = info->data;
        modified = true;
    }
    for (unsigned i = 0; i < held->count; ++i) {
        news.whole = news.whole || held->parts[i].fresh;
        held->parts[i].fresh = 0;
    }
    cause.by = info->inviter;
    if (modified || news.whole) {
        clear_marks(held);
        news.left_out = news.whole ? held->told_more : 0;
        apply(device, held, &news, BECKON_PENDING, &cause, false);
    }
}

static void apply_answer(Device* device, Held* held, const struct info* info, unsigned index) {
    const Part* const part = &held->parts[index];
    const Text user = beckon_name_text(device, part->name);
    const Text told = told_of(info, user);
    const bool accepts = part->told == BECKON_ACCEPTED;
    struct cause cause = no_cause();
    cause.by = user;
    cause.by_device = beckon_find_text(told, "device");
    cause.here = is_own(device, user, cause.by_device);
    News news = news_of(accepts ? BECKON_INVITEE_ACCEPTED : BECKON_INVITEE_REJECTED);
    news.user = user;
    news.data = beckon_find_text(told, "data");
    if (!accepts) {
        const Text reason = beckon_find_text(told, "reason");
        const Text known = reason_text(part->told_reason); /* on a page before */
        news.reason = cause.reason = reason.at != NULL  ? reason
                                     : known.at != NULL ? known
                                                        : reason_text(REASON_DECLINED);
    }
    clear_marks(held);
    held->parts[index].marked = 1;
    apply(device, held, &news, (enum beckon_state)part->told, &cause, false);
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
                News news = news_of(BECKON_INVITEE_RINGING);
                struct cause cause = no_cause();
                news.user = cause.by = beckon_name_text(device, part->name);
                tell(device, held, &news, &cause);
            }
        }
        if (part->told == BECKON_ACCEPTED || part->told == BECKON_REJECTED) {
            apply_answer(device, held, info, i);
        }
    }
}

/** Those that ended in that state without an answer, for that reason (0: whatever it was). */
static void apply_ends(Device* device, Held* held, const struct info* info, enum beckon_what what,
                       enum beckon_state state, unsigned reason) {
    News news = news_of(what);
    struct cause cause = no_cause();
    bool any = false;
    const Part* taker = NULL;
    for (unsigned i = 0; i < held->count; ++i) {
        Part* const part = &held->parts[i];
        part->marked = part->seen && part->state == BECKON_PENDING &&
                       part->told == (unsigned)state &&
                       (reason == 0 || part->told_reason == reason);
        taker = part->seen && part->told == BECKON_ACCEPTED ? part : taker;
        if (part->marked) {
            const Text told = told_of(info, beckon_name_text(device, part->name));
            const Text data = beckon_find_text(told, "data");
            news.data = data.at != NULL ? data : news.data;
            any = true;
        }
    }
    if (!any) {
        return;
    }
    if (reason != 0) {
        news.reason = cause.reason = reason_text(reason);
    }
    if (reason == REASON_ANSWERED && taker != NULL) {
        cause.by = beckon_name_text(device, taker->name);
        cause.by_device = beckon_find_text(told_of(info, cause.by), "device");
        cause.here = is_own(device, cause.by, cause.by_device);
    } else if (state == BECKON_CANCELLED &&
               (reason == REASON_CANCELLED || reason == REASON_REPLACED ||
                reason == REASON_INVITER_LOST)) {
        cause.by = info->inviter;
        cause.here = reason == REASON_CANCELLED && held->cancelling && held->role == BECKON_INVITER;
    }
    apply(device, held, &news, state, &cause, false);
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
    apply_ends(device, held, info, BECKON_INVITATION_REVOKED, BECKON_REVOKED, REASON_LEFT_GROUP);
    apply_ends(device, held, info, BECKON_INVITATION_REVOKED, BECKON_REVOKED, REASON_REMOVED);
    for (unsigned reason = REASON_CANCELLED; reason <= REASON_GROUP_DISMISSED; ++reason) {
        apply_ends(device, held, info, BECKON_INVITATION_CANCELLED, BECKON_CANCELLED, reason);
    }
    /* For a reason that is not known here. */
    apply_ends(device, held, info, BECKON_INVITATION_REVOKED, BECKON_REVOKED, 0);
    apply_ends(device, held, info, BECKON_INVITATION_CANCELLED, BECKON_CANCELLED, 0);
    apply_ends(device, held, info, BECKON_INVITATION_TIMEOUT, BECKON_TIMED_OUT, 0);
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
    if (info->call_reason.at != NULL) {
        News news = news_of(BECKON_CALL_ENDED);
        const struct cause cause = no_cause();
        news.reason = info->call_reason;
        news.duration_ms = info->duration;
        end_call(device, held, &news, &cause);
        return;
    }
    for (unsigned i = 0; i <= held->count && in_call(device, held); ++i) {
        /* The last is the inviter. */
        const bool is_inviter = i == held->count;
        if (is_inviter ? held->inviter_in_call && !held->told_inviter_in_call
                       : held->parts[i].in_call && !held->parts[i].told_in_call) {
            News news = news_of(BECKON_PARTICIPANT_LEFT);
            struct cause cause = no_cause();
            news.user = cause.by =
                beckon_name_text(device, is_inviter ? held->inviter : held->parts[i].name);
            leave_call(device, held, &news, &cause);
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
    const Part* const own = part_named(device, draft, beckon_me(device));
    const bool talks = info->call_reason.at == NULL &&
                       ((own != NULL && own->told_in_call) ||
                        (info->role == BECKON_INVITER && draft->told_inviter_in_call));
    /* Its end was told by an earlier start of the broker, and it does not ask anew: but for an
     * invitee, whom a call that lives asks is somebody else. */
    return (recalls(device, RECENT_ENDED_BEFORE, info->id) && !talks && !asks_anew) ||
           (info->role != BECKON_INVITER && info->ended);
}

/** Of an invitation that was not held. */
static void take_unheard(Device* device, Held* draft, const struct info* info) {
    const bool returned = recalls(device, RECENT_RETURNED, info->id);
    forget(device, RECENT_RETURNED, info->id);
    const bool call_is_over = info->call_reason.at != NULL;
    if (info->role > BECKON_INVITEE) {
        beckon_remember(device, RECENT_WATCHED, info->id);
        drop(device, draft);
        return;
    }
    beckon_release(device, draft->inviter);
    if (!fill(device, draft, info)) {
        beckon_tell_left_out(device, info->id, 0);
        drop(device, draft);
        return;
    }
    if (returned && call_is_over) {
        /* The call was over before it was known how it stands. */
        News news = news_of(BECKON_CALL_ENDED);
        const struct cause cause = no_cause();
        news.reason = info->call_reason;
        news.duration_ms = info->duration;
        tell(device, draft, &news, &cause);
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
        News news = news_of(BECKON_NEW_INVITATION);
        struct cause cause = no_cause();
        cause.by = info->inviter;
        news.data = info->data;
        news.left_out = draft->told_more;
        rings(device, draft, &news, &cause, info->remaining);
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
            held = beckon_inbox_make(device, info->id);
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
        held = beckon_inbox_make(device, info->id);
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

void beckon_inbox_got(Device* device, Text map, bool first, bool last) {
    struct info info;
    if (read_info(map, &info) && info.has_rev) {
        take_page(device, &info, first, last);
    }
}

void beckon_inbox_listed(Device* device, Text map) {
    struct info info;
    if (!read_info(map, &info)) {
        return;
    }
    Held* const held = find(device, info.id);
    struct beckon_recent* const ended = beckon_recall(device, RECENT_ENDED, info.id);
    if (ended != NULL && (ended->marks & MARK_OLDER) != 0) {
        /* An id that had ended may be used anew: it asks somebody. */
        const Text own = told_of(&info, beckon_me(device));
        const Text state = beckon_find_text(own, "state");
        if (info.role == BECKON_INVITEE ? own.at != NULL && state.at == NULL
                                        : asks_somebody(&info)) {
            ended->kind = RECENT_NONE;
        }
    }
    if (info.has_rev) {
        take_page(device, &info, true, true);
        return;
    }
    /* Not all of it is told here. */
    if (held != NULL) {
        held->missing = 0;
    }
    if (!is_past(device, info.id)) {
        ask_how_it_stands(device, info.id);
    }
}

/* --------------------------------------------------------------------------------- by an event */

struct event {
    enum beckon_what what;
    Text map, id, by, by_device;
    uint32_t rev;
};

/** The invite of this device was done, though the reply may be lost. */
static void take_echo(Device* device, const struct info* info) {
    Held* const held = find(device, info->id);
    if (held != NULL && !held->confirmed) {
        held->confirmed = held->announced = 1;
        set_deadline(device, held, info->remaining);
    }
}

static void take_new(Device* device, const struct event* event, News* news) {
    struct info info;
    uint64_t more;
    bool found;
    if (!read_common(event->map, &info)) {
        return;
    }
    if (info.role == BECKON_INVITER && is_own(device, beckon_me(device), event->by_device)) {
        take_echo(device, &info);
        return;
    }
    if (is_past(device, event->id)) {
        /* It is used anew, or the message came very late: the list tells. */
        device->has_sync = device->has_sync || device->link == BECKON_READY;
        device->sync_at = device->link == BECKON_READY ? device->now : device->sync_at;
        return;
    }
    Held* held = find(device, event->id);
    if (held != NULL && held->earlier) {
        ask_how_it_stands(device, event->id);
    }
    if (held != NULL) {
        return;
    }
    if (info.role > BECKON_INVITEE) {
        beckon_remember(device, RECENT_WATCHED, event->id);
        return;
    }
    forget(device, RECENT_WATCHED, event->id);
    held = find_any(device, event->id);
    if (held != NULL) {
        drop(device, held); /* pages of it are on their way, and not needed */
    }
    held = beckon_inbox_make(device, event->id);
    if (held == NULL || !fill(device, held, &info)) {
        beckon_tell_left_out(device, event->id, 0);
        if (held != NULL) {
            drop(device, held);
        }
        return;
    }
    held->confirmed = 1;
    struct cause cause = no_cause();
    cause.by = event->by.at != NULL ? event->by : info.inviter;
    cause.by_device = event->by_device;
    news->data = info.data;
    mark_named(device, held, info.invitees, true, &news->left_out);
    beckon_find_number(event->map, "more", UINT16_MAX, &found, &more);
    held->told_more = news->left_out;
    held->more_pending = news->left_out;
    const bool several = held->count + held->told_more > 1;
    rings(device, held, news, &cause, info.remaining);
    /* Added later, to others who may have answered already; or not all of them are told here. */
    if ((event->rev > 1 && several) || more > 0) {
        ask_how_it_stands(device, event->id);
    }
}

static void take_ringing(Device* device, const struct event* event, News* news) {
    Held* const held = find(device, event->id);
    Part* const part = held != NULL ? part_named(device, held, news->user) : NULL;
    struct cause cause = no_cause();
    cause.by = event->by;
    cause.by_device = event->by_device;
    if (part != NULL && part->state == BECKON_PENDING && !part->ringing) {
        part->ringing = 1;
        tell(device, held, news, &cause);
    } else if (held != NULL && part == NULL && held->partial) {
        tell(device, held, news, &cause);
    }
}

static void apply_event(Device* device, Held* held, News* news, struct cause* cause) {
    const enum beckon_state state = news->what <= BECKON_INVITEE_REJECTED
                                        ? (enum beckon_state)news->what
                                    : news->what == BECKON_INVITATION_CANCELLED ? BECKON_CANCELLED
                                    : news->what == BECKON_INVITATION_REVOKED   ? BECKON_REVOKED
                                                                                : BECKON_TIMED_OUT;
    const Text users = beckon_find_entries(news->body, "invitees", BECKON_ARRAY);
    cause->reason = news->reason;
    if (news->what <= BECKON_INVITEE_REJECTED) {
        apply_one(device, held, news, state, cause);
        return;
    }
    mark_named(device, held, users, true, &news->left_out);
    if (news->what != BECKON_INVITATION_MODIFIED) {
        apply(device, held, news, state, cause, news->left_out > 0);
        return;
    }
    news->whole = users.at != NULL;
    if (news->data.at != NULL) {
        held->data_hash = (uint32_t)beckon_hash(news->data.binary, news->data);
    }
    apply(device, held, news, BECKON_PENDING, cause, false);
}

static void take_change(Device* device, Held* held, const struct event* event, News* news) {
    if (event->rev <= held->rev) {
        return;
    }
    /* With visibility `inviter`, invitees are not told of each other. */
    if (event->rev > held->rev + 1 &&
        !(held->role == BECKON_INVITEE && held->visibility == BECKON_VISIBILITY_INVITER)) {
        held->gap = 1;
    }
    held->rev = held->heard = event->rev;
    held->has_heard = held->confirmed = 1;
    held->announced = held->announced || held->role == BECKON_INVITER;
    struct cause cause = no_cause();
    cause.by = event->by;
    cause.by_device = event->by_device;
    cause.here = is_own(device, event->by, event->by_device);
    apply_event(device, held, news, &cause);
    /* Others were added: only `get` tells the inviter how long they have. And only `get` tells of
     * those who are not known one by one. */
    const bool added = news->what == BECKON_INVITATION_MODIFIED && news->whole && !cause.here;
    if (held->gap || ((added || held->partial) && held->role == BECKON_INVITER)) {
        ask_how_it_stands(device, event->id);
    }
    settle(device, held);
}

static void take_of_call(Device* device, Held* held, const struct event* event, News* news) {
    bool found;
    uint64_t seq;
    struct cause cause = no_cause();
    cause.by = event->by;
    cause.by_device = event->by_device;
    cause.here = is_own(device, event->by, event->by_device);
    if (news->what == BECKON_SIGNAL) {
        beckon_find_number(event->map, "seq", UINT64_MAX, &found, &seq);
        const uint64_t sender = beckon_hash(beckon_hash(1, event->id), event->by_device);
        if (!found || event->by_device.at == NULL ||
            beckon_is_news(device, sender + seq * 0x9e3779b97f4a7c15U)) {
            tell(device, held, news, &cause);
        }
    } else if (news->what == BECKON_PARTICIPANT_JOINED) {
        join_call(device, held, news->user);
        if (!cause.here) {
            tell(device, held, news, &cause);
        }
    } else if (news->what == BECKON_PARTICIPANT_LEFT) {
        leave_call(device, held, news, &cause);
    } else if (news->what == BECKON_CALL_ENDED) {
        end_call(device, held, news, &cause);
    } else if (in_call(device, held) && !cause.here) {
        tell(device, held, news, &cause);
    }
    /* It carries the present rev, so something came before it that did not arrive. */
    if (event->rev > held->rev && in_call(device, held)) {
        ask_how_it_stands(device, event->id);
    }
    settle(device, held);
}

static void take_message(Device* device, News* news) {
    news->group = beckon_find_id(news->body, "group");
    if (news->user.at != NULL &&
        beckon_is_news(device, beckon_hash(beckon_hash(2, news->user), news->id))) {
        beckon_tell(device, news);
    }
}

void beckon_inbox_event(Device* device, Text map) {
    struct event event;
    bool found;
    uint64_t rev;
    const unsigned what = beckon_word(events, beckon_find_text(map, "event"));
    event.what = (enum beckon_what)what;
    event.map = map;
    event.id = beckon_find_id(map, "id");
    event.by = beckon_find_id(map, "by");
    event.by_device = beckon_find_text(map, "by_device");
    if (what > BECKON_MESSAGE || event.id.at == NULL ||
        !beckon_find_number(map, "rev", UINT32_MAX, &found, &rev) ||
        !(found || what == BECKON_MESSAGE)) {
        return;
    }
    event.rev = (uint32_t)rev;
    News news = news_of(event.what);
    news.id = event.id;
    news.body = map;
    news.data = beckon_find_text(map, "data");
    news.reason = beckon_find_text(map, "reason");
    news.remaining_ms = BECKON_NO_TIME;
    news.user = beckon_find_id(map, what == BECKON_SIGNAL || what == BECKON_MESSAGE ? "from"
                                    : what >= BECKON_PARTICIPANT_JOINED             ? "user"
                                                                                    : "invitee");
    if (!find_time(map, "duration_ms", &news.duration_ms)) {
        return;
    }
    if (what == BECKON_MESSAGE) {
        take_message(device, &news);
        return;
    }
    Held* const held = find(device, event.id);
    if (what == BECKON_PARTICIPANT_JOINED && held == NULL &&
        beckon_same(news.user, beckon_me(device))) {
        come_back(device, event.id);
    } else if (what == BECKON_NEW_INVITATION) {
        take_new(device, &event, &news);
    } else if (is_past(device, event.id)) {
        return;
    } else if (held != NULL && held->earlier) {
        ask_how_it_stands(device, event.id);
    } else if (what == BECKON_INVITEE_RINGING) {
        take_ringing(device, &event, &news);
    } else if (what > BECKON_INVITEE_RINGING) {
        if (held != NULL) {
            take_of_call(device, held, &event, &news);
        }
    } else if (held != NULL) {
        take_change(device, held, &event, &news);
    } else if (!is_own(device, event.by, event.by_device) &&
               !recalls(device, RECENT_WATCHED, event.id)) {
        /* Nothing is owed for what this device did to an invitation of another's. */
        ask_how_it_stands(device, event.id);
    }
}

/* -------------------------------------------- by the reply to what this device asked itself */

/** Who is in `skipped` was never asked. */
static void skip(Device* device, Held* held, Text skipped) {
    struct beckon_value one;
    while (beckon_take(&skipped, &one)) {
        const Text user = beckon_find_text(one.text, "user");
        for (unsigned i = held->count; i-- > 0;) {
            if (held->parts[i].state == BECKON_PENDING &&
                beckon_same(beckon_name_text(device, held->parts[i].name), user)) {
                remove_part(device, held, i);
            }
        }
    }
}

static void take_reply(Device* device, Held* held, const struct beckon_request* asked,
                       struct cause* own, Text reply) {
    News news = news_of(BECKON_INVITEE_ACCEPTED);
    const Text id = id_of(device, held);
    const Part* const part = own_part(device, held);
    bool found;
    uint64_t more;
    uint64_t rev;
    uint32_t remaining;
    news.user = own->by;
    beckon_find_number(reply, "more", UINT16_MAX, &found, &more);
    beckon_find_number(reply, "rev", UINT32_MAX, &found, &rev);
    if (asked->verb == VERB_INVITE) {
        skip(device, held, beckon_find_entries(reply, "skipped", BECKON_ARRAY));
        find_time(reply, "remaining_ms", &remaining);
        set_deadline(device, held, remaining);
        if (held->unlisted || more > 0 || beckon_find_flag(reply, "dup")) {
            /* Said again, or of very many, it does not tell who was skipped. */
            ask_how_it_stands(device, id);
        }
    } else if (asked->verb == VERB_ACCEPT ||
               (asked->verb == VERB_JOIN && part != NULL && part->state == BECKON_PENDING)) {
        apply_one(device, held, &news, BECKON_ACCEPTED, own);
    } else if (asked->verb == VERB_JOIN) {
        join_call(device, held, own->by);
    } else if (asked->verb == VERB_REJECT) {
        own->reason = asked->reason_size > 0
                          ? beckon_text_from(device->data + asked->data_at + asked->data_size,
                                             asked->reason_size)
                          : beckon_text_of(asked->call == 0 ? "busy" : "declined");
        apply_one(device, held, &news, BECKON_REJECTED, own);
    } else if (asked->verb == VERB_CANCEL) {
        if (rev > (uint64_t)held->rev + 1 || more > 0) {
            held->gap = 1;
            ask_how_it_stands(device, id);
        }
        own->reason = beckon_text_of("cancelled");
        mark_named(device, held, beckon_find_entries(reply, "cancelled", BECKON_ARRAY), true,
                   &news.left_out);
        apply(device, held, &news, BECKON_CANCELLED, own, news.left_out > 0);
    }
    settle(device, held);
}

/** The invite was the accept of a call that crossed it. */
static void merged_into(Device* device, Text id, struct cause* own) {
    Held* const into = find(device, id);
    if (into == NULL) {
        ask_how_it_stands(device, id);
        return;
    }
    News news = news_of(BECKON_INVITEE_ACCEPTED);
    news.user = own->by;
    apply_one(device, into, &news, BECKON_ACCEPTED, own);
    settle(device, into);
}

void beckon_inbox_replied(Device* device, const struct beckon_request* asked, bool ok, Text reply) {
    if (asked->verb == VERB_MESSAGE) {
        return;
    }
    struct cause own = no_cause();
    own.by = beckon_me(device);
    own.by_device = beckon_text_from(device->tag, sizeof device->tag);
    own.here = true;
    const Text id = beckon_name_text(device, asked->verb == VERB_INVITE ? asked->id : asked->about);
    if (asked->verb == VERB_INVITE) {
        const Text into = beckon_find_id(reply, "merged_into");
        if (!ok || into.at != NULL) {
            beckon_inbox_not_invited(device, id);
            if (ok) {
                merged_into(device, into, &own);
            }
            return;
        }
    }
    if (asked->verb == VERB_CANCEL) {
        beckon_inbox_cancelling(device, id, false);
    }
    Held* const held = find(device, id);
    if (held == NULL) {
        if (ok && asked->verb == VERB_JOIN) {
            come_back(device, id);
        }
    } else if (!ok) {
        bool found;
        uint64_t code;
        beckon_find_number(reply, "code", UINT32_MAX, &found, &code);
        if (code == 8010 || code == 8011) {
            ask_how_it_stands(device, id); /* it is not as this device thought */
        }
    } else {
        if (held->role == BECKON_INVITER) {
            held->confirmed = held->announced = 1; /* whatever was done to it, the broker has it */
        }
        take_reply(device, held, asked, &own, reply);
    }
}

/* -------------------------------------------------------------------------------- what is known */

bool beckon_next_open(const Device* device, uint32_t now, unsigned* at, News* news) {
    for (; *at < BECKON_INVITATIONS; ++*at) {
        /* To look at it changes nothing. */
        Held* const held = (Held*)&device->held[*at];
        const bool pending = (anyone_pending(held) || held->unlisted) && !held->assumed;
        if (held->id != 0 && !held->draft && held->confirmed &&
            (pending || in_call(device, held))) {
            *news = news_of(BECKON_NEW_INVITATION);
            describe(device, held, news);
            news->remaining_ms = remaining_of(device, held, now);
            news->duration_ms = now - held->call_began;
            news->left_out = held->told_more;
            news->whole = true;
            ++*at;
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
    for (; *at < held->count; ++*at) {
        const Part* const part = &held->parts[*at];
        if (!part->fresh && (news->whole || part->marked)) {
            invitee->user = beckon_name_text(news->device, part->name);
            invitee->state = (enum beckon_state)part->state;
            invitee->ringing = part->ringing;
            invitee->in_call = part->in_call;
            ++*at;
            return true;
        }
    }
    return false;
}
