# SPDX-License-Identifier: Apache-2.0
"""Clients of the C++ library that reconnect a thousand times do not grow, and work as on the first day."""

import re
import time
import unittest

from harness import SystemTest
from proxy import Proxy

# Side by side, because one reconnect takes Paho a second or two, however near the broker.
CLIENTS = 40
ROUNDS = 25
WARM = 5  # rounds
GROWTH = 1.05  # of the memory, from WARM to the end


class Endurance(SystemTest):
    def resident(self, driver):
        """In KiB."""
        with open(f"/proc/{driver.process.pid}/status", encoding="ascii") as file:
            return int(re.search(r"VmRSS:\s+(\d+) kB", file.read())[1])

    def test_a_thousand_reconnects_leave_nothing_behind(self):
        broker = self.start_broker()
        proxy = Proxy(broker.port)
        self.addCleanup(proxy.close)
        driver = self.start_driver()
        clients = [driver.client(f"user-{number}", proxy.port, connect=False,
                                 options={"reconnectMin": 1, "reconnectMax": 10}) for number in range(CLIENTS)]
        for client in clients:
            client.connect()
        for client in clients:
            client.wait_state("connected")
        alice = self.connect(broker, "alice")
        sizes = []
        started = time.monotonic()
        for number in range(1, ROUNDS + 1):
            self.assertEqual(proxy.cut(), CLIENTS)
            for client in clients:
                client.wait_state("connected")
            if number % WARM == 0:
                for client in clients:
                    invitation = self.invite(alice, client.user)
                    client.wait_event("onReceiveNewInvitation", inviteID=invitation)
                    self.assertTrue(client.call("accept", id=invitation).result()["ok"])
                    client.wait_event("onInvitationEnded", inviteID=invitation)
            if number in (WARM, ROUNDS):
                sizes.append(self.resident(driver))
        print(f"{CLIENTS * ROUNDS} reconnects in {time.monotonic() - started:.1f} s; {sizes[0]} KiB after "
              f"{CLIENTS * WARM}, {sizes[1]} KiB after the last")
        self.assertLess(sizes[1], GROWTH * sizes[0])
        for client in clients:
            client.no_more_events()
            self.assertEqual(client.pending(), {})


if __name__ == "__main__":
    unittest.main()
