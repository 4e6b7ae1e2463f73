# SPDX-License-Identifier: Apache-2.0
"""Which of the system tests only a host that is the broker can keep, and why (contract, section 10): the others run on
both hosts. A key is a module without test_, or one of its classes or tests behind a dot."""

REASONS = {
    "attacks": "a service cannot see wills, client ids and subscriptions; the other broker's rules are tried by check-acl",
    "clock_steps": "steps the broker's own clock; a service has the same clocks (tests/host)",
    "example_config": "the plugin's configuration",
    "log": "the plugin's lines in the broker's log",
    "mosquitto_clients": "asks without the sender's level; tests/service does it with",
    "options": "the plugin's options; tests/service has those of the service",
    "other_topics": "what the plugin lets pass",
    "presence": "presence by subscriptions; by `here` it is tested in tests/service",
    "store_disk": "a broker refuses what it cannot store, and says what is due; a service is silent (tests/service)",
    "store_files": "how a broker finds its store",
    "store_hangs": "as store_disk",
    "store_locked": "as store_disk",
    "store_versions": "how a broker takes over a store",
}


def reason(test):
    """Why this one, as module.Class.test, is not for a service; None: it is."""
    parts = test.split(".")
    return next((REASONS[name] for name in (".".join(parts[:count]) for count in range(1, len(parts) + 1))
                 if name in REASONS), None)
