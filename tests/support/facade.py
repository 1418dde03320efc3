"""pychrony with `pychrony.aio` below it, so that what the other suites promise of calls is tested of both.

    PYCHRONY_TEST_DRIVER=asyncio tools/run pytest tests/values        (or uvloop)

`tests/conftest.py` installs it where that variable is set. The calls are tasks of one event loop in a thread of its
own, whichever threads they come from.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import importlib
import threading
from collections.abc import Callable, Coroutine
from os import PathLike
from types import TracebackType
from typing import Any, TypeVar

import pychrony
from pychrony import Transport, aio

T = TypeVar("T")

#: The folders with tests that are of calls.
FOLDERS = ("tests/api/", "tests/values/", "tests/deadlines/", "tests/process/")
#: And what in them is not, or is of the blocking calls only.
OTHERS = (
    # What the package and its objects are like.
    "api/test_contract.py",
    "api/test_exceptions.py",
    "api/test_models.py",
    "test_an_initialisation_that_is_left_out_or_repeated_is_told",
    "test_a_connection_has_no_copies",
    "test_entering_and_leaving_are_documented",
    # Which libchrony serves, what is in the documentation, and where chronyd is: the same for both.
    "api/test_library.py",
    "api/test_readme.py",
    "api/test_default_sockets.py",
    "api/test_places.py",
    # Any arguments and values: these take long, and are converted by the same code.
    "api/test_any_argument.py",
    "values/test_any_value.py",
    # What becomes of a process in which threads block in calls. tests/aio/test_processes.py has the loops'.
    "process/test_calls.py",
    "process/test_full_table.py",
    "process/test_sandboxes.py",
    "process/test_shutdown.py",
    "process/test_streams.py",
    "process/test_subinterpreters.py",
    "process/test_workers.py",
    # tests/aio/test_memory.py has what the loops keep.
    "process/test_memory.py",
    # A child of `os.fork` has no thread that runs the loop. tests/aio/test_processes.py has forks.
    "process/test_forks.py",
    "test_a_child_does_not_wait_for_a_look_up_of_its_parents",
    # Handlers of signals that call in the middle of a call, and what they raise in one.
    "process/test_worst_moments.py",
    # Greenlets switch in a thread that blocks.
    "process/test_greenlets.py",
    # How often a thread sleeps.
    "test_leaving_while_others_wait_for_their_turn",
    # An event loop has a resolver of its own, with as many threads as it likes.
    "test_a_resolver_that_hangs",
    "test_names_beyond_that_number_are_looked_up",
    # A connection that was not left is told in tests/aio/test_loops.py.
    "test_lanes_close_with_the_last_reference",
    "test_a_cycle_of_references_is_collected",
    # They measure `benches/cases/crowd.py`.
    "deadlines/test_crowds.py",
    "deadlines/test_fair_turns.py",
)


def is_of_calls(test: str) -> bool:
    """Whether a test, by its id, is of calls that an event loop can make."""
    return test.startswith(FOLDERS) and not any(other in test for other in OTHERS)


def install(driver: str) -> None:
    """Have pychrony's names stand for those of `pychrony.aio`, in a loop of this kind."""
    loop: asyncio.AbstractEventLoop = importlib.import_module(driver).new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="event loop", daemon=True)
    thread.start()

    # An interpreter that ends must not have the loop behind it: a look-up of uvloop's ends later, and would have a loop
    # that still runs call into Python, which crashes.
    @atexit.register
    def stop() -> None:
        # A child of `os.fork` has no such thread.
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

        @property
        def address(self) -> str | None:
            return self._connection.address

        @property
        def transport(self) -> Transport | None:
            return self._connection.transport

    def method(function: Callable[..., Coroutine[Any, Any, T]]) -> Callable[..., T]:
        return functools.wraps(function)(lambda self, *arguments: run(function(self._connection, *arguments)))

    for name, function in vars(aio.ChronyConnection).items():
        if name.startswith("get_"):
            setattr(ChronyConnection, name, method(function))
    for name in aio.__all__:
        setattr(pychrony, name, ChronyConnection if name == "ChronyConnection" else blocking(getattr(aio, name)))
