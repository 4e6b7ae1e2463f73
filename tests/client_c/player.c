/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One device of libbeckon-c, played by lines: what happens to it comes in, what it sends and tells
 * goes out, and a line with a dot ends each step. Runs here, and on an emulated Cortex-M
 * (cortex_m.c has what a machine without a system needs); play.py speaks with it.
 */
#include "player.h"

#include <beckon/beckon.h>
#include <string.h>

#define MOST_LINE (4 * BECKON_PACKET_BYTES + 20000)
#define MOST_WORDS 40

static struct beckon_device device;
static char line[MOST_LINE];
static uint8_t bytes[MOST_LINE / 2];
static char packet_buffer[BECKON_PACKET_BYTES];
static size_t packet_size = sizeof packet_buffer;
static uint32_t now;
static uint32_t chance = 1;

/* ------------------------------------------------------------------------------------ output */

static void say(const char* text) { player_write(text, strlen(text)); }

static void say_number(uint64_t number) {
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    player_write(digits + at, sizeof digits - at);
}

static void say_hex(const void* from, size_t size) {
    const uint8_t* const at = from;
    for (size_t i = 0; i < size; ++i) {
        player_write(&"0123456789abcdef"[at[i] >> 4], 1);
        player_write(&"0123456789abcdef"[at[i] & 15], 1);
    }
}

/** `'t6869'`, or `'b6869'` of binary. */
static void say_text(beckon_value value) {
    say(beckon_is_binary(value) ? "'b" : "'t");
    say_hex(beckon_chars(value), beckon_size(value));
    say("'");
}

/** Ends what was begun and has no more entries; then the next entry, if there is one. */
static beckon_value next_entry(struct beckon_list* stack, const bool* is_map, unsigned* depth) {
    while (*depth > 0) {
        struct beckon_list* const list = &stack[*depth - 1];
        const bool is_behind_key = is_map[*depth - 1] && list->left % 2 == 1;
        const beckon_value value = beckon_take(list);
        say(is_behind_key ? ":" : ",");
        if (value != NULL) {
            return value;
        }
        --*depth;
        say(is_map[*depth] ? "}" : "]");
    }
    return NULL;
}

static void say_value(beckon_value value) {
    struct beckon_list stack[10];
    bool is_map[10];
    unsigned depth = 0;
    uint64_t number;
    while (value != NULL) {
        const enum beckon_kind kind = beckon_kind_of(value);
        if (kind == BECKON_ARRAY || kind == BECKON_MAP) {
            say(kind == BECKON_MAP ? "{" : "[");
            is_map[depth] = kind == BECKON_MAP;
            stack[depth++] = beckon_entries(value);
            value = beckon_take(&stack[depth - 1]);
            if (value != NULL) {
                continue;
            }
            --depth;
            say(kind == BECKON_MAP ? "}" : "]");
        } else if (kind == BECKON_TEXT) {
            say_text(value);
        } else if (beckon_number(value, &number)) {
            say_number(number);
        } else {
            say(kind != BECKON_BOOL ? "None" : beckon_is_true(value) ? "True" : "False");
        }
        value = next_entry(stack, is_map, &depth);
    }
}

static void say_field(const char* name, beckon_value value) {
    if (value != NULL) {
        say("'");
        say(name);
        say("':");
        say_text(value);
        say(",");
    }
}

static void say_number_field(const char* name, uint64_t number) {
    say("'");
    say(name);
    say("':");
    say_number(number);
    say(",");
}

/* -------------------------------------------------------------------------------- the listener */

static const char* const events[] = {"new_invitation",
                                     "invitee_accepted",
                                     "invitee_rejected",
                                     "invitation_cancelled",
                                     "invitation_timeout",
                                     "invitation_modified",
                                     "invitation_revoked",
                                     "invitee_ringing",
                                     "signal",
                                     "participant_joined",
                                     "participant_left",
                                     "participant_moved",
                                     "call_ended",
                                     "message",
                                     "new_invitation",
                                     "ended",
                                     "busy",
                                     "left_out"};
static const char* const states[] = {"pending",   "accepted", "rejected", "cancelled",
                                     "timed_out", "revoked",  NULL};

static void say_invitees(const struct beckon_news* news) {
    struct beckon_invitee one;
    say("'invitees':[");
    for (unsigned at = 0; beckon_next_invitee(news, &at, &one);) {
        say_text(one.user);
        say(",");
    }
    say("],");
}

static void hear(void* app, const struct beckon_news* news) {
    (void)app;
    const enum beckon_what what = news->what;
    say("told {'told':'");
    say(events[what]);
    say("','role':'");
    say(news->role == BECKON_INVITER ? "inviter" : "invitee");
    say("',");
    say_field("id", news->id);
    say_field("inviter", news->inviter);
    say_field("group", news->group);
    say_field(what == BECKON_SIGNAL || what == BECKON_MESSAGE ? "from"
              : what >= BECKON_PARTICIPANT_JOINED             ? "user"
                                                              : "invitee",
              news->user);
    say_field("data", news->data);
    say_field("reason", news->reason);
    say_field("by", news->by);
    say_field("by_device", news->by_device);
    if (what == BECKON_INVITATION_ENDED && states[news->state] != NULL) {
        say("'state':'");
        say(states[news->state]);
        say("',");
    }
    if (news->whole || (what >= BECKON_INVITATION_CANCELLED && what <= BECKON_INVITATION_REVOKED &&
                        what != BECKON_INVITATION_MODIFIED)) {
        say_invitees(news);
    }
    say_number_field("left_out", news->left_out);
    say_number_field("duration_ms", news->duration_ms);
    if (news->remaining_ms != BECKON_NO_TIME) {
        say_number_field("remaining_ms", news->remaining_ms);
    }
    say(news->here ? "'here':True," : "'here':False,");
    say(news->assumed ? "'assumed':True}" : "'assumed':False}");
    if (news->body != NULL) {
        say(" ");
        say_value(news->body);
    }
    say("\n");
}

static void result(void* app, const struct beckon_result* result) {
    (void)app;
    say("result ");
    say_number((uint64_t)result->call);
    say(result->ok ? " {'ok':True," : " {'ok':False,");
    say_field("error", result->error);
    say_field("id", result->id);
    if (result->limit != 0) {
        say_number_field("limit", result->limit);
        say("'field':'t7061796c6f6164',");
    }
    say_number_field("code", (uint64_t)result->code);
    say(result->ok && result->reply == NULL ? "'dup':True," : "");
    say("}");
    if (result->reply != NULL) {
        say(" ");
        say_value(result->reply);
    }
    say("\n");
}

static void link(void* app, enum beckon_link to) {
    static const char* const links[] = {"offline", "syncing", "ready", "no_beckon"};
    (void)app;
    say("link ");
    say(links[to]);
    say("\n");
}

static uint32_t random_bits(void* app) {
    (void)app;
    chance = chance * 1664525U + 1013904223U;
    return chance;
}

static const struct beckon_listener listener = {hear, hear, hear, hear, hear,   hear, hear,
                                                hear, hear, hear, hear, hear,   hear, hear,
                                                hear, hear, hear, hear, result, link};

/* -------------------------------------------------------------------------------------- input */

static unsigned split(char* words[MOST_WORDS]) {
    unsigned count = 0;
    char* at = line;
    while (*at != '\0' && count < MOST_WORDS) {
        words[count++] = at;
        at += strcspn(at, " ");
        if (*at == ' ') {
            *at++ = '\0';
        }
    }
    return count;
}

static uint32_t number_of(const char* text) {
    uint32_t number = 0;
    for (; *text >= '0' && *text <= '9'; ++text) {
        number = number * 10 + (uint32_t)(*text - '0');
    }
    return number;
}

static unsigned digit(char c) { return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10); }

static size_t bytes_of(const char* hex) {
    size_t size = 0;
    for (; hex[0] != '\0' && hex[1] != '\0'; hex += 2) {
        bytes[size++] = (uint8_t)(digit(hex[0]) << 4 | digit(hex[1]));
    }
    return size;
}

/** `-`: none; `t6869` text, `b6869` binary. */
static struct beckon_data data_of(const char* word) {
    struct beckon_data data = {NULL, 0, false};
    if (word[0] != '-') {
        data.size = bytes_of(word + 1);
        data.at = bytes;
        data.binary = word[0] == 'b';
    }
    return data;
}

/** Likewise, for a function that wants it ended by zero. */
static const char* text_of(const char* word) {
    static char text[2048];
    if (word[0] == '-') {
        return NULL;
    }
    const size_t size = bytes_of(word + 1);
    memcpy(text, bytes, size);
    text[size] = '\0';
    return text;
}

static const char* or_null(const char* word) { return strcmp(word, "-") == 0 ? NULL : word; }

static bool has(const char* words, char what) { return strchr(words, what) != NULL; }

/** `VERB ID USER GROUP DATA TIMEOUT TRAITS VISIBILITY REASON OTHER...`; `-`: nothing. */
static int call(char* const* words, unsigned count) {
    static const char* const verbs[] = {"invite", "accept", "reject", "cancel", "ringing",
                                        "signal", "join",   "hangup", "resume", "message"};
    const char* others[MOST_WORDS];
    struct beckon_call call = beckon_call_to(BECKON_INVITE, words[1], NULL);
    for (unsigned i = 0; i < sizeof verbs / sizeof *verbs; ++i) {
        if (strcmp(words[0], verbs[i]) == 0) {
            call.verb = (enum beckon_verb)i;
        }
    }
    call.user = or_null(words[2]);
    call.group = or_null(words[3]);
    call.timeout_ms = strcmp(words[5], "0") == 0 ? BECKON_NO_TIME : number_of(words[5]);
    call.traits = (uint8_t)number_of(words[6]);
    call.visibility = (enum beckon_visibility)number_of(words[7]);
    call.reason = text_of(words[8]);
    const struct beckon_data data = data_of(words[4]);
    call.data = &data;
    for (unsigned i = 9; i < count; ++i) {
        others[call.count++] = words[i];
    }
    call.others = others;
    return beckon_ask(&device, &call, now);
}

static void drain(void) {
    struct beckon_packet packet;
    while (beckon_next_packet(&device, packet_buffer, packet_size, now, &packet)) {
        say(packet.subscribe ? "subscribe " : "sent ");
        say(packet.topic);
        say(" ");
        say_hex(packet.payload, packet.size);
        say("\n");
    }
}

static void init(char* const* words, unsigned count) {
    static char kept[4][80];
    static struct beckon_options options;
    for (unsigned i = 0; i < 4 && i + 1 < count; ++i) {
        strncpy(kept[i], words[i + 1], sizeof kept[i] - 1);
    }
    memset(&options, 0, sizeof options);
    options.user = kept[0];
    options.req_prefix = or_null(kept[1]);
    options.device = or_null(kept[2]);
    options.listener = &listener;
    options.random = random_bits;
    options.sync_limit = (uint16_t)number_of(kept[3]);
    say(beckon_init(&device, &options) ? "" : "refused\n");
}

static void tell_open(void) {
    struct beckon_news news;
    for (unsigned at = 0; beckon_next_open(&device, now, &at, &news);) {
        hear(NULL, &news);
    }
}

static bool step(char* const* words, unsigned count) {
    static const char event[] = "beckon/v1/inbox/bob/event";
    static const char reply[] = "beckon/v1/inbox/bob/reply";
    const char* const what = words[0];
    struct beckon_packet packet;
    if (strcmp(what, "end") == 0) {
        return false;
    }
    if (strcmp(what, "init") == 0) {
        init(words, count);
        return true;
    }
    if (strcmp(what, "value") == 0) { /* the reader alone */
        bytes_of(words[1]);
        say_value(bytes);
        say("\n");
        return true;
    }
    now = number_of(words[1]);
    if (strcmp(what, "connected") == 0) {
        beckon_will(&device, packet_buffer, sizeof packet_buffer, &packet);
        say("will ");
        say_hex(packet.payload, packet.size);
        say("\n");
        beckon_connected(&device, number_of(words[2]), now);
    } else if (strcmp(what, "disconnected") == 0) {
        beckon_disconnected(&device, has(words[2], '1'), now);
    } else if (strcmp(what, "event") == 0 || strcmp(what, "reply") == 0) {
        const size_t size = bytes_of(words[2]);
        beckon_receive(&device, what[0] == 'e' ? event : reply, bytes, size, now);
    } else if (strcmp(what, "missed") == 0) {
        beckon_missed(&device, words[2][0] == 'e' ? event : reply, now);
    } else if (strcmp(what, "limits") == 0) {
        const struct beckon_limits limits = {number_of(words[2]), (uint16_t)number_of(words[3]),
                                             (uint16_t)number_of(words[4]), has(words[5], '1')};
        beckon_set_limits(&device, &limits);
    } else if (strcmp(what, "busy") == 0) {
        static uint8_t kept[512];
        struct beckon_data data = data_of(words[3]);
        if (data.at != NULL) {
            memcpy(kept, data.at, data.size);
            data.at = kept;
        }
        beckon_set_busy(&device, has(words[2], '1'), &data);
    } else if (strcmp(what, "buffer") == 0) {
        packet_size = number_of(words[2]);
    } else if (strcmp(what, "call") == 0) {
        const int number = call(words + 2, count - 2);
        say("called ");
        say(number < 0 ? "-" : "");
        say_number((uint64_t)(number < 0 ? -number : number));
        say("\n");
    } else if (strcmp(what, "open") == 0) {
        tell_open();
    } else if (strcmp(what, "close") == 0) {
        beckon_close(&device, now);
    }
    drain();
    say("next ");
    say_number(beckon_next_deadline(&device, now));
    say("\n");
    return true;
}

int main(void) {
    char* words[MOST_WORDS];
    while (player_read_line(line, sizeof line)) {
        const unsigned count = split(words);
        if (count > 0 && !step(words, count)) {
            break;
        }
        say(".\n");
        player_flush();
    }
    player_flush();
    return 0;
}
