"""A connection in an event loop, which takes its calls on when their sockets, their moments or their turns have come.

Nothing is decided here: `_core` says what a call waits for. All sockets of a connection are behind one descriptor,
which the loop watches from the first call to the last.
"""

from __future__ import annotations

import asyncio
import socket
import time
from typing import TYPE_CHECKING, Any

from pychrony import _core

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike


class Place:
    """The event loop that is running, and the process: where something is opened."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._process = _core.Process()

    def is_of_this_process(self) -> bool:
        """Tell whether this is no child of the process that opened it."""
        return not self._process.is_forked()

    def is_of_running_loop(self) -> bool:
        """Tell whether it may be used where this is called."""
        return self._loop is asyncio.get_running_loop() and self.is_of_this_process()

    def is_over(self) -> bool:
        """Tell whether it can be used nowhere any more in this process."""
        return self._loop.is_closed() or not self.is_of_this_process()

    def hands_over(self, callback: Callable[[], None]) -> bool:
        """Have the loop call this if it runs elsewhere: a coroutine can be collected as garbage in any thread."""
        try:
            is_here = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            is_here = False
        if is_here or self.is_over() or not self._loop.is_running():
            return False
        self._loop.call_soon_threadsafe(callback)
        return True


class Timed:
    """What goes on at a moment at the latest."""

    __slots__ = ("_due", "_loop", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0

    def go_on(self) -> None:
        """Go on as far as possible."""
        raise NotImplementedError

    def _arm(self, seconds: float) -> None:
        due = time.monotonic() + seconds
        if self._timer is not None:
            if self._due <= due:
                return
            self._timer.cancel()
        self._timer, self._due = self._loop.call_later(max(seconds, 0.0), self._ring), due

    def _ring(self) -> None:
        try:
            self._timer = None
            self.go_on()
        except BaseException:
            # A signal's handler has raised; the loop may go on.
            self._loop.call_soon(self.go_on)
            raise


class Link(Place):
    """A connection in the event loop that is running."""

    def __init__(self, reader: _core.AsyncReader) -> None:
        super().__init__()
        self.reader = reader
        self._is_watched = False
        #: How many calls are under way, and an open connection more.
        self._users = 1
        #: The call whose turn it is.
        self._call: Call | None = None
        #: All calls under way, by number.
        self._calls: dict[int, Call] = {}

    async def read(self, reading: _core.AsyncReading) -> Any:
        """Take a call on until it is over."""
        call = Call(self, self._loop, reading)
        self._users += 1
        self._calls[reading.number] = call
        try:
            call.go_on()
            if call.future is not None:
                await call.future
            if call.error is not None:
                raise call.error
            return reading.result()
        finally:
            call.end()
            # An exception that its own traceback leads to would be kept until the garbage collector comes.
            call.error = None

    def watch(self, call: Call) -> None:
        """Have a call go on when its sockets are ready, or when its turn has come."""
        if not call.reading.waits_for_turn():
            self._call = call
        if not self._is_watched:
            self._loop.add_reader(self.reader.fileno(), self._ready)
            self._is_watched = True

    def _ready(self) -> None:
        if self._call is None:
            self.reader.forget_ready()
        else:
            self._call.go_on()

    def release(self, call: Call) -> None:
        """Forget a call that is over, and have the next one go on."""
        if self._call is call:
            self._call = None
        self._calls.pop(call.reading.number, None)
        self._leave()

    def close(self) -> None:
        """Close what is kept for the next call. A call that is under way ends first."""
        self.reader.close()
        self._leave()

    def _leave(self) -> None:
        self._users -= 1
        if self._calls or not self._users:
            self._settle()

    def _settle(self) -> None:
        if self.hands_over(self._settle):
            return
        if self.is_over():
            # What the loop of a forked child watches is its parent's, too.
            self._is_watched = False
            self._calls.clear()
        for number in self.reader.woken():
            call = self._calls.get(number)
            if call is not None:
                self._loop.call_soon(call.go_on)
        if not self._users:
            if self._is_watched:
                self._loop.remove_reader(self.reader.fileno())
                self._is_watched = False
            self.reader.end()


class Call(Timed):
    """A call under way."""

    __slots__ = ("_is_over", "_link", "_look_up", "error", "future", "reading")

    def __init__(self, link: Link, loop: asyncio.AbstractEventLoop, reading: _core.AsyncReading) -> None:
        super().__init__(loop)
        self.reading = reading
        #: What its task waits for.
        self.future: asyncio.Future[None] | None = None
        #: What went wrong in the loop.
        self.error: Exception | None = None
        self._link = link
        self._look_up: asyncio.Task[None] | None = None
        self._is_over = False

    def go_on(self) -> None:
        """Go on as far as possible, and have the loop go on from there."""
        if self._is_over:
            return
        try:
            step = self.reading.advance()
            while isinstance(step, tuple):
                self._look_up = self._loop.create_task(self._resolve(*step))
                step = self.reading.advance()
            if step is not None:
                self._link.watch(self)
                self._arm(step)
                if self.future is None:
                    self.future = self._loop.create_future()
                return
        except Exception as error:  # noqa: BLE001
            # The task is to have the exception, whichever code called here.
            self.error = error
        # The task ends the call. A signal's handler that raised in the middle of that here would leave it waiting.
        if self.future is not None and not self.future.done():
            self.future.set_result(None)

    async def _resolve(self, name: bytes, port: int) -> None:
        try:
            # One kind of socket, so that each address comes once.
            found = await self._loop.getaddrinfo(name, port, type=socket.SOCK_STREAM)
            self.reading.resolved([_address(*address) for *_, address in found])
        except socket.gaierror as error:
            self.reading.unresolved(None, error.strerror or str(error))
        except OSError as error:
            self.reading.unresolved(error.errno, str(error))
        except Exception as error:  # noqa: BLE001
            # A loop may be of any kind, or have no threads left for it.
            self.reading.unresolved(None, str(error))
        self._look_up = None
        self.go_on()

    def end(self) -> None:
        """End it: it is over, or its task was cancelled."""
        if self._is_over:
            return
        self._is_over = True
        self.reading.close()
        if self._timer is not None:
            self._timer.cancel()
        if self._look_up is not None:
            self._look_up.cancel()
            # The two would hold each other.
            self._look_up = None
        self._link.release(self)


def _address(host: str, port: int, _flow: int = 0, scope: int = 0) -> tuple[str, int, int]:
    """What `_core` takes of an address as Python has it."""
    return host.partition("%")[0], port, scope


async def once(
    record: type[object] | tuple[str, type[object]], socket_path: str | PathLike[str] | None, timeout: float
) -> Any:
    """Open, read, close."""
    link = Link(_core.AsyncReader.once(socket_path, timeout))
    try:
        return await link.read(link.reader.read(record))
    finally:
        link.close()
