/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A button that rings one user, as a microcontroller does it: libbeckon-c, and MQTT 3.1.1 with QoS
 * 0 by libmosquitto. Its MQTT client, its clock and its chance are all that another machine has
 * instead.
 */
#include <beckon/beckon.h>
#include <mosquitto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

static struct beckon_device device;
static char buffer[BECKON_PACKET_BYTES];
static char ring[BECKON_NEW_ID_BYTES];
static const char* whom;
static int outcome = -1;
static volatile sig_atomic_t interrupted;

static uint32_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_BOOTTIME, &time);
    return (uint32_t)(time.tv_sec * 1000 + time.tv_nsec / 1000000);
}

static uint32_t chance(void* app) {
    uint32_t bits = 0;
    (void)app;
    return getrandom(&bits, sizeof bits, 0) == (ssize_t)sizeof bits ? bits : 0;
}

/* What others wrote must not reach the terminal as is. */
static void say(const char* what, beckon_value text) {
    printf("%s", what);
    for (size_t i = 0; i < beckon_size(text); ++i) {
        const char c = beckon_chars(text)[i];
        putchar(c >= ' ' && c <= '~' ? c : '?');
    }
    printf("\n");
    fflush(stdout);
}

static void on_invitee_ringing(void* app, const struct beckon_news* news) {
    (void)app;
    say("it rings at ", news->user);
}

static void on_invitation_ended(void* app, const struct beckon_news* news) {
    static const char* const ends[] = {
        "",        "accepted by ", "rejected by ", "cancelled by ", "nobody answered",
        "revoked", "forgotten"};
    (void)app;
    say(ends[news->state], news->by);
    outcome = news->state == BECKON_ACCEPTED    ? 0
              : news->state == BECKON_REJECTED  ? 1
              : news->state == BECKON_TIMED_OUT ? 2
                                                : 3;
}

static void on_result(void* app, const struct beckon_result* result) {
    (void)app;
    if (!result->ok && beckon_is(result->id, ring)) {
        say("could not: ", result->error);
        outcome = 4;
    }
}

static void on_link_changed(void* app, enum beckon_link link) {
    static const char* const links[] = {"offline", "connected", "ready", "no Beckon there"};
    (void)app;
    printf("%s\n", links[link]);
    fflush(stdout);
}

static void received(struct mosquitto* mqtt, void* app, const struct mosquitto_message* message) {
    (void)mqtt;
    (void)app;
    beckon_receive(&device, message->topic, message->payload, (size_t)message->payloadlen, now());
}

static void connected(struct mosquitto* mqtt, void* app, int refused) {
    (void)mqtt;
    (void)app;
    if (refused == 0) {
        beckon_connected(&device, 0, now());
    }
}

static void disconnected(struct mosquitto* mqtt, void* app, int why) {
    (void)mqtt;
    (void)app;
    (void)why;
    beckon_disconnected(&device, false, now());
}

/* After whatever happened. */
static void send_what_there_is(struct mosquitto* mqtt) {
    struct beckon_packet packet;
    while (beckon_next_packet(&device, buffer, sizeof buffer, now(), &packet)) {
        if (packet.subscribe) {
            mosquitto_subscribe(mqtt, NULL, packet.topic, 0);
        } else {
            mosquitto_publish(mqtt, NULL, packet.topic, (int)packet.size, packet.payload, 0, false);
        }
    }
}

static void interrupt(int signal) {
    (void)signal;
    interrupted = 1;
}

static void loop(struct mosquitto* mqtt) {
    bool cancels = false;
    while (outcome < 0) {
        const uint32_t in = beckon_next_deadline(&device, now());
        if (mosquitto_loop(mqtt, in < 100 ? (int)in : 100, 1) != MOSQ_ERR_SUCCESS) {
            const struct timespec second = {1, 0};
            nanosleep(&second, NULL);
            mosquitto_reconnect(mqtt);
        }
        if (interrupted != 0 && !cancels) {
            cancels = beckon_do(&device, BECKON_CANCEL, ring, NULL, now()) > 0;
        }
        send_what_there_is(mqtt);
    }
    beckon_close(&device, now());
    send_what_there_is(mqtt);
}

int main(int count, char** words) {
    static const struct beckon_listener listener = {.on_invitee_ringing = on_invitee_ringing,
                                                    .on_invitation_ended = on_invitation_ended,
                                                    .on_result = on_result,
                                                    .on_link_changed = on_link_changed};
    struct beckon_options options = {.listener = &listener, .random = chance};
    struct beckon_packet will;
    if (count < 3) {
        fprintf(stderr,
                "small_ring ME USER [PORT]\nRings USER for 30 s; Ctrl-C cancels. Exits with\n"
                "0 accepted, 1 rejected, 2 nobody answered, 3 cancelled, 4 could not ring\n");
        return 64;
    }
    options.user = words[1];
    whom = words[2];
    mosquitto_lib_init();
    struct mosquitto* const mqtt = mosquitto_new(NULL, true, NULL);
    if (!beckon_init(&device, &options) || mqtt == NULL) {
        fprintf(stderr, "small_ring: %s is no id\n", words[1]);
        return 64;
    }
    mosquitto_username_pw_set(mqtt, words[1], NULL);
    mosquitto_connect_callback_set(mqtt, connected);
    mosquitto_disconnect_callback_set(mqtt, disconnected);
    mosquitto_message_callback_set(mqtt, received);
    if (beckon_will(&device, buffer, sizeof buffer, &will)) {
        mosquitto_will_set(mqtt, will.topic, (int)will.size, will.payload, 0, false);
    }
    signal(SIGINT, interrupt);
    beckon_new_id(&device, ring);
    beckon_invite(&device, ring, whom, NULL, now());
    mosquitto_connect(mqtt, "127.0.0.1", count > 3 ? (int)strtol(words[3], NULL, 10) : 1883, 15);
    loop(mqtt);
    mosquitto_disconnect(mqtt);
    mosquitto_destroy(mqtt);
    mosquitto_lib_cleanup();
    return outcome;
}
