"""A connection in an event loop: it advances its calls when a socket is ready, a timer is due, or a turn has come.

Nothing is decided here: `_core` says what a call waits for. All sockets of a connection are behind one descriptor,
which the loop watches from the first call to the last.
"""

from __future__ import annotations

import asyncio
import socket
import time
import warnings
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from pychrony import _core

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike
    from types import TracebackType

    from pychrony.functions import Seconds


class LoopBound:
    """An object that is bound to the event loop that is running, and to the process."""

    def __init__(self, is_forked: Callable[[], bool]) -> None:
        self._loop = asyncio.get_running_loop()
        self._is_forked = is_forked

    def is_of_this_process(self) -> bool:
        """Return false in a child of the process that opened it."""
        return not self._is_forked()

    def is_of_running_loop(self) -> bool:
        """Return true if it may be used where this is called."""
        return self._loop is asyncio.get_running_loop() and self.is_of_this_process()

    def is_over(self) -> bool:
        """Return true if nothing in this process can use it any more."""
        return self._loop.is_closed() or not self.is_of_this_process()

    def hands_over(self, callback: Callable[[], None]) -> bool:
        """Have the loop call this, if this is another thread. A coroutine may be garbage-collected in any thread.

        Returns true if the loop will call it.
        """
        try:
            is_here = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            is_here = False
        if is_here or self.is_over() or not self._loop.is_running():
            return False
        self._loop.call_soon_threadsafe(callback)
        return True

    def close(self) -> None:
        """Close the sockets that no call uses."""
        raise NotImplementedError


B = TypeVar("B", bound=LoopBound)


class Block(Generic[B]):
    """An object that opens when it is used, in one event loop at a time, with ``async with`` blocks that close it."""

    #: The name and the use that errors show.
    _name: str
    _use: str
    _opened: B | None = None
    _is_closed = False
    #: The number of blocks that it is in.
    _entered = 0
    #: The number of blocks of a closed event loop, or of another process, that may still end.
    _abandoned = 0

    def __del__(self, warn: Callable[..., None] = warnings.warn) -> None:
        """Close it, if it was not closed."""
        if self._opened is not None:
            self._opened.close()
            if self._opened.is_of_this_process():
                warn(f"unclosed {self!r}", ResourceWarning, source=self)

    def __reduce__(self) -> NoReturn:
        """Refuse copies, which would close each other's sockets."""
        raise TypeError(f"cannot pickle {type(self).__name__!r} object")

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close all sockets. Entering again opens new ones."""
        if self._abandoned and exc_type is GeneratorExit:
            self._abandoned -= 1
        else:
            self._leave()

    async def aclose(self) -> None:
        """Close it. `open`, or an ``async with`` block, opens it again."""
        self._close()

    @property
    def closed(self) -> bool:
        """True if it was closed, and not opened again."""
        return self._is_closed

    def _make(self) -> B:
        """Return what is open in the running event loop."""
        raise NotImplementedError

    def _enter(self) -> B:
        self._is_closed = False
        opened = self._check()
        self._entered += 1
        return opened

    def _leave(self) -> None:
        self._entered -= 1
        if self._entered <= 0:
            self._close()

    def _close(self) -> None:
        self._is_closed = True
        self._entered = 0
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    def _check(self) -> B:
        """Return what is open, and open it first if necessary."""
        if self._is_closed:
            raise RuntimeError(
                f"the {self._name} is closed; open it again with its method open(), or use it in an async with block"
            )
        if self._opened is not None and self._opened.is_over():
            # Its event loop is closed, or it belongs to the parent of this process.
            self._abandoned += self._entered
            self._close()
            self._is_closed = False
        if self._opened is None:
            self._opened = self._make()
        if not self._opened.is_of_running_loop():
            raise RuntimeError(
                f"the {self._name} was opened in another event loop, or in the process that this one was forked from; "
                f"use one of its own here: {self._use}"
            )
        return self._opened


class Timed:
    """An object that continues at a given moment at the latest."""

    __slots__ = ("_due", "_loop", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0

    def go_on(self) -> None:
        """Continue as far as possible."""
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
            # A signal handler has raised, and the loop may continue.
            self._loop.call_soon(self.go_on)
            raise


class Link(LoopBound):
    """A connection in the event loop that is running."""

    def __init__(self, connection: _core.AsyncConnection) -> None:
        super().__init__(connection.is_forked)
        self.connection = connection
        self._is_watched = False
        #: The number of calls in flight, plus one while the connection is open.
        self._users = 1
        #: The call that has the turn.
        self._call: Call | None = None
        #: All calls in flight, by number.
        self._calls: dict[int, Call] = {}

    async def read(self, record: type[object] | tuple[str, type[object]] | _core.Policy | None) -> Any:
        """Read a report or a verdict, or find a chronyd."""
        call = Call(self, self._loop, self.connection.read(record))
        self._users += 1
        self._calls[call.inner.number] = call
        try:
            call.go_on()
            if call.future is not None:
                await call.future
            if call.error is not None:
                raise call.error
            return call.inner.result()
        finally:
            call.end()
            # An exception that its own traceback leads to would be kept until the garbage collector comes.
            call.error = None

    def watch(self, call: Call) -> None:
        """Have a call continue when its sockets are ready, or when its turn has come."""
        if not call.inner.waits_for_turn():
            self._call = call
        if not self._is_watched:
            self._loop.add_reader(self.connection.fileno(), self._ready)
            self._is_watched = True

    def _ready(self) -> None:
        if self._call is None:
            self.connection.forget_ready()
        else:
            self._call.go_on()

    def release(self, call: Call) -> None:
        """Forget a call that is over, and have the next one continue."""
        if self._call is call:
            self._call = None
        self._calls.pop(call.inner.number, None)
        self._leave()

    def close(self) -> None:
        """Close what is kept for the next call. A call in flight ends first."""
        self.connection.close()
        self._leave()

    def _leave(self) -> None:
        self._users -= 1
        if self._calls or not self._users:
            self._settle()

    def _settle(self) -> None:
        if self.hands_over(self._settle):
            return
        if self.is_over():
            # The descriptor that the loop of a forked child watches is its parent's, too.
            self._is_watched = False
            self._calls.clear()
        for number in self.connection.woken():
            call = self._calls.get(number)
            if call is not None:
                self._loop.call_soon(call.go_on)
        if not self._users:
            if self._is_watched:
                self._loop.remove_reader(self.connection.fileno())
                self._is_watched = False
            self.connection.end()


class Call(Timed):
    """A call in flight."""

    __slots__ = ("_is_over", "_link", "_look_up", "error", "future", "inner")

    def __init__(self, link: Link, loop: asyncio.AbstractEventLoop, inner: _core.AsyncCall) -> None:
        super().__init__(loop)
        self.inner = inner
        #: The future that its task awaits.
        self.future: asyncio.Future[None] | None = None
        #: The exception of a callback, for the task.
        self.error: Exception | None = None
        self._link = link
        self._look_up: asyncio.Task[None] | None = None
        self._is_over = False

    def go_on(self) -> None:
        """Continue as far as possible, and let the loop continue from there."""
        if self._is_over:
            return
        try:
            step = self.inner.advance()
            while isinstance(step, tuple):
                self._look_up = self._loop.create_task(self._resolve(*step))
                step = self.inner.advance()
            if step is not None:
                self._link.watch(self)
                self._arm(step)
                if self.future is None:
                    self.future = self._loop.create_future()
                return
        except Exception as error:  # noqa: BLE001
            # The exception is for the task, whichever code called here.
            self.error = error
        # The task ends the call. If this did, a signal handler that raises in the middle would leave the task waiting.
        if self.future is not None and not self.future.done():
            self.future.set_result(None)

    async def _resolve(self, name: bytes, port: int) -> None:
        try:
            # One kind of socket, so that each address comes once.
            found = await self._loop.getaddrinfo(name, port, type=socket.SOCK_STREAM)
            self.inner.resolved([_address(*address) for *_, address in found])
        except Exception as error:  # noqa: BLE001
            # A loop may raise any exception, such as when no thread can be started.
            number = error.errno if isinstance(error, OSError) and not isinstance(error, socket.gaierror) else None
            self.inner.unresolved(number, getattr(error, "strerror", None) or str(error))
        self._look_up = None
        self.go_on()

    def end(self) -> None:
        """End the call, which is over or whose task was cancelled."""
        if self._is_over:
            return
        self._is_over = True
        self.inner.close()
        if self._timer is not None:
            self._timer.cancel()
        if self._look_up is not None:
            self._look_up.cancel()
            # The two would hold each other.
            self._look_up = None
        self._link.release(self)


def _address(host: str, port: int, _flow: int = 0, scope: int = 0) -> tuple[str, int, int]:
    """Return the parts of an address that `_core` takes."""
    return host.partition("%")[0], port, scope


async def once(
    record: type[object] | tuple[str, type[object]], socket_path: str | PathLike[str] | None, timeout: Seconds
) -> Any:
    """Open, read, close."""
    link = Link(_core.AsyncConnection(_core.ConnectionSettings.once(socket_path, timeout)))
    try:
        return await link.read(record)
    finally:
        link.close()
