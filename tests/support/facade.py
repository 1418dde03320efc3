"""pychrony's blocking interface on top of `pychrony.aio`, so that the tests of calls test both.

    PYCHRONY_TEST_DRIVER=asyncio tools/run pytest tests/values        (or uvloop)

`tests/conftest.py` installs it if that variable is set. As a program, this file installs it and runs another program.
The calls from all threads are tasks of one event loop, which has its own thread.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import importlib
import inspect
import sys
import threading
from collections.abc import Callable, Coroutine
from os import PathLike
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, TypeVar

import pychrony
from pychrony import Transport, aio, health
from pychrony.aio import health as aio_health

T = TypeVar("T")


def install(driver: str) -> None:
    """Let pychrony's functions and its connection use `pychrony.aio`, on an event loop of this kind."""
    loop: asyncio.AbstractEventLoop = importlib.import_module(driver).new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="event loop", daemon=True)
    thread.start()

    # The loop has to stop before the interpreter ends. A look-up of uvloop may complete later. A loop that still runs
    # would then call into Python, and crash.
    @atexit.register
    def stop() -> None:
        # A child of `os.fork` does not have the thread.
        if thread.is_alive():
            loop.call_soon_threadsafe(loop.stop)
            thread.join()

    def run(coroutine: Coroutine[Any, Any, T]) -> T:
        try:
            return asyncio.run_coroutine_threadsafe(coroutine, loop).result()
        except RuntimeError as error:
            raise RuntimeError(str(error).replace("an async with", "a with").replace(": async", ":")) from None

    def blocking(function: Callable[..., Coroutine[Any, Any, T]]) -> Callable[..., T]:
        return functools.wraps(function)(lambda *arguments, **options: run(function(*arguments, **options)))

    class ChronyConnection:
        def __init__(
            self, address: str | PathLike[str] | None = None, *, timeout: float = 5.0, parallel: int = 8
        ) -> None:
            self._connection = aio.ChronyConnection(address, timeout=timeout, parallel=parallel)

        def __repr__(self) -> str:
            return repr(self._connection)

        def __enter__(self) -> ChronyConnection:
            run(self._connection.__aenter__())
            return self

        def __exit__(
            self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
        ) -> None:
            run(self._connection.__aexit__(kind, value, traceback))

        def open(self) -> None:
            run(self._connection.open())

        def close(self) -> None:
            run(self._connection.aclose())

        @property
        def closed(self) -> bool:
            return self._connection.closed

        @property
        def address(self) -> str | None:
            return self._connection.address

        @property
        def transport(self) -> Transport | None:
            return self._connection.transport

    def method(function: Callable[..., Coroutine[Any, Any, T]]) -> Callable[..., T]:
        return functools.wraps(function)(lambda self, *arguments: run(function(self._connection, *arguments)))

    # The annotations of the class above are strings.
    ChronyConnection.__signature__ = inspect.signature(aio.ChronyConnection)  # type: ignore[attr-defined]
    for name, function in vars(aio.ChronyConnection).items():
        if name.startswith("get_"):
            setattr(ChronyConnection, name, method(function))
    pychrony.ChronyConnection = ChronyConnection  # type: ignore[assignment, misc]
    for name in aio.__all__:
        if name.startswith("get_"):
            setattr(pychrony, name, blocking(getattr(aio, name)))
    health.check = blocking(aio_health.check)


if __name__ == "__main__":
    _, kind, *sys.argv = sys.argv
    install(kind)
    program = Path(sys.argv[0])
    sys.path[0] = str(program.parent)
    main = sys.modules["__main__"] = ModuleType("__main__")
    exec(compile(program.read_text(), program, "exec", dont_inherit=True), vars(main))
