# SPDX-License-Identifier: Apache-2.0
"""Which of the system tests only a host that is the broker can keep, and why (contract, section 10): the others run on
both hosts. A key is a module without test_, or one of its classes or tests behind a dot."""

BY_HAND = "publishes by hand, without the sender's level"
OTHERS_NAME = "another's name in the topic never reaches a service"

REASONS = {
    "attacks": "a service cannot see wills, client ids and subscriptions; the other broker's rules are tried by check-acl",
    "bad_input.Sizes.test_50_megabytes": "what is so large is sent once more, from the broker to the service",
    "bad_input.Topics": "what is no request by its levels never reaches a service; tests/service asks the rest",
    "clock_steps": "steps the broker's own clock; a service has the same clocks (tests/host)",
    "example_config": "the plugin's configuration",
    "invitations.Invite.test_a_packet_that_mqtt_sends_again_rings_once_if_it_carries_its_id": BY_HAND,
    "invitations.Invite.test_without_an_id_it_is_another_invitation": BY_HAND,
    "invitations.Order.test_ids_come_before_the_sender": OTHERS_NAME,
    "invitations.Order.test_the_sender_comes_before_the_body": OTHERS_NAME,
    "invitations.Replies.test_a_request_without_a_response_topic_is_answered_at_reply": BY_HAND,
    "invitations.Replies.test_a_topic_alias_works": BY_HAND,
    "limits.Rates.test_requests_of_one_user_whatever_they_are_and_from_whichever_device":
        "counts each request of a user, of which `here` is one",
    "log": "the plugin's lines in the broker's log",
    "mosquitto_clients": "asks without the sender's level; tests/service does it with",
    "operators.Hearing.test_each_refusal_once_a_second_and_how_many_were_left_out":
        "topics without the sender's level, and addresses, which a service does not know",
    "operators.Hearing.test_the_counters_are_retained_and_for_operators_alone":
        "a plain Mosquitto refuses no subscription: it delivers nothing",
    "operators.Hearing.test_what_is_no_request_of_anybody": "what the rules refuse never reaches a service",
    "operators.Hearing.test_who_is_named_no_more_hears_nothing_although_the_session_had_subscribed":
        "the broker's rules say who is an operator, and have to be reloaded",
    "options": "the plugin's options; tests/service has those of the service",
    "other_topics": "what the plugin lets pass",
    "presence": "presence by subscriptions; by `here` it is tested in tests/service",
    "store_disk": "a broker refuses what it cannot store, and says what is due; a service is silent (tests/service)",
    "store_files": "how a broker finds its store",
    "store_hangs": "as store_disk",
    "store_locked": "as store_disk",
    "store_versions": "how a broker takes over a store",
}

# As REASONS, of a service on ejabberd.
ON_EJABBERD = {
    "away.Away.test_whom_a_full_queue_lost_the_events_of_learns_of_all_that_is_pending":
        "a session whose queue is full is ended",
    "client_cuts.Cuts.test_an_invite_that_never_arrived_rings_after_the_reconnect": "counts what Mosquitto logs",
    "invitations.Invite.test_any_valid_id_may_be_invited_whether_anybody_knows_that_user_or_not":
        "names in capitals, where the cluster has them in lower case",
    "invitations.Replies.test_status_tells_versions_epoch_and_limits": "the Content Type of what is retained is lost",
}


def reason(test, on_ejabberd=False):
    """Why this one, as module.Class.test, is not for a service; None: it is."""
    reasons = {**REASONS, **ON_EJABBERD} if on_ejabberd else REASONS
    parts = test.split(".")
    return next((reasons[name] for name in (".".join(parts[:count]) for count in range(1, len(parts) + 1))
                 if name in reasons), None)
