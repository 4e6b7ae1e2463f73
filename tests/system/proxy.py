# SPDX-License-Identifier: Apache-2.0
"""A bad network: a TCP proxy on 127.0.0.1 that cuts, goes silent, delays, and refuses, as it is told."""

import asyncio
import contextlib
import random
import socket
import threading
import time

PATIENCE = 10.0
BOTH = ("to_broker", "to_client")


class Proxy:
    """Forwards each connection to `target`, a port of 127.0.0.1 that may be changed at any time.

    All methods may be called from any thread, and have taken effect when they return."""

    def __init__(self, target):
        self.target = target
        self.port = None
        self.accepted = 0  # connections so far
        self._changed = threading.Condition()
        self._connections = set()
        self._held = set()
        self._delays = {direction: 0.0 for direction in BOTH}
        self._mode = "forward"
        self._loop = asyncio.new_event_loop()
        self._server = None
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        if not started.wait(PATIENCE):
            raise AssertionError("the proxy did not start")

    # What it is told

    def cut(self):
        """Breaks all connections now; what was on the way is lost. Returns how many there were."""
        return self._do(self._cut)

    def hold(self, *directions):
        """Forwards nothing any more in these directions ("to_broker", "to_client"; none: both), while the connections
        stay. What comes meanwhile goes out at release(), or is lost with a cut()."""
        self._do(lambda: self._held.update(directions or BOTH))

    def release(self):
        def release():
            self._held.clear()
            for connection in self._connections:
                connection.thawed.set()
        self._do(release)

    def delay(self, to_broker=0.0, to_client=0.0):
        """What comes from now on takes these seconds longer, in order."""
        self._do(lambda: self._delays.update(to_broker=to_broker, to_client=to_client))

    def say(self, data):
        """Says that to all clients, in the broker's place."""
        self._do(lambda: [connection.say(data) for connection in self._connections])

    def refuse(self):
        """New connections are ended at once."""
        self._do(lambda: setattr(self, "_mode", "refuse"))

    def ignore(self):
        """New connections are accepted, and nobody ever answers there."""
        self._do(lambda: setattr(self, "_mode", "ignore"))

    def forward(self):
        """New connections reach the target again."""
        self._do(lambda: setattr(self, "_mode", "forward"))

    def wait_accepted(self, count):
        """Returns when there have been that many connections."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.accepted >= count, PATIENCE), \
                f"{self.accepted} connections instead of {count}"

    def close(self):
        def end():
            self._server.close()
            self._cut()
            self._loop.call_later(0.02, self._loop.stop)
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(end)
            self._thread.join(PATIENCE)

    # The thread of the loop

    def _do(self, action):
        async def act():
            return action()
        return asyncio.run_coroutine_threadsafe(act(), self._loop).result(PATIENCE)

    def _run(self, started):
        asyncio.set_event_loop(self._loop)
        self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        started.set()
        self._loop.run_forever()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    def _cut(self):
        count = len(self._connections)
        for connection in self._connections:
            connection.abort()
        self._connections.clear()
        return count

    async def _serve(self, reader, writer):
        with self._changed:
            self.accepted += 1
            self._changed.notify_all()
        if self._mode == "refuse":
            writer.transport.abort()
            return
        connection = _Connection(self, reader, writer)
        self._connections.add(connection)
        try:
            if self._mode == "ignore":
                await connection.swallow()
            else:
                await connection.carry()
        finally:
            connection.abort()
            self._connections.discard(connection)

    def delay_of(self, direction):
        return self._delays[direction]

    def holds(self, direction):
        return direction in self._held


class _Connection:
    """One connection, in the loop's thread."""

    def __init__(self, proxy, reader, writer):
        self._proxy = proxy
        self._client = (reader, writer)
        self._writers = [writer]
        self.thawed = asyncio.Event()

    async def swallow(self):
        while await self._client[0].read(65536):
            pass

    async def carry(self):
        with contextlib.suppress(OSError):
            broker = await asyncio.open_connection("127.0.0.1", self._proxy.target)
            self._writers.append(broker[1])
            for writer in self._writers:
                writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            pumps = [asyncio.ensure_future(pump) for pump in (
                self._pump("to_broker", self._client[0], broker[1]),
                self._pump("to_client", broker[0], self._client[1]))]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()

    async def _pump(self, direction, reader, writer):
        """Ends when either side does; then what is still delayed is lost as well."""
        queue = asyncio.Queue()

        async def deliver():
            while True:
                due, chunk = await queue.get()
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                while self._proxy.holds(direction):
                    self.thawed.clear()
                    await self.thawed.wait()
                writer.write(chunk)
                await writer.drain()
                queue.task_done()

        delivery = asyncio.ensure_future(deliver())
        try:
            while chunk := await reader.read(65536):
                queue.put_nowait((time.monotonic() + self._proxy.delay_of(direction), chunk))
            joined = asyncio.ensure_future(queue.join())
            await asyncio.wait([joined, delivery], return_when=asyncio.FIRST_COMPLETED)
            joined.cancel()
        except OSError:
            pass
        finally:
            delivery.cancel()

    def say(self, data):
        self._writers[0].write(data)

    def abort(self):
        for writer in self._writers:
            writer.transport.abort()


def cut_at_random(proxy, done, *, seed, least=0.02, most=0.25, times=50):
    """Cuts `times` times, or until `done` is set, in a thread of its own, which is returned."""
    def cut():
        dice = random.Random(seed)
        for _ in range(times):
            if done.wait(dice.uniform(least, most)):
                return
            proxy.cut()
    thread = threading.Thread(target=cut, daemon=True)
    thread.start()
    return thread
