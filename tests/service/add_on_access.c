/* SPDX-License-Identifier: Apache-2.0 */
/* Stands in for the access plugin of Home Assistant's Mosquitto add-on: of the same, old kind. Whoever
 * says a password may log in, and may do whatever is left to it to decide. */
#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>
#include <stddef.h>

#define SHOWN __attribute__((visibility("default")))

SHOWN int mosquitto_auth_plugin_version(void) { return 4; }

SHOWN int mosquitto_auth_plugin_init(void** user_data, struct mosquitto_opt* options, int count) {
    (void)user_data;
    (void)options;
    (void)count;
    return MOSQ_ERR_SUCCESS;
}

SHOWN int mosquitto_auth_plugin_cleanup(void* user_data, struct mosquitto_opt* options, int count) {
    (void)user_data;
    (void)options;
    (void)count;
    return MOSQ_ERR_SUCCESS;
}

SHOWN int mosquitto_auth_security_init(void* user_data, struct mosquitto_opt* options, int count,
                                       bool reload) {
    (void)user_data;
    (void)options;
    (void)count;
    (void)reload;
    return MOSQ_ERR_SUCCESS;
}

SHOWN int mosquitto_auth_security_cleanup(void* user_data, struct mosquitto_opt* options, int count,
                                          bool reload) {
    (void)user_data;
    (void)options;
    (void)count;
    (void)reload;
    return MOSQ_ERR_SUCCESS;
}

SHOWN int mosquitto_auth_acl_check(void* user_data, int access, struct mosquitto* client,
                                   const struct mosquitto_acl_msg* message) {
    (void)user_data;
    (void)access;
    (void)client;
    (void)message;
    return MOSQ_ERR_SUCCESS;
}

SHOWN int mosquitto_auth_unpwd_check(void* user_data, struct mosquitto* client, const char* name,
                                     const char* password) {
    (void)user_data;
    (void)client;
    return name != NULL && password != NULL && *password != '\0' ? MOSQ_ERR_SUCCESS : MOSQ_ERR_AUTH;
}
