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
#define FAR_MS 1000000000U
#define NOWHERE UINT16_MAX
#define ID_BUFFER (BECKON_ID_BYTES + 2) /* as msgpack */

typedef struct beckon_device Device;
typedef struct beckon_request Request;

/* Texts, as msgpack; a zero ends them. */
static const char verbs[] =
    "\xa6"
    "invite"
    "\xa6"
    "accept"
    "\xa6"
    "reject"
    "\xa6"
    "cancel"
    "\xa7"
    "ringing"
    "\xa6"
    "signal"
    "\xa4"
    "join"
    "\xa6"
    "hangup"
    "\xa6"
    "resume"
    "\xa7"
    "message"
    "\xa3"
    "get"
    "\xa4"
    "sync"
    "\xa4"
    "here";
static const char failures[] =
    "\xa8"
    "no_reply"
    "\xad"
    "not_connected"
    "\xa9"
    "no_beckon"
    "\xa6"
    "closed"
    "\xa9"
    "withdrawn"
    "\xac"
    "rate_limited"
    "\xa9"
    "too_large";
enum { NO_REPLY, NOT_CONNECTED, NO_BECKON, CLOSED, WITHDRAWN, RATE_LIMITED, TOO_LARGE, NO_FAILURE };
static const uint16_t failure_codes[] = {6012, 20191, 20192, 20193, 20195, 20102, 8001, 0};

/** `*least` becomes the lesser one. */
static void consider(uint32_t* least, uint32_t other) { *least = other < *least ? other : *least; }

/* -------------------------------------------------------------------------------- the tables */

beckon_value beckon_text_of(const Device* device, uint8_t name) {
    return name == 0 ? NULL : device->names + device->name_at[name - 1];
}

/** Of its text in the table, head and all. */
static unsigned size_in_table(beckon_value text) {
    return (unsigned)(beckon_chars(text) - (const char*)text + (ptrdiff_t)beckon_size(text));
}

uint8_t beckon_name(Device* device, beckon_value text) {
    unsigned unused = BECKON_NAMES;
    if (!beckon_is_id(text)) {
        return 0;
    }
    for (unsigned i = 0; i < BECKON_NAMES; ++i) {
        if (device->name_at[i] == NOWHERE) {
            unused = i;
        } else if (device->name_uses[i] > 0 && device->name_uses[i] < UINT8_MAX &&
                   beckon_same(device->names + device->name_at[i], text)) {
            ++device->name_uses[i];
            return (uint8_t)(i + 1);
        }
    }
    struct beckon_writer out = {(char*)device->names + device->names_used,
                                (char*)device->names + sizeof device->names, false};
    beckon_put_text(&out, beckon_chars(text), beckon_size(text), false);
    if (unused == BECKON_NAMES || out.full) {
        return 0;
    }
    device->name_at[unused] = device->names_used;
    device->name_uses[unused] = 1;
    device->names_used = (uint16_t)(out.at - (char*)device->names);
    return (uint8_t)(unused + 1);
}

void beckon_release(Device* device, uint8_t name) {
    if (name != 0) {
        --device->name_uses[name - 1];
    }
}

/** Closes the gap of `size` bytes at `at`, in front of `*used` bytes' end. */
static void close_gap(void* bytes, uint16_t at, unsigned size, uint16_t* used) {
    uint8_t* const gap = (uint8_t*)bytes + at;
    *used = (uint16_t)(*used - size);
    memmove(gap, gap + size, (size_t)(*used - at));
}

static void pack_names(Device* device) {
    for (unsigned name = 0; name < BECKON_NAMES; ++name) {
        const uint16_t at = device->name_at[name];
        if (at == NOWHERE || device->name_uses[name] > 0) {
            continue;
        }
        const unsigned size = size_in_table(device->names + at);
        close_gap(device->names, at, size, &device->names_used);
        device->name_at[name] = NOWHERE;
        for (unsigned i = 0; i < BECKON_NAMES; ++i) {
            if (device->name_at[i] != NOWHERE && device->name_at[i] > at) {
                device->name_at[i] = (uint16_t)(device->name_at[i] - size);
            }
        }
    }
}

beckon_value beckon_said(const Device* device, const Request* request, bool reason) {
    const uint16_t size = reason ? request->reason_size : request->data_size;
    const unsigned at = request->data_at + (reason ? request->data_size : 0U);
    return size > 0 ? (beckon_value)device->said + at : NULL;
}

/** False: there is no room. */
static bool keep_said(Device* device, Request* request, const struct beckon_data* data,
                      const char* reason) {
    char* const begin = device->said + device->said_used;
    struct beckon_writer out = {begin, device->said + sizeof device->said, false};
    if (data != NULL && data->at != NULL) {
        beckon_put_text(&out, data->at, data->size, data->binary);
    }
    char* const middle = out.at;
    if (reason != NULL) {
        beckon_put_key(&out, reason);
    }
    if (out.full) {
        return false;
    }
    request->data_at = device->said_used;
    request->data_size = (uint16_t)(middle - begin);
    request->reason_size = (uint16_t)(out.at - middle);
    device->said_used = (uint16_t)(out.at - device->said);
    return true;
}

static void drop_said(Device* device, Request* request) {
    const unsigned size = request->data_size + (unsigned)request->reason_size;
    if (size == 0) {
        return;
    }
    close_gap(device->said, request->data_at, size, &device->said_used);
    for (unsigned i = 0; i < BECKON_REQUESTS; ++i) {
        if (device->requests[i].data_at > request->data_at) {
            device->requests[i].data_at = (uint16_t)(device->requests[i].data_at - size);
        }
    }
    request->data_size = request->reason_size = 0;
}

static bool is_older(const Request* one, const Request* other) {
    return (int32_t)(one->number - other->number) < 0;
}

static Request* new_request(Device* device, enum verb verb, beckon_value about) {
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
    drop_said(device, request);
    beckon_release(device, request->about);
    beckon_release(device, request->id);
    for (unsigned i = 0; i < request->count; ++i) {
        beckon_release(device, request->names[i]);
    }
    memset(request, 0, sizeof *request);
}

struct beckon_recent* beckon_recall(Device* device, enum recent kind, beckon_value id) {
    const uint32_t hash = beckon_hash(0, id);
    for (unsigned i = 0; i < BECKON_RECENT; ++i) {
        if (device->recent[i].kind == kind && device->recent[i].hash == hash) {
            return &device->recent[i];
        }
    }
    return NULL;
}

void beckon_remember(Device* device, enum recent kind, beckon_value id) {
    struct beckon_recent* const one = &device->recent[device->next_recent];
    if (beckon_recall(device, kind, id) == NULL) {
        device->next_recent = (uint8_t)((device->next_recent + 1U) % BECKON_RECENT);
        one->hash = beckon_hash(0, id);
        one->kind = (uint8_t)kind;
        one->marks = 0;
    }
}

bool beckon_is_news(Device* device, uint32_t hash) {
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

void beckon_tell_left_out(Device* device, beckon_value id, uint16_t count) {
    struct beckon_news news;
    memset(&news, 0, sizeof news);
    news.what = BECKON_LEFT_OUT;
    news.id = id;
    news.left_out = count;
    device->crowded = device->crowded || (count == 0 && id != NULL);
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

static void tell_result(Device* device, const Request* request, unsigned failure,
                        beckon_value error, beckon_value reply) {
    struct beckon_result result;
    uint64_t code;
    beckon_number(beckon_find(reply, "code"), &code);
    result.call = request->call;
    result.id = beckon_text_of(device, request->id != 0 ? request->id : request->about);
    result.error = failure != NO_FAILURE ? beckon_nth_word(failures, failure) : error;
    result.ok = result.error == NULL;
    result.code = (int)code + failure_codes[failure];
    result.limit = failure == TOO_LARGE ? device->limit : 0;
    result.reply = reply;
    if (device->options->listener->on_result != NULL) {
        device->options->listener->on_result(device->options->app, &result);
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

void beckon_sync_in(Device* device, uint32_t in) {
    device->has_sync = device->link != BECKON_OFFLINE;
    device->sync_at = device->now + in;
}

void beckon_errand(Device* device, enum verb verb, beckon_value id) {
    if (verb == VERB_GET && device->link != BECKON_SYNCING && device->link != BECKON_READY) {
        return;
    }
    for (unsigned i = 1; i < BECKON_REQUESTS; ++i) {
        const Request* const one = &device->requests[i];
        if (one->used && one->call == 0 && one->verb == verb &&
            beckon_same(beckon_text_of(device, one->about), id)) {
            return;
        }
    }
    Request* const errand = new_request(device, verb, id);
    if (errand != NULL) {
        errand->again_at = device->now;
    } else if (verb == VERB_GET) {
        /* The list tells of it, too, once there is room. */
        beckon_sync_in(device, SOON_MS);
    } else {
        beckon_tell_left_out(device, id, 0);
    }
}

/**
 * The caller of that invite has its result, but it may have been made: from now on it is the errand
 * to cancel it.
 */
static void call_off(Device* device, Request* invite) {
    const beckon_value id = beckon_text_of(device, invite->id);
    const bool begins_call = (invite->traits & BECKON_CALL) != 0;
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
        !beckon_inbox_made(device, beckon_text_of(device, request->id))) {
        return false;
    }
    tell_result(device, request, NO_FAILURE, NULL, NULL);
    const beckon_value id = beckon_text_of(device, request->id);
    if (beckon_recall(device, RECENT_ENDED, id) == NULL) {
        beckon_errand(device, VERB_GET, id); /* only the reply would have told who was skipped */
    }
    end_request(device, request);
    return true;
}

static void fail(Device* device, Request* request, unsigned failure) {
    if (was_made(device, request)) {
        return;
    }
    if (request->refused && request->sent == 0 && !request->withdrawn && failure != TOO_LARGE) {
        failure = RATE_LIMITED;
    }
    request->in_flight = false;
    tell_result(device, request, failure, NULL, NULL);
    if (request->verb == VERB_INVITE && request->sent > 0) {
        call_off(device, request);
        return;
    }
    if (request->verb == VERB_INVITE) {
        beckon_inbox_not_invited(device, beckon_text_of(device, request->id));
    } else if (request->verb == VERB_CANCEL && request->sent == 0) {
        beckon_inbox_cancelling(device, beckon_text_of(device, request->about), false);
    }
    end_request(device, request);
}

/** It gets no reply any more. */
static void fail_unanswered(Device* device, Request* request) {
    fail(device, request,
         request->withdrawn                 ? WITHDRAWN
         : request->moot                    ? NO_FAILURE
         : request->sent > 0                ? NO_REPLY
         : device->link == BECKON_NO_BECKON ? NO_BECKON
                                            : NOT_CONNECTED);
}

/* ------------------------------------------------------------------------------------- calls */

/** A text of the application's, as msgpack in `buffer`; nothing: it is too long to be an id. */
static beckon_value text_in(char buffer[ID_BUFFER], const char* chars) {
    struct beckon_writer out = {buffer, buffer + ID_BUFFER, false};
    if (chars != NULL) {
        beckon_put_key(&out, chars);
    }
    return chars == NULL || out.full ? NULL : (beckon_value)buffer;
}

static uint8_t name_chars(Device* device, const char* chars, int* problem) {
    char buffer[ID_BUFFER];
    const beckon_value text = text_in(buffer, chars);
    const uint8_t name = beckon_name(device, text);
    if (name == 0) {
        *problem = beckon_is_id(text) ? BECKON_NO_ROOM : BECKON_INVALID;
    }
    return name;
}

/** There are others for what the device asks by itself. */
static bool may_call(const Device* device) {
    unsigned calls = 0;
    for (unsigned i = 1; i < BECKON_REQUESTS; ++i) {
        calls += device->requests[i].call != 0;
    }
    return calls < BECKON_REQUESTS - 1 - ERRANDS_IN_FLIGHT;
}

/** False: it is over, and `*number` tells why. */
static bool name_all(Device* device, Request* request, const struct beckon_call* call,
                     int* number) {
    int problem = 0;
    if (request->verb == VERB_INVITE || request->verb == VERB_MESSAGE) {
        request->id = name_chars(device, call->id, &problem);
    }
    for (unsigned i = 0; problem == 0 && i < call->count; ++i) {
        request->names[i] = name_chars(device, call->others[i], &problem);
        request->count = (uint8_t)(i + (problem == 0));
    }
    *number = problem;
    return problem == 0;
}

static void withdraw(Device* device, Request* cancel) {
    for (unsigned i = 1; i < BECKON_REQUESTS; ++i) {
        Request* const one = &device->requests[i];
        if (one->used && one->verb == VERB_INVITE && one->sent == 0 && one->id == cancel->about) {
            /* Nobody has heard of it: both have their result with the next step. */
            one->withdrawn = cancel->moot = true;
            one->deadline = cancel->deadline = device->now;
            return;
        }
    }
    beckon_inbox_cancelling(device, beckon_text_of(device, cancel->about), true);
}

static void note_call(Device* device, Request* request, const struct beckon_call* call) {
    request->call = device->last_call = (uint16_t)(device->last_call % INT16_MAX + 1);
    request->number = ++device->last_number;
    request->asked = request->again_at = device->now;
    request->deadline = device->now + PATIENCE_MS;
    request->in_group = call->group != NULL;
    request->traits = call->traits & (request->verb == VERB_INVITE    ? (uint8_t)~BECKON_ALL
                                      : request->verb == VERB_MESSAGE ? BECKON_ONLINE_ONLY
                                      : request->verb == VERB_HANGUP  ? BECKON_ALL
                                                                      : 0);
    request->visibility = (uint8_t)call->visibility & 3;
    if (request->verb == VERB_SIGNAL) {
        request->value = device->seq++;
    } else if (request->verb == VERB_INVITE && call->timeout_ms != BECKON_NO_TIME) {
        request->value = call->timeout_ms == 0 ? DEFAULT_TIMEOUT_MS : call->timeout_ms;
        if (request->value < PATIENCE_MS) {
            request->deadline = device->now + request->value;
        }
    }
}

int beckon_ask(Device* device, const struct beckon_call* call, uint32_t now) {
    char buffer[ID_BUFFER];
    const bool of_user = call->verb == BECKON_INVITE || call->verb == BECKON_SEND_MESSAGE;
    const beckon_value about = text_in(buffer, !of_user              ? call->id
                                               : call->group != NULL ? call->group
                                                                     : call->user);
    int number = BECKON_NO_ROOM;
    device->now = now;
    if (device->link == BECKON_NO_BECKON) {
        return BECKON_NOT_THERE;
    }
    const unsigned most = call->verb == BECKON_INVITE ? BECKON_INVITEES - (call->group == NULL)
                                                      : call->verb == BECKON_SEND_SIGNAL;
    if (!beckon_is_id(about) || call->verb > BECKON_SEND_MESSAGE || call->count > most) {
        return BECKON_INVALID;
    }
    Request* const request =
        may_call(device) ? new_request(device, (enum verb)call->verb, about) : NULL;
    if (request == NULL) {
        return BECKON_NO_ROOM;
    }
    if (!keep_said(device, request, call->data, call->reason)) {
        number = device->said_used == 0 ? BECKON_TOO_LARGE : BECKON_NO_ROOM;
    } else if (name_all(device, request, call, &number)) {
        note_call(device, request, call);
        if (request->verb == VERB_CANCEL) {
            withdraw(device, request);
        }
        if (request->verb != VERB_INVITE || beckon_inbox_inviting(device, request)) {
            return request->call;
        }
        number = BECKON_NO_ROOM;
    }
    end_request(device, request);
    return number;
}

void beckon_set_busy(Device* device, bool busy, const struct beckon_data* data) {
    device->busy = busy;
    if (busy) {
        memset(&device->busy_data, 0, sizeof device->busy_data);
        if (data != NULL) {
            device->busy_data = *data;
        }
    }
}

static void put_off(Request* request, uint32_t until) {
    request->in_flight = request->has_again = false;
    request->tries = 0;
    request->again_at = until;
    if (request->call == 0) {
        request->number = 0;
    }
}

/* ----------------------------------------------------------------------------------- packets */

/** `:7`, or `:run-7`, behind this device's prefix. */
static void put_req(const Device* device, struct beckon_writer* out, const char* word,
                    uint32_t number) {
    char req[sizeof device->prefix + 16];
    struct beckon_writer text = {req, req + sizeof req, false};
    beckon_put_word(&text, device->prefix);
    beckon_put_word(&text, word);
    beckon_put_decimal(&text, number);
    beckon_put_text(out, req, (size_t)(text.at - req), false);
}

static void put_topic(const Device* device, struct beckon_writer* out, const char* place,
                      beckon_value about) {
    beckon_put_word(out, device->options->root != NULL ? device->options->root : "beckon");
    beckon_put_word(out, "/v1/");
    beckon_put_word(out, place);
    beckon_put_chars(out, about);
    beckon_put_word(out, "/");
}

struct body {
    struct beckon_writer out;
    char* begin; /* the head of its map, which counts */
};

static void put_field(struct body* body, const char* key) {
    ++*body->begin;
    beckon_put_key(&body->out, key);
}

static void put_value_field(struct body* body, const char* key, beckon_value value) {
    if (value != NULL) {
        put_field(body, key);
        beckon_put_value(&body->out, value);
    }
}

static void put_word_field(struct body* body, const char* key, const char* word) {
    if (word != NULL) {
        put_field(body, key);
        beckon_put_key(&body->out, word);
    }
}

static void put_number_field(struct body* body, const char* key, uint32_t number) {
    put_field(body, key);
    beckon_put_head(&body->out, 0, 0x7f, 0xcc, number);
}

/** With the topic, and what each body begins with. False: not even that fits. */
static bool begin_packet(const Device* device, struct body* body, void* buffer, size_t size,
                         const char* place, beckon_value about, unsigned verb, const char* word,
                         uint32_t number) {
    const struct beckon_writer out = {buffer, (char*)buffer + size, false};
    body->out = out;
    put_topic(device, &body->out, place, about);
    beckon_put_chars(&body->out, beckon_nth_word(verbs, verb));
    beckon_put_word(&body->out, "/");
    beckon_put_chars(&body->out, beckon_me(device));
    beckon_put(&body->out, "", 1);
    body->begin = body->out.at;
    beckon_put(&body->out, "\x80", 1);
    if (body->out.full) {
        return false;
    }
    put_field(body, "req");
    put_req(device, &body->out, word, number);
    put_word_field(body, "device", device->options->device);
    return true;
}

static void put_names(const Device* device, struct body* body, const Request* request) {
    if (request->count == 0) {
        return;
    }
    put_field(body, request->verb == VERB_SIGNAL ? "to" : request->in_group ? "invitees" : "also");
    if (request->verb != VERB_SIGNAL) {
        beckon_put_head(&body->out, 0x90, 0x0f, 0xdb, request->count);
    }
    for (unsigned i = 0; i < request->count; ++i) {
        beckon_put_value(&body->out, beckon_text_of(device, request->names[i]));
    }
}

/** What only some verbs have. */
static void put_own_fields(const Device* device, struct body* body, const Request* request) {
    static const char* const visibilities[] = {NULL, "members", "invitees", "inviter"};
    if (request->verb == VERB_SIGNAL) {
        put_number_field(body, "seq", request->value);
    } else if (request->verb == VERB_INVITE) {
        /* What is left of it, after it has waited. */
        const uint32_t waited = device->now - request->asked;
        const uint32_t left = request->value > waited ? request->value - waited : 1;
        put_number_field(body, "timeout_ms", request->value > 0 ? left : 0);
        put_word_field(body, "visibility", visibilities[request->visibility & 3]);
    } else if (request->verb == VERB_REJECT && request->call == 0) {
        put_word_field(body, "reason", "busy");
        if (device->busy_data.at != NULL && !request->no_data) {
            put_field(body, "data");
            beckon_put_text(&body->out, device->busy_data.at, device->busy_data.size,
                            device->busy_data.binary);
        }
    } else if (request->verb == VERB_SYNC) {
        put_value_field(body, "after", device->cursor[0] != 0 ? device->cursor : NULL);
        if (device->sync_limit > 0) {
            put_number_field(body, "limit", device->sync_limit);
        }
    }
}

static void end_packet(const struct body* body, const void* buffer, struct beckon_packet* packet) {
    packet->subscribe = false;
    packet->topic = buffer;
    packet->payload = body->begin;
    packet->size = (size_t)(body->out.at - body->begin);
}

static bool put_here(const Device* device, void* buffer, size_t size, bool gone,
                     struct beckon_packet* packet) {
    struct body body;
    if (!begin_packet(device, &body, buffer, size, "user/", beckon_me(device), VERB_HERE, ":run-",
                      device->runs)) {
        return false;
    }
    put_field(&body, "run");
    put_req(device, &body.out, ":run-", device->runs);
    if (gone) {
        put_field(&body, "gone");
        beckon_put(&body.out, "\xc3", 1);
    }
    end_packet(&body, buffer, packet);
    return !body.out.full;
}

/** As the broker would have said it; `limit`: the largest payload. */
static void refuse_as_too_large(Device* device, Request* request, uint32_t limit) {
    if (request->call != 0) {
        device->limit = limit;
        fail(device, request, TOO_LARGE);
    } else if (request->verb == VERB_REJECT && !request->no_data) {
        request->no_data = true; /* that it stops ringing counts for more */
        put_off(request, device->now);
    } else {
        /* Not even what the device has to ask fits into the application's buffer. */
        device->syncing = device->syncing && request->verb != VERB_SYNC;
        end_request(device, request);
        beckon_tell_left_out(device, NULL, 0);
    }
}

static uint32_t until_repeat(unsigned tries) { return FIRST_REPEAT_MS << (tries < 2 ? tries : 2); }

/** By what the broker takes, less `beside`; and by the buffer. */
static uint32_t most_payload(const Device* device, size_t beside) {
    uint32_t most = device->max_payload > 0 ? device->max_payload : UINT32_MAX;
    if (device->max_packet > 0) {
        consider(&most, device->max_packet > beside ? device->max_packet - (uint32_t)beside : 0);
    }
    return most;
}

/** False: it was not sent, and is over. */
static bool send(Device* device, Request* request, void* buffer, size_t size,
                 struct beckon_packet* packet) {
    struct body body;
    const bool user =
        request->verb == VERB_INVITE || request->verb == VERB_MESSAGE || request->verb == VERB_SYNC;
    if (!begin_packet(device, &body, buffer, size,
                      !user               ? "invitation/"
                      : request->in_group ? "group/"
                                          : "user/",
                      beckon_text_of(device, request->about), request->verb, ":",
                      request->number)) {
        refuse_as_too_large(device, request, 0);
        return false;
    }
    /* What MQTT 5 counts beside it: the `req` may stand in a property as well. */
    const size_t beside = (size_t)(body.begin - (char*)buffer) - 1 +
                          beckon_size(beckon_find((beckon_value)body.begin, "req"));
    put_value_field(&body, "id", beckon_text_of(device, request->id));
    put_value_field(&body, request->verb == VERB_GET ? "after" : "data",
                    beckon_said(device, request, false));
    put_value_field(&body, "reason", beckon_said(device, request, true));
    put_own_fields(device, &body, request);
    put_names(device, &body, request);
    put_word_field(&body, "answer", (request->traits & BECKON_FIRST) != 0 ? "first" : NULL);
    put_word_field(&body, "on_inviter_lost", (request->traits & BECKON_KEEP) != 0 ? "keep" : NULL);
    for (unsigned trait = 0; trait < 4; ++trait) {
        static const char* const names[] = {"call", "online_only", "replace", "all"};
        if ((request->traits & 1U << trait) != 0) {
            put_field(&body, names[trait]);
            beckon_put(&body.out, "\xc3", 1);
        }
    }
    end_packet(&body, buffer, packet);
    const uint32_t most = most_payload(device, beside);
    if (body.out.full || packet->size > most) {
        refuse_as_too_large(device, request, body.out.full ? (uint32_t)size : most);
        return false;
    }
    request->size = (uint16_t)packet->size;
    request->in_flight = true;
    request->has_again = request->verb != VERB_SIGNAL;
    request->again_at = device->now + until_repeat(request->tries);
    request->sent = (uint8_t)(request->sent + (request->sent < UINT8_MAX));
    request->tries = (uint8_t)(request->tries + (request->tries < UINT8_MAX));
    pace_sent(device);
    return true;
}

static void begin_sync(Device* device) {
    if (device->cursor[0] == 0) {
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
    put_topic(device, &out, "inbox/", beckon_me(device));
    beckon_put_word(&out, device->subscriptions == 2 ? "event" : "reply");
    beckon_put(&out, "", 1);
    memset(packet, 0, sizeof *packet);
    packet->subscribe = true;
    packet->topic = buffer;
    --device->subscriptions;
    return !out.full;
}

/** What to send of requests; nothing: none. Errands that wait have no number, and go first. */
static Request* next_request(Device* device) {
    for (;;) {
        Request* first = NULL;
        for (unsigned i = 0; i < BECKON_REQUESTS; ++i) {
            Request* const one = &device->requests[i];
            if (!one->used || !beckon_due(one->again_at, device->now)) {
                continue;
            }
            if (one->in_flight && one->has_again) {
                return one;
            }
            if (!one->in_flight && (first == NULL || is_older(one, first))) {
                first = one;
            }
        }
        if (first == NULL || device->link != BECKON_READY || pace_wait(device, device->now) > 0) {
            return NULL;
        }
        if (first->call == 0) {
            first->number = ++device->last_number;
            first->deadline = device->now + PATIENCE_MS;
            first->tries = 0;
            return first;
        }
        if (!was_made(device, first)) {
            return first;
        }
    }
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

static bool for_the_moment(beckon_value error) {
    return beckon_is(error, "rate_limited") || beckon_is(error, "storage_unavailable") ||
           beckon_is(error, "internal");
}

static void here_in(Device* device, uint32_t in) {
    device->has_here = device->link != BECKON_OFFLINE; /* a reply may come late */
    device->here_at = device->now + in;
}

static void here_replied(Device* device, const struct fields* reply) {
    uint64_t again;
    const beckon_value told = reply->at[KEY_AGAIN_MS];
    const beckon_value error = reply->at[KEY_ERROR];
    device->here_noted = true;
    device->here_tries = 0;
    device->has_here = false;
    if (error != NULL) {
        if (for_the_moment(error)) {
            here_in(device, SOON_MS);
        }
        return;
    }
    if (!beckon_number(told, &again) || again > FAR_MS) {
        again = DEFAULT_AGAIN_MS;
    }
    if (told != NULL || device->presence_told) {
        here_in(device, again > 2 * SOON_MS ? (uint32_t)again / 2 : SOON_MS);
    }
}

static void sync_is_over(Device* device) {
    device->cursor[0] = 0;
    device->sync_unanswered = 0;
    set_link(device, BECKON_READY);
    beckon_inbox_end_sync(device);
}

static void synced(Device* device, const struct fields* reply) {
    const beckon_value error = reply->at[KEY_ERROR];
    device->syncing = false;
    if (error != NULL) {
        if (!beckon_is(error, "rate_limited")) {
            device->cursor[0] = 0; /* from the first page; else that page again */
        }
        beckon_sync_in(device, SOON_MS);
        return;
    }
    beckon_inbox_speaks(device, reply->at[KEY_SERVER_EPOCH]);
    struct beckon_list invitations = beckon_entries(reply->at[KEY_INVITATIONS]);
    beckon_value one;
    while ((one = beckon_take(&invitations)) != NULL) {
        beckon_inbox_listed(device, one);
    }
    const beckon_value next = reply->at[KEY_NEXT];
    struct beckon_writer out = {(char*)device->cursor,
                                (char*)device->cursor + sizeof device->cursor, false};
    if (next != NULL) {
        beckon_put_value(&out, next);
        if (!out.full) {
            beckon_sync_in(device, 0);
            return;
        }
        beckon_tell_left_out(device, NULL, 0);
    }
    sync_is_over(device);
}

/** Goes on with the next page, or from the first. */
static void turn_page(Device* device, Request* get, beckon_value next) {
    const struct beckon_data data = {beckon_chars(next), beckon_size(next), false};
    drop_said(device, get);
    get->paged = next != NULL && keep_said(device, get, &data, NULL);
    put_off(get, device->now + (get->paged ? 0 : SOON_MS));
}

static void got(Device* device, Request* get, const struct fields* reply) {
    const beckon_value info = reply->at[KEY_INVITATION];
    const beckon_value next = reply->at[KEY_NEXT];
    const bool first = !get->paged;
    if (next != NULL) {
        turn_page(device, get, next);
    } else {
        end_request(device, get); /* what it tells may lead to another */
    }
    beckon_inbox_got(device, info, first, next == NULL);
}

static void errand_replied(Device* device, Request* errand, const struct fields* reply) {
    const beckon_value error = reply->at[KEY_ERROR];
    if (error != NULL && for_the_moment(error)) {
        if (errand->verb == VERB_GET && !beckon_is(error, "rate_limited")) {
            turn_page(device, errand, NULL); /* from the first */
        } else {
            put_off(errand, device->now + SOON_MS);
        }
        return;
    }
    if (beckon_is(error, "too_large") && errand->verb == VERB_REJECT && !errand->no_data &&
        device->busy_data.at != NULL) {
        /* What this broker does not take: that it stops ringing counts for more. */
        errand->no_data = true;
        put_off(errand, device->now);
        return;
    }
    if (errand->verb == VERB_GET && error == NULL) {
        got(device, errand, reply);
        return;
    }
    if (errand->verb == VERB_GET) {
        beckon_inbox_forgotten(device, beckon_text_of(device, errand->about));
    } else {
        beckon_inbox_replied(device, errand, reply);
    }
    if (errand->verb == VERB_CANCEL && errand->begins_call) {
        /* Who accepted before may be in a call with this user, who knows nothing of it. */
        errand->verb = VERB_HANGUP;
        errand->begins_call = false;
        errand->traits = BECKON_ALL;
        put_off(errand, device->now);
        return;
    }
    end_request(device, errand);
}

static void told(Device* device, Request* request, beckon_value reply,
                 const struct fields* fields) {
    const beckon_value error = fields->at[KEY_ERROR];
    request->in_flight = request->has_again = false;
    if (request->verb == VERB_SYNC) {
        end_request(device, request);
        synced(device, fields);
        return;
    }
    if (request->call == 0) {
        errand_replied(device, request, fields);
        return;
    }
    tell_result(device, request, NO_FAILURE, error, reply);
    beckon_inbox_replied(device, request, fields);
    if (request->verb == VERB_INVITE && for_the_moment(error) &&
        (request->sent > 1 || beckon_is(error, "internal"))) {
        call_off(device, request); /* when it was sent before, it may have been made */
    } else {
        end_request(device, request);
    }
}

/** Whether it is this device's `req`, with that word behind the prefix; `*number` follows. */
static bool is_own_req(const Device* device, beckon_value req, const char* word, uint32_t* number) {
    const char* at = beckon_chars(req);
    size_t left = beckon_size(req);
    const char* const expected[] = {device->prefix, word};
    for (unsigned i = 0; i < 2; ++i) {
        const size_t size = strlen(expected[i]);
        if (left <= size || memcmp(at, expected[i], size) != 0) {
            return false;
        }
        at += size;
        left -= size;
    }
    *number = 0;
    for (; left > 0; --left, ++at) {
        if (*at < '0' || *at > '9') {
            return false;
        }
        *number = *number * 10 + (uint32_t)(*at - '0');
    }
    return true;
}

/** Which one is replied to. Refused by the rate, without a `req`: the oldest. */
static Request* asked_by(Device* device, unsigned verb, beckon_value req, beckon_value error) {
    uint32_t number = 0;
    Request* oldest = NULL;
    if (req != NULL ? !is_own_req(device, req, ":", &number) : !beckon_is(error, "rate_limited")) {
        return NULL;
    }
    for (unsigned i = 0; i < BECKON_REQUESTS; ++i) {
        Request* const one = &device->requests[i];
        if (one->used && one->verb == verb && one->number != 0 &&
            (req != NULL ? one->number == number
                         : one->in_flight && (oldest == NULL || is_older(one, oldest)))) {
            oldest = one;
        }
    }
    return oldest;
}

static void receive_reply(Device* device, beckon_value reply) {
    struct fields fields;
    beckon_read(reply, &fields);
    const beckon_value req = fields.at[KEY_REQ];
    const beckon_value tag = fields.at[KEY_DEVICE];
    const beckon_value error = fields.at[KEY_ERROR];
    const unsigned verb = beckon_word(verbs, fields.at[KEY_RE]);
    uint32_t run;
    if (beckon_is_true(fields.at[KEY_OK]) != (error == NULL) || beckon_size(tag) != 16) {
        return;
    }
    if (device->link == BECKON_NO_BECKON && !device->syncing) {
        beckon_sync_in(device, 0); /* it has come late, but whoever answers is there */
    }
    if (verb == VERB_HERE) {
        if (is_own_req(device, req, ":run-", &run) && run == device->runs) {
            here_replied(device, &fields);
        }
        return;
    }
    Request* const request = asked_by(device, verb, req, error);
    if (request == NULL) {
        return;
    }
    device->tag[0] = 0xa0 | 16;
    memcpy(device->tag + 1, beckon_chars(tag), 16);
    if (beckon_is(error, "rate_limited")) {
        pace_refused(device);
        if (!request->in_flight) {
            return; /* the refusal of a repeat: it waits already */
        }
        if (request->call != 0 && request->verb != VERB_SIGNAL &&
            !beckon_due(request->deadline, device->now + SOON_MS)) {
            --request->sent;
            request->refused = true;
            put_off(request, device->now + SOON_MS);
            return;
        }
    }
    told(device, request, reply, &fields);
}

/* ------------------------------------------------------------------------------- the connection */

#if BECKON_PACKET_BYTES > 2048
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

#endif

/** What was in flight waits to be sent again. */
static void lose_connection(Device* device, bool too_large) {
#if BECKON_PACKET_BYTES > 2048
    blame_for_loss(device, too_large);
#else
    (void)too_large; /* every broker takes what is as small */
#endif
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
    device->cursor[0] = 0;
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

/** Behind those characters; nothing: it does not begin with them. */
static const char* behind(const char* text, const char* chars, size_t size) {
    return text != NULL && strncmp(text, chars, size) == 0 ? text + size : NULL;
}

/** Which of the inbox's topics it is: 'e' of events, 'r' of replies, or 0. */
static char inbox_topic(const Device* device, const char* topic) {
    static const char level[] = "/v1/inbox/";
    const char* const root = device->options->root != NULL ? device->options->root : "beckon";
    const beckon_value me = beckon_me(device);
    const char* at = behind(topic, root, strlen(root));
    at = behind(at, level, sizeof level - 1);
    at = behind(at, beckon_chars(me), beckon_size(me));
    if (at == NULL) {
        return 0;
    }
    return strcmp(at, "/event") == 0 ? 'e' : strcmp(at, "/reply") == 0 ? 'r' : 0;
}

void beckon_receive(Device* device, const char* topic, const void* payload, size_t size,
                    uint32_t now) {
    const char which = inbox_topic(device, topic);
    beckon_advance(device, now);
    if (which != 0 && beckon_is_map(payload, size)) {
        if (which == 'e') {
            beckon_inbox_event(device, payload);
        } else {
            receive_reply(device, payload);
        }
    }
}

void beckon_missed(Device* device, const char* topic, uint32_t now) {
    const char which = inbox_topic(device, topic);
    beckon_advance(device, now);
    if (which == 'e') {
        beckon_sync_in(device, 0);
        return;
    }
    for (unsigned i = 0; which == 'r' && i < BECKON_REQUESTS; ++i) {
        /* Only lists are long: which of them it was cannot be told. */
        Request* const one = &device->requests[i];
        if (!one->used || !one->in_flight || one->call != 0) {
            continue;
        }
        if (one->verb == VERB_GET) {
            beckon_tell_left_out(device, beckon_text_of(device, one->about), 1);
            end_request(device, one);
        } else if (one->verb == VERB_SYNC) {
            end_request(device, one);
            device->syncing = 0;
            if (device->sync_limit == 1) {
                beckon_tell_left_out(device, NULL, 0);
                sync_is_over(device);
                return;
            }
            device->sync_limit = device->sync_limit == 0 ? 1 : device->sync_limit / 2;
            beckon_sync_in(device, 0);
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
            device->cursor[0] = 0;
            beckon_sync_in(device, SYNC_AGAIN_MS);
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
                beckon_sync_in(device, 0);
            }
        }
    }
}

static uint32_t until(uint32_t when, uint32_t now) {
    return beckon_due(when, now) ? 0 : when - now;
}

uint32_t beckon_next_deadline(const Device* device, uint32_t now) {
    uint32_t next = beckon_inbox_next(device, now);
    for (unsigned i = 0; i < BECKON_REQUESTS; ++i) {
        const Request* const one = &device->requests[i];
        if (one->used && (one->call != 0 || one->in_flight)) {
            consider(&next, until(one->deadline, now));
        }
        if (one->used && (one->in_flight ? one->has_again : device->link == BECKON_READY)) {
            const uint32_t paced = one->in_flight ? 0 : pace_wait(device, now);
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
            fail(device, one, CLOSED);
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
    int problem = 0;
    memset(device, 0, sizeof *device);
    for (unsigned i = 0; i < BECKON_NAMES; ++i) {
        device->name_at[i] = NOWHERE;
    }
    device->options = options;
    device->me = name_chars(device, options->user, &problem);
    device->sync_limit = options->sync_limit;
    set_pace(device, 50, 200);
    struct beckon_writer out = {device->prefix, device->prefix + sizeof device->prefix - 1, false};
    if (options->req_prefix != NULL) {
        beckon_put_word(&out, options->req_prefix);
    } else {
        put_random(device, &out, 2);
    }
    device->seq = options->random(options->app) >> 1;
    return problem == 0 && !out.full &&
           (options->device == NULL || strlen(options->device) <= BECKON_ID_BYTES) &&
           (options->root == NULL || strlen(options->root) <= BECKON_ID_BYTES);
}

void beckon_set_limits(Device* device, const struct beckon_limits* limits) {
    device->max_payload = limits->max_payload_bytes;
    device->presence_told = limits->presence_told;
    set_pace(device, limits->requests_per_second > 0 ? limits->requests_per_second : 50U,
             limits->requests_burst > 0 ? limits->requests_burst : 200U);
}

enum beckon_link beckon_link_now(const Device* device) { return (enum beckon_link)device->link; }
