/* SPDX-License-Identifier: Apache-2.0 */
/* Requests, replies and the connection; of invitations it knows nothing (inbox.c does). */
#include <string.h>

#include "internal.h"

#define SOON_MS 1000U         /* until what was refused for the moment is tried again */
#define FIRST_REPEAT_MS 2000U /* then twice as long, and twice */
#define PATIENCE_MS 10000U    /* of a call, and until nobody who answers means: no Beckon */
#define SYNC_AGAIN_MS 30000U  /* when there is none */
#define DEFAULT_AGAIN_MS 600000U
#define DEFAULT_TIMEOUT_MS 30000U
#define ALWAYS_TAKEN 1024U /* what every broker takes */
#define ERRANDS_IN_FLIGHT 4U

typedef struct beckon_device Device;
typedef struct beckon_request Request;

static const char verbs[] =
    "invite\0accept\0reject\0cancel\0ringing\0signal\0join\0hangup\0resume\0message\0get\0sync\0"
    "here\0";

/** `*least` becomes the lesser one. */
static void consider(uint32_t* least, uint32_t other) { *least = other < *least ? other : *least; }

/* -------------------------------------------------------------------------------- the tables */

struct beckon_text beckon_name_text(const Device* device, uint8_t name) {
    if (name == 0) {
        return beckon_text_of(NULL);
    }
    return beckon_text_from(device->names + device->name_at[name - 1], device->name_size[name - 1]);
}

uint8_t beckon_name(Device* device, struct beckon_text text) {
    unsigned unused = BECKON_NAMES;
    if (!beckon_is_id(text)) {
        return 0;
    }
    for (unsigned i = 0; i < BECKON_NAMES; ++i) {
        if (device->name_size[i] == 0) {
            unused = i;
        } else if (device->name_uses[i] > 0 && device->name_uses[i] < UINT8_MAX &&
                   beckon_same(beckon_name_text(device, (uint8_t)(i + 1)), text)) {
            ++device->name_uses[i];
            return (uint8_t)(i + 1);
        }
    }
    if (unused == BECKON_NAMES || text.size > BECKON_NAME_BYTES - device->names_used) {
        return 0;
    }
    memcpy(device->names + device->names_used, text.at, text.size);
    device->name_at[unused] = device->names_used;
    device->name_size[unused] = (uint8_t)text.size;
    device->name_uses[unused] = 1;
    device->names_used = (uint16_t)(device->names_used + text.size);
    return (uint8_t)(unused + 1);
}

/** Its text stays where it is until `pack_names`: somebody may be about to tell it. */
void beckon_release(Device* device, uint8_t name) {
    if (name != 0) {
        --device->name_uses[name - 1];
    }
}

static void pack_names(Device* device) {
    for (unsigned name = 0; name < BECKON_NAMES; ++name) {
        const uint16_t at = device->name_at[name];
        const uint8_t size = device->name_size[name];
        if (size == 0 || device->name_uses[name] > 0) {
            continue;
        }
        device->name_size[name] = 0;
        device->names_used = (uint16_t)(device->names_used - size);
        memmove(device->names + at, device->names + at + size, (size_t)(device->names_used - at));
        for (unsigned i = 0; i < BECKON_NAMES; ++i) {
            if (device->name_at[i] > at) {
                device->name_at[i] = (uint16_t)(device->name_at[i] - size);
            }
        }
    }
}

static struct beckon_text data_of(const Device* device, const Request* request) {
    struct beckon_text data = beckon_text_of(NULL);
    if (request->has_data) {
        data = beckon_text_from(device->data + request->data_at, request->data_size);
        data.binary = request->binary;
    } else if (request->verb == VERB_REJECT && request->call == 0 && !request->no_data) {
        data = device->busy_data;
    }
    return data;
}

/** False: there is no room. */
static bool keep_data(Device* device, Request* request, struct beckon_text data,
                      struct beckon_text reason) {
    const size_t left = sizeof device->data - device->data_used;
    if (data.size > left || reason.size > left - data.size) {
        return false;
    }
    request->has_data = data.at != NULL;
    request->binary = data.binary;
    request->data_at = device->data_used;
    request->data_size = data.size;
    request->reason_size = reason.size;
    char* at = device->data + device->data_used;
    if (data.size > 0) {
        memcpy(at, data.at, data.size);
    }
    if (reason.size > 0) {
        memcpy(at + data.size, reason.at, reason.size);
    }
    device->data_used = (uint16_t)(device->data_used + data.size + reason.size);
    return true;
}

static void drop_data(Device* device, Request* request) {
    const uint16_t size = (uint16_t)(request->data_size + request->reason_size);
    device->data_used = (uint16_t)(device->data_used - size);
    memmove(device->data + request->data_at, device->data + request->data_at + size,
            (size_t)(device->data_used - request->data_at));
    for (unsigned i = 0; i < BECKON_REQUESTS; ++i) {
        if (device->requests[i].data_at > request->data_at) {
            device->requests[i].data_at = (uint16_t)(device->requests[i].data_at - size);
        }
    }
    request->has_data = 0;
    request->data_size = request->reason_size = 0;
}

static Request* new_request(Device* device, enum verb verb, struct beckon_text about) {
    for (unsigned i = 0; i < BECKON_REQUESTS; ++i) {
        Request* const request = &device->requests[i];
        /* The first is for `sync` alone. */
        if (!request->used && (i == 0) == (verb == VERB_SYNC)) {
            const uint8_t name = beckon_name(device, about);
            if (name == 0) {
                return NULL;
            }
            memset(request, 0, sizeof *request);
            request->used = 1;
            request->verb = (uint8_t)verb;
            request->about = name;
            return request;
        }
    }
    return NULL;
}

static void end_request(Device* device, Request* request) {
    drop_data(device, request);
    beckon_release(device, request->about);
    beckon_release(device, request->id);
    for (unsigned i = 0; i < request->count; ++i) {
        beckon_release(device, request->names[i]);
    }
    memset(request, 0, sizeof *request);
}

void beckon_remember(Device* device, enum recent kind, struct beckon_text id) {
    if (beckon_recall(device, kind, id) != NULL) {
        return;
    }
    struct beckon_recent* const one = &device->recent[device->next_recent];
    device->next_recent = (uint8_t)((device->next_recent + 1U) % BECKON_RECENT);
    const uint64_t hash = beckon_hash(0, id);
    one->hash[0] = (uint32_t)hash;
    one->hash[1] = (uint32_t)(hash >> 32);
    one->kind = (uint8_t)kind;
    one->marks = 0;
}

struct beckon_recent* beckon_recall(Device* device, enum recent kind, struct beckon_text id) {
    const uint64_t hash = beckon_hash(0, id);
    for (unsigned i = 0; i < BECKON_RECENT; ++i) {
        struct beckon_recent* const one = &device->recent[i];
        if (one->kind == kind && one->hash[0] == (uint32_t)hash &&
            one->hash[1] == (uint32_t)(hash >> 32)) {
            return one;
        }
    }
    return NULL;
}

bool beckon_is_news(Device* device, uint64_t hash) {
    for (unsigned i = 0; i < BECKON_TOLD; ++i) {
        if (device->told[i] == hash) {
            return false;
        }
    }
    device->told[device->next_told] = hash;
    device->next_told = (uint8_t)((device->next_told + 1U) % BECKON_TOLD);
    return true;
}

/* ---------------------------------------------------------------------------- what is told */

void beckon_tell(Device* device, struct beckon_news* news) {
    beckon_told tell = NULL;
    /* The listener's functions for news are the first, in the order of `beckon_what`. */
    memcpy(&tell, (const char*)device->options->listener + (size_t)news->what * sizeof tell,
           sizeof tell);
    if (tell != NULL) {
        tell(device->options->app, news);
    }
}

void beckon_tell_left_out(Device* device, struct beckon_text id, uint16_t count) {
    struct beckon_news news;
    memset(&news, 0, sizeof news);
    news.what = BECKON_LEFT_OUT;
    news.id = id;
    news.left_out = count;
    if (count == 0 && id.at != NULL) {
        device->crowded = 1;
    }
    beckon_tell(device, &news);
}

static void set_link(Device* device, enum beckon_link link) {
    if (device->link != link) {
        device->link = (uint8_t)link;
        if (device->options->listener->on_link_changed != NULL) {
            device->options->listener->on_link_changed(device->options->app, link);
        }
    }
}

static void tell_result(Device* device, const Request* request, struct beckon_result* result) {
    result->call = request->call;
    result->id = beckon_name_text(device, request->id != 0 ? request->id : request->about);
    if (request->call != 0 && device->options->listener->on_result != NULL) {
        device->options->listener->on_result(device->options->app, result);
    }
}

/* ----------------------------------------------------------------------------------- the pace */

static void set_pace(Device* device, uint32_t per_second, uint32_t burst) {
    const uint32_t interval = 10000000U / 9 / per_second;
    const uint32_t burst_taken = burst * 3 / 4;
    const uint32_t at_once = burst_taken > 0 ? burst_taken - 1 : 0;
    device->pace_interval_us = interval;
    device->pace_at_once_us = at_once < INT32_MAX / (interval + 1) ? interval * at_once : INT32_MAX;
}

static void pay_pace(Device* device) {
    const uint32_t passed = device->now - device->pace_at;
    device->pace_at = device->now;
    device->pace_debt_us =
        passed >= device->pace_debt_us / 1000 + 1 ? 0 : device->pace_debt_us - passed * 1000;
}

/** In how many milliseconds the next request may be sent. */
static uint32_t pace_wait(const Device* device, uint32_t now) {
    const uint32_t debt = device->pace_debt_us;
    const uint32_t over = debt > device->pace_at_once_us ? debt - device->pace_at_once_us : 0;
    const uint32_t wait = (over + 999) / 1000;
    const uint32_t passed = now - device->pace_at;
    return wait > passed ? wait - passed : 0;
}

static void pace_sent(Device* device) {
    pay_pace(device);
    device->pace_debt_us += device->pace_interval_us;
}

static void pace_refused(Device* device) {
    pay_pace(device);
    if (device->pace_debt_us < device->pace_at_once_us) {
        device->pace_debt_us = device->pace_at_once_us;
    }
}

/* ------------------------------------------------------------------------------ what is asked */

void beckon_errand(Device* device, enum verb verb, struct beckon_text id) {
    if (verb == VERB_GET && device->link != BECKON_SYNCING && device->link != BECKON_READY) {
        return;
    }
    for (unsigned i = 1; i < BECKON_REQUESTS; ++i) {
        const Request* const one = &device->requests[i];
        if (one->used && one->call == 0 && one->verb == verb &&
            beckon_same(beckon_name_text(device, one->about), id)) {
            return;
        }
    }
    Request* const errand = new_request(device, verb, id);
    if (errand != NULL) {
        errand->again_at = device->now;
    } else if (verb == VERB_GET) {
        /* The list tells of it, too, once there is room. */
        device->has_sync = 1;
        device->sync_at = device->now + SOON_MS;
    } else {
        beckon_tell_left_out(device, id, 0);
    }
}

/**
 * The caller of that invite has its result, but it may have been made: from now on it is the errand
 * to cancel it.
 */
static void call_off(Device* device, Request* invite) {
    const struct beckon_text id = beckon_name_text(device, invite->id);
    const bool begins_call = invite->begins_call;
    const uint8_t about = invite->id;
    beckon_inbox_disown(device, id);
    beckon_inbox_cancelling(device, id, true);
    invite->id = 0;
    end_request(device, invite);
    invite->used = 1;
    invite->verb = VERB_CANCEL;
    invite->about = about;
    invite->begins_call = begins_call;
    invite->again_at = device->now;
}

/** Another invite is not sent, and none fails, when the broker was heard to have made it. */
static bool was_made(Device* device, Request* request) {
    if (request->verb != VERB_INVITE || request->sent == 0 || request->withdrawn ||
        beckon_inbox_made(device, beckon_name_text(device, request->id)) == 0) {
        return false;
    }
    struct beckon_result result;
    memset(&result, 0, sizeof result);
    result.ok = result.dup = true;
    tell_result(device, request, &result);
    end_request(device, request);
    return true;
}

static void fail(Device* device, Request* request, const char* error, int code) {
    if (was_made(device, request)) {
        return;
    }
    struct beckon_result result;
    memset(&result, 0, sizeof result);
    if (request->refused && request->sent == 0 && !request->withdrawn) {
        error = "rate_limited";
        code = 20102;
    }
    result.ok = error == NULL;
    result.error = beckon_text_of(error);
    result.code = code;
    request->in_flight = 0;
    tell_result(device, request, &result);
    if (request->verb == VERB_INVITE) {
        if (request->sent == 0) {
            beckon_inbox_not_invited(device, beckon_name_text(device, request->id));
        } else {
            call_off(device, request);
            return;
        }
    } else if (request->verb == VERB_CANCEL && request->sent == 0) {
        beckon_inbox_cancelling(device, beckon_name_text(device, request->about), false);
    }
    end_request(device, request);
}

/** It gets no reply any more. */
static void fail_unanswered(Device* device, Request* request) {
    if (request->withdrawn) {
        fail(device, request, "withdrawn", 20195);
    } else if (request->moot) {
        fail(device, request, NULL, 0);
    } else if (request->sent > 0) {
        fail(device, request, "no_reply", 6012);
    } else if (device->link == BECKON_NO_BECKON) {
        fail(device, request, "no_beckon", 20192);
    } else {
        fail(device, request, "not_connected", 20191);
    }
}

/* ------------------------------------------------------------------------------------- calls */

struct asked {
    enum verb verb;
    struct beckon_text about; /* stands in the topic */
    struct beckon_text id;
    struct beckon_text data;
    struct beckon_text reason;
    uint32_t patience;
    const char* const* names;
    unsigned count;
};

/** Takes it in; `*number` is its own result, if there is no request. */
static Request* ask(Device* device, const struct asked* asked, uint32_t now, int* number) {
    device->now = now;
    *number = BECKON_NOT_THERE;
    if (device->link == BECKON_NO_BECKON) {
        return NULL;
    }
    *number = BECKON_INVALID;
    const bool makes = asked->verb == VERB_INVITE || asked->verb == VERB_MESSAGE;
    if (!beckon_is_id(asked->about) || (makes && !beckon_is_id(asked->id)) ||
        asked->count > BECKON_INVITEES) {
        return NULL;
    }
    *number = BECKON_TOO_LARGE;
    if (asked->data.size > BECKON_DATA_BYTES || asked->reason.size > BECKON_DATA_BYTES) {
        return NULL;
    }
    *number = BECKON_NO_ROOM;
    unsigned calls = 0;
    for (unsigned i = 1; i < BECKON_REQUESTS; ++i) {
        calls += device->requests[i].call != 0;
    }
    if (calls >= BECKON_REQUESTS - 1 - ERRANDS_IN_FLIGHT) {
        return NULL; /* the others are for what the device asks by itself */
    }
    Request* const request = new_request(device, asked->verb, asked->about);
    if (request == NULL) {
        return NULL;
    }
    bool fits = keep_data(device, request, asked->data, asked->reason);
    if (asked->id.at != NULL) {
        request->id = beckon_name(device, asked->id);
        fits = fits && request->id != 0;
    }
    for (unsigned i = 0; fits && i < asked->count; ++i) {
        const struct beckon_text name = beckon_text_of(asked->names[i]);
        const uint8_t added = beckon_name(device, name);
        *number = beckon_is_id(name) ? BECKON_NO_ROOM : BECKON_INVALID;
        fits = added != 0;
        request->names[request->count] = added;
        request->count = (uint8_t)(request->count + (fits ? 1 : 0));
    }
    if (!fits) {
        end_request(device, request);
        return NULL;
    }
    if (++device->last_call > INT16_MAX) {
        device->last_call = 1;
    }
    request->call = device->last_call;
    request->number = ++device->last_number;
    request->asked = now;
    request->again_at = now;
    request->deadline = now + (asked->patience < PATIENCE_MS ? asked->patience : PATIENCE_MS);
    *number = request->call;
    return request;
}

static int ask_about(Device* device, enum verb verb, const char* id, struct beckon_text data,
                     const char* reason, uint32_t now) {
    struct asked asked;
    int number;
    memset(&asked, 0, sizeof asked);
    asked.verb = verb;
    asked.about = beckon_text_of(id);
    asked.data = data;
    asked.reason = beckon_text_of(reason);
    asked.patience = PATIENCE_MS;
    ask(device, &asked, now, &number);
    return number;
}

int beckon_invite(Device* device, const struct beckon_invitation* invite, uint32_t now) {
    struct asked asked;
    int number;
    memset(&asked, 0, sizeof asked);
    asked.verb = VERB_INVITE;
    asked.about = beckon_text_of(invite->group != NULL ? invite->group : invite->user);
    asked.id = beckon_text_of(invite->id);
    asked.data = invite->data;
    asked.names = invite->others;
    asked.count = invite->count;
    const uint32_t timeout = invite->timeout_ms == BECKON_NO_TIME ? 0
                             : invite->timeout_ms == 0            ? DEFAULT_TIMEOUT_MS
                                                                  : invite->timeout_ms;
    asked.patience = timeout > 0 ? timeout : PATIENCE_MS;
    if (invite->group == NULL && invite->count >= BECKON_INVITEES) {
        return BECKON_INVALID;
    }
    Request* const request = ask(device, &asked, now, &number);
    if (request == NULL) {
        return number;
    }
    request->value = timeout;
    request->in_group = invite->group != NULL;
    request->first = invite->first;
    request->begins_call = invite->call;
    request->online_only = invite->online_only;
    request->keep = invite->keep;
    request->replace = invite->replace;
    request->visibility = (unsigned)invite->visibility & 3U;
    struct beckon_held* const held = beckon_inbox_make(device, asked.id);
    if (held == NULL) {
        end_request(device, request);
        return BECKON_NO_ROOM;
    }
    beckon_inbox_inviting(device, held, request);
    return number;
}

int beckon_accept(Device* device, const char* id, struct beckon_text data, uint32_t now) {
    return ask_about(device, VERB_ACCEPT, id, data, NULL, now);
}

int beckon_reject(Device* device, const char* id, struct beckon_text data, const char* reason,
                  uint32_t now) {
    return ask_about(device, VERB_REJECT, id, data, reason, now);
}

int beckon_ringing(Device* device, const char* id, uint32_t now) {
    return ask_about(device, VERB_RINGING, id, beckon_text_of(NULL), NULL, now);
}

int beckon_join(Device* device, const char* id, struct beckon_text data, uint32_t now) {
    return ask_about(device, VERB_JOIN, id, data, NULL, now);
}

int beckon_resume(Device* device, const char* id, uint32_t now) {
    return ask_about(device, VERB_RESUME, id, beckon_text_of(NULL), NULL, now);
}

static Request* request_of(Device* device, int call) {
    for (unsigned i = 1; i < BECKON_REQUESTS; ++i) {
        if (device->requests[i].used && call > 0 && device->requests[i].call == call) {
            return &device->requests[i];
        }
    }
    return NULL;
}

int beckon_hangup(Device* device, const char* id, struct beckon_text data, const char* reason,
                  bool all, uint32_t now) {
    const int number = ask_about(device, VERB_HANGUP, id, data, reason, now);
    if (number > 0) {
        request_of(device, number)->all = all;
    }
    return number;
}

int beckon_cancel(Device* device, const char* id, struct beckon_text data, uint32_t now) {
    Request* invite = NULL;
    for (unsigned i = 1; i < BECKON_REQUESTS; ++i) {
        Request* const one = &device->requests[i];
        if (one->used && one->verb == VERB_INVITE && !one->in_flight && one->sent == 0 &&
            beckon_same(beckon_name_text(device, one->id), beckon_text_of(id))) {
            invite = one;
        }
    }
    const int number = ask_about(device, VERB_CANCEL, id, data, NULL, now);
    if (number > 0 && invite != NULL) {
        /* Nobody has heard of it: both have their result with the next step. */
        invite->withdrawn = 1;
        invite->deadline = now;
        request_of(device, number)->moot = 1;
        request_of(device, number)->deadline = now;
    } else if (number > 0) {
        beckon_inbox_cancelling(device, beckon_text_of(id), true);
    }
    return number;
}

int beckon_signal(Device* device, const char* id, const char* to, struct beckon_text data,
                  uint32_t now) {
    struct asked asked;
    int number;
    memset(&asked, 0, sizeof asked);
    asked.verb = VERB_SIGNAL;
    asked.about = beckon_text_of(id);
    asked.data = data;
    asked.patience = PATIENCE_MS;
    asked.names = &to;
    asked.count = to != NULL ? 1 : 0;
    Request* const request = ask(device, &asked, now, &number);
    if (request != NULL) {
        request->value = device->seq++;
    }
    return number;
}

int beckon_message(Device* device, const char* user, const char* group, const char* id,
                   struct beckon_text data, bool online_only, uint32_t now) {
    struct asked asked;
    int number;
    memset(&asked, 0, sizeof asked);
    asked.verb = VERB_MESSAGE;
    asked.about = beckon_text_of(group != NULL ? group : user);
    asked.id = beckon_text_of(id);
    asked.data = data;
    asked.patience = PATIENCE_MS;
    Request* const request = ask(device, &asked, now, &number);
    if (request != NULL) {
        request->in_group = group != NULL;
        request->online_only = online_only;
    }
    return number;
}

void beckon_set_busy(Device* device, bool busy, struct beckon_text data) {
    device->busy = busy;
    if (busy) {
        device->busy_data = data;
    }
}

/* ----------------------------------------------------------------------------------- packets */

#define REQ_BYTES (sizeof((Device*)0)->prefix + 16)

/** `r:7`, or `r:run-7`, in `buffer`. */
static struct beckon_text req_of(const Device* device, const char* word, uint32_t number,
                                 char buffer[REQ_BYTES]) {
    struct beckon_writer text = {buffer, buffer + REQ_BYTES, false};
    beckon_put_word(&text, device->prefix);
    beckon_put_word(&text, word);
    beckon_put_decimal(&text, number);
    return beckon_text_from(buffer, (size_t)(text.at - buffer));
}

/** The topic of a request, ended by zero. */
static void put_topic(const Device* device, struct beckon_writer* out, const char* place,
                      struct beckon_text about, const char* verb) {
    beckon_put_word(out, device->options->root != NULL ? device->options->root : "beckon");
    beckon_put_word(out, "/v1/");
    beckon_put_word(out, place);
    beckon_put(out, about.at, about.size);
    beckon_put_word(out, "/");
    beckon_put_word(out, verb);
}

struct body {
    struct beckon_writer* out;
    char* count; /* the head of its map */
};

static void put_field(struct body* body, const char* key) {
    ++*body->count;
    beckon_put_key(body->out, key);
}

static void put_text_field(struct body* body, const char* key, struct beckon_text text) {
    if (text.at != NULL) {
        put_field(body, key);
        beckon_put_text(body->out, text);
    }
}

static void put_number_field(struct body* body, const char* key, uint32_t number) {
    put_field(body, key);
    beckon_put_head(body->out, BECKON_UINT, number);
}

static void put_flag_field(struct body* body, const char* key, bool flag) {
    if (flag) {
        put_field(body, key);
        beckon_put(body->out, "\xc3", 1);
    }
}

static bool begin_body(struct body* body, struct beckon_writer* out) {
    body->out = out;
    body->count = out->at;
    beckon_put_head(out, BECKON_MAP, 0);
    return !out->full;
}

static void put_names(const Device* device, struct body* body, const Request* request) {
    const char* const key = request->verb == VERB_SIGNAL ? "to"
                            : request->in_group          ? "invitees"
                                                         : "also";
    if (request->count == 0) {
        return;
    }
    put_field(body, key);
    if (request->verb != VERB_SIGNAL) {
        beckon_put_head(body->out, BECKON_ARRAY, request->count);
    }
    for (unsigned i = 0; i < request->count; ++i) {
        beckon_put_text(body->out, beckon_name_text(device, request->names[i]));
    }
}

/** What stands in it goes by what it has, whatever it is. */
static void put_body(const Device* device, struct beckon_writer* out, const Request* request) {
    struct body body;
    char req[REQ_BYTES];
    if (!begin_body(&body, out)) {
        return;
    }
    put_text_field(&body, "req", req_of(device, ":", request->number, req));
    put_text_field(&body, "device", beckon_text_of(device->options->device));
    put_text_field(&body, "id", beckon_name_text(device, request->id));
    put_text_field(&body, request->verb == VERB_GET ? "after" : "data", data_of(device, request));
    const char* const reason = device->data + request->data_at + request->data_size;
    if (request->reason_size > 0) {
        put_text_field(&body, "reason", beckon_text_from(reason, request->reason_size));
    } else if (request->verb == VERB_REJECT && request->call == 0) {
        put_text_field(&body, "reason", beckon_text_of("busy"));
    }
    if (request->verb == VERB_SIGNAL) {
        put_number_field(&body, "seq", request->value);
    } else if (request->verb == VERB_INVITE) {
        /* What is left of it, after it has waited. */
        const uint32_t waited = device->now - request->asked;
        const uint32_t left = request->value > waited ? request->value - waited : 1;
        put_number_field(&body, "timeout_ms", request->value > 0 ? left : 0);
        if (request->visibility != BECKON_VISIBILITY_USUAL) {
            put_text_field(&body, "visibility",
                           beckon_text_of(beckon_nth_word("members\0invitees\0inviter\0",
                                                          request->visibility - 1U)));
        }
    }
    put_names(device, &body, request);
    put_text_field(&body, "answer", beckon_text_of(request->first ? "first" : NULL));
    put_text_field(&body, "on_inviter_lost", beckon_text_of(request->keep ? "keep" : NULL));
    put_flag_field(&body, "call", request->verb == VERB_INVITE && request->begins_call);
    put_flag_field(&body, "online_only", request->online_only);
    put_flag_field(&body, "replace", request->replace);
    put_flag_field(&body, "all", request->all);
    if (request->verb == VERB_SYNC && device->cursor_size > 0) {
        put_text_field(&body, "after", beckon_text_from(device->cursor, device->cursor_size));
    }
    if (request->verb == VERB_SYNC && device->sync_limit > 0) {
        put_number_field(&body, "limit", device->sync_limit);
    }
}

static void finish_packet(struct beckon_packet* packet, const char* buffer, const char* payload,
                          const struct beckon_writer* out) {
    packet->subscribe = false;
    packet->topic = buffer;
    packet->payload = payload;
    packet->size = (size_t)(out->at - payload);
}

static bool put_here(const Device* device, void* buffer, size_t size, bool gone,
                     struct beckon_packet* packet) {
    struct beckon_writer out = {buffer, (char*)buffer + size, false};
    struct body body;
    char buffer_of_run[REQ_BYTES];
    const struct beckon_text run = req_of(device, ":run-", device->runs, buffer_of_run);
    put_topic(device, &out, "user/", beckon_me(device), "here/");
    beckon_put(&out, beckon_me(device).at, beckon_me(device).size);
    beckon_put(&out, "", 1);
    const char* const payload = out.at;
    if (!begin_body(&body, &out)) {
        return false;
    }
    put_text_field(&body, "req", run);
    put_text_field(&body, "device", beckon_text_of(device->options->device));
    put_text_field(&body, "run", run);
    put_flag_field(&body, "gone", gone);
    finish_packet(packet, buffer, payload, &out);
    return !out.full;
}

static void refuse_as_too_large(Device* device, Request* request, uint32_t limit);

static uint32_t until_repeat(unsigned tries) { return FIRST_REPEAT_MS << (tries < 2 ? tries : 2); }

/** False: it was not sent, and is over. */
static bool send(Device* device, Request* request, void* buffer, size_t size,
                 struct beckon_packet* packet) {
    struct beckon_writer out = {buffer, (char*)buffer + size, false};
    const bool user =
        request->verb == VERB_INVITE || request->verb == VERB_MESSAGE || request->verb == VERB_SYNC;
    put_topic(device, &out,
              !user               ? "invitation/"
              : request->in_group ? "group/"
                                  : "user/",
              beckon_name_text(device, request->about), beckon_nth_word(verbs, request->verb));
    beckon_put(&out, "/", 1);
    beckon_put(&out, beckon_me(device).at, beckon_me(device).size);
    const size_t topic_size = (size_t)(out.at - (char*)buffer);
    beckon_put(&out, "", 1);
    const char* const payload = out.at;
    put_body(device, &out, request);
    finish_packet(packet, buffer, payload, &out);
    /* What MQTT 5 counts beside it: the `req` may stand in a property as well. */
    char req[REQ_BYTES];
    const size_t beside = topic_size + req_of(device, ":", request->number, req).size;
    uint32_t limit = out.full ? (uint32_t)(size > beside ? size - beside : 0) : UINT32_MAX;
    if (device->max_payload > 0) {
        consider(&limit, device->max_payload);
    }
    if (device->max_packet > 0) {
        consider(&limit, device->max_packet > beside ? device->max_packet - (uint32_t)beside : 0);
    }
    if (out.full || packet->size > limit) {
        refuse_as_too_large(device, request, limit);
        return false;
    }
    request->size = (uint16_t)packet->size;
    request->in_flight = 1;
    request->has_again = request->verb != VERB_SIGNAL;
    request->again_at = device->now + until_repeat(request->tries);
    request->sent = (uint8_t)(request->sent + (request->sent < UINT8_MAX ? 1 : 0));
    request->tries = (uint8_t)(request->tries + (request->tries < UINT8_MAX ? 1 : 0));
    pace_sent(device);
    return true;
}

static void begin_sync(Device* device) {
    if (device->cursor_size == 0) {
        if (!device->here_noted && !device->has_here) {
            device->has_here = 1; /* which goes first */
            device->here_at = device->now;
        }
        beckon_inbox_begin_sync(device, device->sync_unanswered);
        device->sync_unanswered = 1;
    }
    device->has_sync = 0;
    Request* const sync = new_request(device, VERB_SYNC, beckon_me(device));
    if (sync == NULL) {
        return;
    }
    device->syncing = 1;
    sync->number = ++device->last_number;
    sync->deadline = device->now + PATIENCE_MS;
    sync->again_at = device->now;
    sync->has_again = sync->in_flight = 1;
}

static bool next_subscription(Device* device, void* buffer, size_t size,
                              struct beckon_packet* packet) {
    struct beckon_writer out = {buffer, (char*)buffer + size, false};
    put_topic(device, &out, "inbox/", beckon_me(device),
              device->subscriptions == 2 ? "event" : "reply");
    beckon_put(&out, "", 1);
    memset(packet, 0, sizeof *packet);
    packet->subscribe = true;
    packet->topic = buffer;
    --device->subscriptions;
    return !out.full;
}

/** The first that waits and may be sent: of errands, or of calls. */
static Request* first_waiting(Device* device, bool errand) {
    Request* first = NULL;
    unsigned errands = 0;
    for (unsigned i = 1; i < BECKON_REQUESTS; ++i) {
        Request* const one = &device->requests[i];
        if (!one->used || (one->call == 0) != errand) {
            continue;
        }
        errands += one->in_flight;
        if (!one->in_flight && beckon_due(one->again_at, device->now) &&
            (first == NULL || (!errand && (int32_t)(one->number - first->number) < 0))) {
            first = one;
        }
    }
    return errand && errands >= ERRANDS_IN_FLIGHT ? NULL : first;
}

/** What to send of requests; nothing: none. */
static Request* next_request(Device* device) {
    for (unsigned i = 0; i < BECKON_REQUESTS; ++i) {
        Request* const one = &device->requests[i];
        if (one->used && one->in_flight && one->has_again &&
            beckon_due(one->again_at, device->now)) {
            return one;
        }
    }
    while (device->link == BECKON_READY && pace_wait(device, device->now) == 0) {
        Request* const errand = first_waiting(device, true);
        if (errand != NULL) {
            errand->number = ++device->last_number;
            errand->asked = device->now;
            errand->deadline = device->now + PATIENCE_MS;
            errand->sent = errand->tries = 0;
            return errand;
        }
        Request* const call = first_waiting(device, false);
        if (call == NULL || !was_made(device, call)) {
            return call;
        }
    }
    return NULL;
}

bool beckon_next_packet(Device* device, void* buffer, size_t size, uint32_t now,
                        struct beckon_packet* packet) {
    beckon_advance(device, now);
    if (device->link == BECKON_OFFLINE) {
        return false;
    }
    if (device->subscriptions > 0) {
        return next_subscription(device, buffer, size, packet);
    }
    if (device->gone) {
        device->gone = 0;
        return put_here(device, buffer, size, true, packet);
    }
    if (device->has_sync && beckon_due(device->sync_at, now) && !device->syncing) {
        begin_sync(device);
    }
    if (device->has_here && beckon_due(device->here_at, now)) {
        device->has_here = device->here_tries <= 2;
        device->here_at = now + until_repeat(device->here_tries);
        device->here_tries = (uint8_t)(device->here_tries + (device->here_tries < 3 ? 1 : 0));
        pace_sent(device);
        return put_here(device, buffer, size, false, packet);
    }
    Request* request;
    while ((request = next_request(device)) != NULL) {
        if (send(device, request, buffer, size, packet)) {
            return true;
        }
    }
    return false;
}

bool beckon_will(Device* device, void* buffer, size_t size, struct beckon_packet* will) {
    ++device->runs;
    return put_here(device, buffer, size, true, will);
}

/* ----------------------------------------------------------------------------------- replies */

static bool for_the_moment(struct beckon_text error) {
    return beckon_word("rate_limited\0storage_unavailable\0internal\0", error) < 3;
}

static void put_off(Request* request, uint32_t until) {
    request->in_flight = request->has_again = 0;
    request->tries = 0;
    request->again_at = until;
}

static void here_replied(Device* device, struct beckon_text reply, struct beckon_text error) {
    bool found;
    uint64_t again;
    device->here_noted = 1;
    device->here_tries = 0;
    device->has_here = 0;
    if (error.at != NULL) {
        if (for_the_moment(error)) {
            device->has_here = 1;
            device->here_at = device->now + SOON_MS;
        }
        return;
    }
    beckon_find_number(reply, "again_ms", UINT32_MAX, &found, &again);
    if (found || device->presence_told) {
        const uint32_t half = found ? (uint32_t)(again / 2) : DEFAULT_AGAIN_MS / 2;
        device->has_here = 1;
        device->here_at = device->now + (half > SOON_MS ? half : SOON_MS);
    }
}

static void sync_is_over(Device* device) {
    device->cursor_size = 0;
    device->sync_unanswered = 0;
    set_link(device, BECKON_READY);
    beckon_inbox_end_sync(device);
}

static void synced(Device* device, struct beckon_text reply, struct beckon_text error) {
    device->syncing = 0;
    if (error.at != NULL) {
        if (!beckon_is(error, "rate_limited")) {
            device->cursor_size = 0; /* from the first page; else that page again */
        }
        device->has_sync = 1;
        device->sync_at = device->now + SOON_MS;
        return;
    }
    beckon_inbox_speaks(device, (uint32_t)beckon_hash(0, beckon_find_text(reply, "server_epoch")));
    struct beckon_text invitations = beckon_find_entries(reply, "invitations", BECKON_ARRAY);
    struct beckon_value one;
    while (beckon_take(&invitations, &one)) {
        if (one.kind == BECKON_MAP) {
            beckon_inbox_listed(device, one.text);
        }
    }
    const struct beckon_text next = beckon_find_text(reply, "next");
    if (next.at == NULL) {
        sync_is_over(device);
    } else if (next.size > 0 && next.size <= sizeof device->cursor) {
        memcpy(device->cursor, next.at, next.size);
        device->cursor_size = (uint8_t)next.size;
        device->has_sync = 1;
        device->sync_at = device->now;
    } else {
        beckon_tell_left_out(device, beckon_text_of(NULL), 0);
        sync_is_over(device);
    }
}

/** Goes on with the next page, or from the first. */
static void turn_page(Device* device, Request* get, struct beckon_text next) {
    drop_data(device, get);
    get->paged = next.at != NULL && keep_data(device, get, next, beckon_text_of(NULL));
    put_off(get, device->now + (get->paged ? 0 : SOON_MS));
}

static void got(Device* device, Request* get, struct beckon_text reply) {
    const struct beckon_text info = beckon_find_entries(reply, "invitation", BECKON_MAP);
    const struct beckon_text next = beckon_find_text(reply, "next");
    const bool first = !get->paged;
    if (next.at != NULL) {
        beckon_inbox_got(device, info, first, false);
        turn_page(device, get, next);
    } else {
        end_request(device, get); /* what it tells may lead to another */
        beckon_inbox_got(device, info, first, true);
    }
}

static void errand_replied(Device* device, Request* errand, struct beckon_text reply,
                           struct beckon_text error) {
    if (error.at != NULL && for_the_moment(error)) {
        if (errand->verb == VERB_GET && !beckon_is(error, "rate_limited")) {
            turn_page(device, errand, beckon_text_of(NULL)); /* from the first */
        } else {
            put_off(errand, device->now + SOON_MS);
        }
        return;
    }
    if (beckon_is(error, "too_large") && errand->verb == VERB_REJECT && !errand->no_data &&
        device->busy_data.at != NULL) {
        /* What this broker does not take: that it stops ringing counts for more. */
        errand->no_data = 1;
        put_off(errand, device->now);
        return;
    }
    if (errand->verb == VERB_GET && error.at == NULL) {
        got(device, errand, reply);
        return;
    }
    const struct beckon_text id = beckon_name_text(device, errand->about);
    if (errand->verb == VERB_GET) {
        beckon_inbox_forgotten(device, id);
    } else {
        beckon_inbox_replied(device, errand, error.at == NULL, reply);
        if (errand->verb == VERB_CANCEL && errand->begins_call) {
            /* Who accepted before may be in a call with this user, who knows nothing of it. */
            errand->verb = VERB_HANGUP;
            errand->begins_call = 0;
            errand->all = 1;
            put_off(errand, device->now);
            return;
        }
    }
    end_request(device, errand);
}

static void told(Device* device, Request* request, struct beckon_text reply,
                 struct beckon_text error) {
    request->in_flight = request->has_again = 0;
    if (request->verb == VERB_SYNC) {
        end_request(device, request);
        synced(device, reply, error);
        return;
    }
    if (request->call == 0) {
        errand_replied(device, request, reply, error);
        return;
    }
    struct beckon_result result;
    bool found;
    uint64_t code;
    memset(&result, 0, sizeof result);
    result.ok = error.at == NULL;
    result.error = error;
    beckon_find_number(reply, "code", INT32_MAX, &found, &code);
    result.code = (int)code;
    result.dup = beckon_find_flag(reply, "dup");
    result.merged_into = beckon_find_id(reply, "merged_into");
    result.reply = reply;
    tell_result(device, request, &result);
    beckon_inbox_replied(device, request, result.ok, reply);
    if (request->verb == VERB_INVITE && !result.ok && for_the_moment(error) &&
        (request->sent > 1 || beckon_is(error, "internal"))) {
        call_off(device, request); /* when it was sent before, it may have been made */
    } else {
        end_request(device, request);
    }
}

static void refuse_as_too_large(Device* device, Request* request, uint32_t limit) {
    /* As the broker would have said it. */
    char reply[48];
    struct beckon_writer out = {reply, reply + sizeof reply, false};
    struct body body;
    begin_body(&body, &out);
    put_text_field(&body, "field", beckon_text_of("payload"));
    put_number_field(&body, "code", 8001);
    if (limit != UINT32_MAX) {
        put_number_field(&body, "limit", limit);
    }
    if (request->verb == VERB_SYNC) {
        sync_is_over(device);
    }
    if (request->call == 0 && request->verb != VERB_REJECT) {
        end_request(device, request); /* the application's buffer is too small for anything */
        return;
    }
    told(device, request, beckon_text_from(reply, (size_t)(out.at - reply)),
         beckon_text_of("too_large"));
}

/** Whether it is this device's `req`, with that word behind the prefix; `*number` is what follows.
 */
static bool is_own_req(const Device* device, struct beckon_text req, const char* word,
                       uint32_t* number) {
    const size_t prefix = strlen(device->prefix);
    const size_t begin = prefix + strlen(word);
    if (req.size <= begin || memcmp(req.at, device->prefix, prefix) != 0 ||
        memcmp(req.at + prefix, word, begin - prefix) != 0) {
        return false;
    }
    *number = 0;
    for (size_t i = begin; i < req.size; ++i) {
        if (req.at[i] < '0' || req.at[i] > '9') {
            return false;
        }
        *number = *number * 10 + (uint32_t)(req.at[i] - '0');
    }
    return true;
}

/** Which one is replied to. Refused by the rate, without a `req`: the oldest. */
static Request* asked_by(Device* device, unsigned verb, struct beckon_text req,
                         struct beckon_text error) {
    uint32_t number = 0;
    const bool named = req.at != NULL;
    Request* oldest = NULL;
    if (named ? !is_own_req(device, req, ":", &number) : !beckon_is(error, "rate_limited")) {
        return NULL;
    }
    for (unsigned i = 0; i < BECKON_REQUESTS; ++i) {
        Request* const one = &device->requests[i];
        if (!one->used || one->verb != verb || one->number == 0) {
            continue;
        }
        if (named && one->number == number) {
            return one;
        }
        if (!named && one->in_flight &&
            (oldest == NULL || (int32_t)(one->number - oldest->number) < 0)) {
            oldest = one;
        }
    }
    return oldest;
}

static void receive_reply(Device* device, struct beckon_text reply) {
    struct beckon_value ok;
    const struct beckon_text tag = beckon_find_text(reply, "device");
    const unsigned verb = beckon_word(verbs, beckon_find_text(reply, "re"));
    struct beckon_text req = beckon_find_text(reply, "req");
    struct beckon_text error = beckon_find_text(reply, "error");
    uint32_t run;
    if (!beckon_find(reply, "ok", &ok) || ok.kind != BECKON_BOOL ||
        tag.size != sizeof device->tag || (ok.number != 0) != (error.at == NULL)) {
        return;
    }
    if (device->link == BECKON_NO_BECKON && !device->syncing) {
        device->has_sync = 1; /* it has come late, but whoever answers is there */
        device->sync_at = device->now;
    }
    if (verb == VERB_HERE) {
        if (is_own_req(device, req, ":run-", &run) && run == device->runs) {
            here_replied(device, reply, error);
        }
        return;
    }
    Request* const request = asked_by(device, verb, req, error);
    if (request == NULL) {
        return;
    }
    memcpy(device->tag, tag.at, sizeof device->tag);
    device->has_tag = 1;
    if (beckon_is(error, "rate_limited")) {
        pace_refused(device);
        if (!request->in_flight) {
            return; /* the refusal of a repeat: it waits already */
        }
        if (request->call != 0 && request->verb != VERB_SIGNAL &&
            !beckon_due(request->deadline, device->now + SOON_MS)) {
            --request->sent;
            request->refused = 1;
            put_off(request, device->now + SOON_MS);
            return;
        }
    }
    if (request->call == 0 && !request->in_flight) {
        return; /* late: it is asked again */
    }
    told(device, request, reply, error);
}

/* ------------------------------------------------------------------------------- the connection */

/** The broker may have ended the connection because of what was sent: of that, the largest. */
static void blame_for_loss(Device* device, bool too_large) {
    Request* largest = NULL;
    for (unsigned i = 1; i < BECKON_REQUESTS; ++i) {
        Request* const one = &device->requests[i];
        if (one->used && one->in_flight && (largest == NULL || one->size > largest->size)) {
            largest = one;
        }
    }
    if (largest == NULL || largest->call == 0 ||
        (!too_large && (device->max_packet > 0 || largest->size <= ALWAYS_TAKEN))) {
        return;
    }
    ++largest->thrown_out;
    if (too_large || largest->thrown_out > 1) {
        refuse_as_too_large(device, largest, UINT32_MAX);
    }
}

/** What was in flight waits to be sent again. */
static void lose_connection(Device* device, bool too_large) {
    blame_for_loss(device, too_large);
    for (unsigned i = 0; i < BECKON_REQUESTS; ++i) {
        Request* const one = &device->requests[i];
        if (one->used && one->call == 0 && (one->verb == VERB_GET || one->verb == VERB_SYNC)) {
            end_request(device, one); /* the next sync tells */
        } else if (one->used && (one->in_flight || one->call == 0)) {
            put_off(one, device->now);
        }
    }
    beckon_inbox_lose_connection(device);
    device->has_here = device->has_sync = device->syncing = device->sync_unanswered = 0;
    device->cursor_size = 0;
}

void beckon_connected(Device* device, size_t max_packet, uint32_t now) {
    beckon_advance(device, now);
    lose_connection(device, false);
    device->max_packet = (uint32_t)max_packet;
    device->here_tries = device->here_noted = 0;
    device->gone = 0;
    device->subscriptions = 2;
    set_link(device, BECKON_SYNCING);
    device->has_here = device->has_sync = 1;
    device->here_at = device->sync_at = now;
}

void beckon_disconnected(Device* device, bool too_large, uint32_t now) {
    beckon_advance(device, now);
    lose_connection(device, too_large);
    set_link(device, BECKON_OFFLINE);
}

/** Which of the inbox's topics it is: 'e' of events, 'r' of replies, or 0. */
static char inbox_topic(const Device* device, const char* topic) {
    char mine[24 + 2 * BECKON_ID_BYTES];
    struct beckon_writer out = {mine, mine + sizeof mine, false};
    put_topic(device, &out, "inbox/", beckon_me(device), "");
    const size_t size = (size_t)(out.at - mine);
    if (strncmp(topic, mine, size) != 0) {
        return 0;
    }
    const unsigned word = beckon_word("event\0reply\0", beckon_text_of(topic + size));
    return word < 2 ? "er"[word] : 0;
}

void beckon_receive(Device* device, const char* topic, const void* payload, size_t size,
                    uint32_t now) {
    const char which = inbox_topic(device, topic);
    const struct beckon_text body = beckon_text_from(payload, size);
    if (size > UINT16_MAX) {
        beckon_missed(device, topic, now);
        return;
    }
    beckon_advance(device, now);
    if (which != 0 && beckon_is_map(body)) {
        if (which == 'e') {
            beckon_inbox_event(device, body);
        } else {
            receive_reply(device, body);
        }
    }
}

void beckon_missed(Device* device, const char* topic, uint32_t now) {
    const char which = inbox_topic(device, topic);
    beckon_advance(device, now);
    if (which == 'e') {
        device->has_sync = 1;
        device->sync_at = now;
        return;
    }
    for (unsigned i = 0; which == 'r' && i < BECKON_REQUESTS; ++i) {
        /* Only lists are long: which of them it was cannot be told. */
        Request* const one = &device->requests[i];
        if (!one->used || !one->in_flight || one->call != 0) {
            continue;
        }
        if (one->verb == VERB_GET) {
            beckon_tell_left_out(device, beckon_name_text(device, one->about), 1);
            end_request(device, one);
        } else if (one->verb == VERB_SYNC) {
            end_request(device, one);
            device->syncing = 0;
            if (device->sync_limit == 1) {
                beckon_tell_left_out(device, beckon_text_of(NULL), 0);
                sync_is_over(device);
                return;
            }
            device->sync_limit = device->sync_limit == 0 ? 1 : device->sync_limit / 2;
            device->has_sync = 1;
            device->sync_at = now;
        }
    }
}

/* ---------------------------------------------------------------------------------------- time */

static void no_beckon(Device* device) {
    set_link(device, BECKON_NO_BECKON);
    for (unsigned i = 1; i < BECKON_REQUESTS; ++i) {
        if (device->requests[i].used && device->requests[i].call != 0) {
            fail_unanswered(device, &device->requests[i]);
        }
    }
}

/** Whose deadline has come; of several the earliest. */
static Request* overdue(Device* device) {
    Request* first = NULL;
    for (unsigned i = 0; i < BECKON_REQUESTS; ++i) {
        Request* const one = &device->requests[i];
        if (one->used && (one->call != 0 || one->in_flight) &&
            beckon_due(one->deadline, device->now) &&
            (first == NULL || (int32_t)(one->deadline - first->deadline) < 0)) {
            first = one;
        }
    }
    return first;
}

void beckon_advance(Device* device, uint32_t now) {
    Request* request;
    device->now = now;
    pay_pace(device);
    pack_names(device);
    while ((request = overdue(device)) != NULL) {
        if (request->call != 0) {
            fail_unanswered(device, request);
        } else if (request->verb == VERB_SYNC) {
            end_request(device, request);
            device->syncing = 0;
            device->cursor_size = 0;
            device->has_sync = 1;
            device->sync_at = now + SYNC_AGAIN_MS;
            no_beckon(device);
        } else {
            put_off(request, now);
        }
    }
    beckon_inbox_advance(device, device->link == BECKON_SYNCING || device->link == BECKON_READY);
    if (device->crowded && device->link == BECKON_READY && !device->has_sync) {
        for (unsigned i = 0; i < BECKON_INVITATIONS; ++i) {
            if (device->held[i].id == 0) {
                device->crowded = 0;
                device->has_sync = 1;
                device->sync_at = now;
            }
        }
    }
}

static uint32_t until(uint32_t when, uint32_t now) {
    return beckon_due(when, now) ? 0 : when - now;
}

uint32_t beckon_next_deadline(const Device* device, uint32_t now) {
    uint32_t next = beckon_inbox_next(device, now);
    unsigned errands = 0;
    for (unsigned i = 1; i < BECKON_REQUESTS; ++i) {
        errands += device->requests[i].call == 0 && device->requests[i].in_flight;
    }
    for (unsigned i = 0; i < BECKON_REQUESTS; ++i) {
        const Request* const one = &device->requests[i];
        if (!one->used) {
            continue;
        }
        if (one->call != 0 || one->in_flight) {
            consider(&next, until(one->deadline, now));
        }
        if (one->in_flight && one->has_again) {
            consider(&next, until(one->again_at, now));
        }
        if (!one->in_flight && device->link == BECKON_READY &&
            (one->call != 0 || errands < ERRANDS_IN_FLIGHT)) {
            const uint32_t paced = pace_wait(device, now);
            const uint32_t in = until(one->again_at, now);
            consider(&next, in > paced ? in : paced);
        }
    }
    if (device->has_sync && !device->syncing) {
        consider(&next, until(device->sync_at, now));
    }
    if (device->has_here) {
        consider(&next, until(device->here_at, now));
    }
    if (device->link != BECKON_OFFLINE && (device->subscriptions > 0 || device->gone)) {
        next = 0;
    }
    return next;
}

void beckon_close(Device* device, uint32_t now) {
    device->now = now;
    for (unsigned i = 0; i < BECKON_REQUESTS; ++i) {
        Request* const one = &device->requests[i];
        if (one->used && one->call != 0) {
            fail(device, one, "closed", 20193);
        }
    }
    for (unsigned i = 0; i < BECKON_REQUESTS; ++i) {
        if (device->requests[i].used) {
            end_request(device, &device->requests[i]);
        }
    }
    device->has_here = device->has_sync = device->syncing = 0;
    device->gone = 1;
}

/* -------------------------------------------------------------------------------- the beginning */

static void put_random(Device* device, struct beckon_writer* out, unsigned words) {
    while (words-- > 0) {
        uint32_t bits = device->options->random(device->options->app);
        for (unsigned i = 0; i < 8; ++i, bits >>= 4) {
            beckon_put(out, &"0123456789abcdef"[bits & 15], 1);
        }
    }
}

void beckon_new_id(Device* device, char id[BECKON_NEW_ID_BYTES]) {
    struct beckon_writer out = {id, id + BECKON_NEW_ID_BYTES - 1, false};
    put_random(device, &out, 4);
    *out.at = '\0';
}

bool beckon_init(Device* device, const struct beckon_options* options) {
    memset(device, 0, sizeof *device);
    device->options = options;
    device->me = beckon_name(device, beckon_text_of(options->user));
    device->sync_limit = options->sync_limit;
    set_pace(device, 50, 200);
    struct beckon_writer out = {device->prefix, device->prefix + sizeof device->prefix - 1, false};
    if (options->req_prefix != NULL) {
        beckon_put_word(&out, options->req_prefix);
    } else {
        put_random(device, &out, 2);
    }
    if (options->random != NULL) {
        device->seq = options->random(options->app) >> 1;
    }
    return device->me != 0 && !out.full &&
           (options->device == NULL || strlen(options->device) <= BECKON_ID_BYTES) &&
           (options->root == NULL || beckon_is_id(beckon_text_of(options->root)));
}

void beckon_set_limits(Device* device, const struct beckon_limits* limits) {
    device->max_payload = limits->max_payload_bytes;
    device->presence_told = limits->presence_told;
    set_pace(device, limits->requests_per_second > 0 ? limits->requests_per_second : 50U,
             limits->requests_burst > 0 ? limits->requests_burst : 200U);
}

enum beckon_link beckon_link_now(const Device* device) { return (enum beckon_link)device->link; }
