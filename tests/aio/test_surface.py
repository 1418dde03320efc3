"""The names of `pychrony.aio`: coroutines with the names, results, errors and messages of the package's functions."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import inspect
import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.reports import CALLS, NOTHING, REPORTS, Report, defaults
from tests.support.waiting import assert_unanswered, was_stalled

import pychrony
from pychrony import ChronyConnection, ChronyConnectionError, ChronyDataError, ChronyError, Transport, aio

if TYPE_CHECKING:
    from tests.aio.conftest import Held, Run
    from tests.support.daemon import Daemon
    from tests.support.programs import Python

TRANSPORTS = ["socket", "udp"]


def outcome_of(call: Callable[[], object]) -> object:
    """Return the result of a call, or its exception with all causes."""
    try:
        return call()
    except Exception as error:  # noqa: BLE001
        chain: list[object] = []
        cause: BaseException | None = error
        while cause is not None:
            chain += [type(cause), str(cause), getattr(cause, "error_code", None), getattr(cause, "errno", None)]
            cause = cause.__cause__
        return chain


def test_every_name_is_the_packages() -> None:
    beyond = {"Descriptors", "Fleet", "FleetResult", "Round"}
    assert set(aio.__all__) == {"ChronyConnection", *CALLS, "get_report", *beyond}
    for name in (*CALLS, "get_report"):
        function, blocking = getattr(aio, name), getattr(pychrony, name)
        assert inspect.iscoroutinefunction(function)
        assert inspect.signature(function) == inspect.signature(blocking)
        method, blocking = getattr(aio.ChronyConnection, name), getattr(ChronyConnection, name)
        assert inspect.iscoroutinefunction(method)
        assert inspect.signature(method) == inspect.signature(blocking)
    assert inspect.signature(aio.ChronyConnection) == inspect.signature(ChronyConnection)


@pytest.mark.parametrize("name", [*CALLS, "get_report"])
def test_the_documentation_of_a_report_is_that_of_the_packages_function(name: str) -> None:
    for other in getattr(aio, name), getattr(aio.ChronyConnection, name), getattr(ChronyConnection, name):
        assert (inspect.getdoc(other) or "").startswith(f"As `pychrony.{name}`, ")


def test_the_documentation_of_the_connection_is_that_of_the_packages() -> None:
    """Arguments and errors have the package's text. The example has an event loop."""
    ours, theirs = inspect.getdoc(aio.ChronyConnection), inspect.getdoc(ChronyConnection)
    assert ours is not None
    assert theirs is not None
    assert ">>> asyncio.run(" in ours.partition("Example:\n")[2]
    for section in ("Args:\n", "Raises:\n"):
        assert ours.partition(section)[2].split("\n\n")[0] == theirs.partition(section)[2].split("\n\n")[0]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_results_are_the_packages(transport: str, scripted: Daemon, run: Run) -> None:
    address = getattr(scripted, transport)
    scripted.say(defaults(40))

    async def read() -> list[object]:
        found = [await report.aio(address) for report in REPORTS]
        async with aio.ChronyConnection(address) as connection:
            # On the first session, and on the kept one.
            found += [await report.of(connection)() for report in REPORTS * 2]
            assert (connection.address, connection.transport) == (
                address,
                Transport.UNIX_SOCKET if transport == "socket" else Transport.COMMAND_PORT,
            )
        assert (connection.address, connection.transport) == (None, None)
        return found

    expected = [report.function(address) for report in REPORTS]
    found = run(read())
    assert found == expected * 3
    assert [type(one) for one in found] == [type(one) for one in expected * 3]


WRONG: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    *(((), {"timeout": timeout}) for timeout in (0, -1, math.nan, math.inf, None, "5", 10**400, b"")),
    *(((address,), {}) for address in (323, b"/run", object, "", "[::1", "a b", "::1:x", "\0", "unix:/run/x", "h:0")),
    (("/nonexistent/chronyd.sock",), {}),
    ((Path("/nonexistent/chronyd.sock"),), {}),
    (("/" + "x" * 200,), {}),
    (("/",), {}),
    (("/dev/null",), {}),
    (("127.0.0.1:1",), {}),
    (("[::1]:1",), {}),
    (("localhost:1",), {}),
    # The label is too long, so no resolver is asked.
    ((f"{64 * 'a'}.invalid",), {}),
]


@pytest.mark.parametrize("name", [*CALLS, "ChronyConnection"])
def test_what_is_wrong_is_reported_as_by_the_package(name: str, run: Run) -> None:
    for arguments, options in WRONG:
        if name == "ChronyConnection":

            def blocking(arguments: Any = arguments, options: Any = options) -> None:  # noqa: ANN401
                with ChronyConnection(*arguments, **options):
                    pass

            async def ours(arguments: Any = arguments, options: Any = options) -> None:  # noqa: ANN401
                async with aio.ChronyConnection(*arguments, **options):
                    pass

        else:

            def blocking(arguments: Any = arguments, options: Any = options) -> None:  # noqa: ANN401
                getattr(pychrony, name)(*arguments, **options)

            async def ours(arguments: Any = arguments, options: Any = options) -> None:  # noqa: ANN401
                await getattr(aio, name)(*arguments, **options)

        assert outcome_of(lambda: run(ours())) == outcome_of(blocking), (arguments, options)


def test_entering_sends_nothing_on_a_unix_socket(scripted: Daemon, run: Run) -> None:
    def requests() -> int:
        return sum(scripted.say("requests")["requests"].values())

    async def use() -> None:
        # Over UDP, a delay on a busy machine may look like a loss, but not each time.
        for transport, sent, tries in (("socket", 0, 1), ("udp", 1, 5)):
            costs = []
            for _ in range(tries):
                before = requests()
                async with aio.ChronyConnection(getattr(scripted, transport)) as connection:
                    entered = requests() - before
                    assert connection.address == getattr(scripted, transport)
                    await connection.get_tracking()
                    costs.append((entered, requests() - before))
            assert min(costs) == (sent, sent + 1)

    run(use())


@pytest.mark.parametrize("lanes", [0, -1, 1.5, "8", None, 10**400, 2**70])
def test_a_wrong_number_of_lanes_is_reported_as_by_the_package(lanes: Any) -> None:  # noqa: ANN401
    assert outcome_of(lambda: aio.ChronyConnection(parallel=lanes)) == outcome_of(
        lambda: ChronyConnection(parallel=lanes)
    )


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    "fault", ["status 2", "status 1", "status 6", "truncate 40", "count -1", "reply-code 99", "version 7", "random 3"]
)
def test_what_chronyd_refuses_is_reported_as_by_the_package(
    fault: str, transport: str, scripted: Daemon, run: Run
) -> None:
    address = getattr(scripted, transport)
    scripted.say(NOTHING)

    async def read(report: Report) -> object:
        async with aio.ChronyConnection(address) as connection:
            return await report.of(connection)()

    scripted.say(f"fault {fault}")
    for report in REPORTS:
        if fault == "random 3":
            # The answers are random.
            with contextlib.suppress(ChronyError):
                run(report.aio(address, timeout=0.1))
            continue
        # A packet of version 7 does not count as an answer.
        timeout = 0.1 if fault == "version 7" else 5.0
        expected = outcome_of(lambda: report.function(address, timeout=timeout))  # noqa: B023
        found = outcome_of(lambda: run(report.aio(address, timeout=timeout)))  # noqa: B023
        assert found == expected or was_stalled(found) or was_stalled(expected)
        # Entering sends a request over UDP, and accepts a refusal as an answer.
        if fault != "version 7":
            assert outcome_of(lambda: run(read(report))) == expected  # noqa: B023


def test_use_after_a_block_says_so(scripted: Daemon, run: Run) -> None:
    async def use() -> None:
        connection = aio.ChronyConnection(scripted.socket)
        async with connection:
            await connection.get_tracking()
        with pytest.raises(RuntimeError, match=r"closed; open it again with its method open\(\)"):
            await connection.get_tracking()
        assert not hasattr(connection, "__enter__")

    run(use())


def is_open(connection: aio.ChronyConnection) -> bool:
    """Return True unless it was closed. Without a call, a type checker expects the same answer each time."""
    return not connection.closed


def test_a_connection_without_a_block_opens_on_its_first_call(
    scripted: Daemon, hold: Callable[[], Held], run: Run
) -> None:
    connection = aio.ChronyConnection(scripted.socket)
    held = hold()

    async def use() -> None:
        held = hold()
        for _ in range(2):
            assert is_open(connection)
            found = await asyncio.gather(*(connection.get_tracking() for _ in range(5)))
            assert [status.stratum for status in found] == [2] * 5
            assert held.sockets() == 1
            await connection.aclose()
            assert not is_open(connection)
            held.assert_none()
            with pytest.raises(RuntimeError, match="closed; open it again"):
                await connection.get_tracking()
            await connection.open()
        await connection.aclose()
        # Closing ends all blocks.
        async with connection, connection:
            await connection.aclose()
            assert not is_open(connection)

    async def read() -> int:
        return (await connection.get_tracking()).stratum

    run(use())
    run(connection.open())
    # The first loop is closed now, and the connection opens anew in another one.
    assert run(read()) == 2
    run(connection.aclose())
    held.assert_none()


def test_a_connection_works_as_soon_as_chronyd_does(scripted: Daemon, run: Run) -> None:
    async def use() -> None:
        connection = aio.ChronyConnection(scripted.socket)
        scripted.say("die")
        for call in (connection.open, connection.get_tracking):
            with pytest.raises(ChronyConnectionError) as caught:
                await call()
            assert caught.value.error_code == -2
        scripted.say("come-back")
        assert (await connection.get_tracking()).stratum == 2
        await connection.aclose()

    run(use())


def test_entering_nests_and_opens_again(scripted: Daemon, hold: Callable[[], Held], run: Run) -> None:
    async def use() -> None:
        held = hold()
        connection = aio.ChronyConnection(scripted.socket)
        for _ in range(2):
            async with connection as entered:
                assert entered is connection
                async with connection:
                    assert (await connection.get_tracking()).stratum == 2
                assert (await connection.get_tracking()).stratum == 2
                assert held.sockets() == 1
            held.assert_none()
        await connection.__aexit__(None, None, None)
        async with connection:
            assert (await connection.get_tracking()).stratum == 2
        held.assert_none()

    run(use())


def test_a_failed_entry_and_an_exception_leave_it_closed(scripted: Daemon, hold: Callable[[], Held], run: Run) -> None:
    async def fail_to_enter() -> str:
        held = hold()
        connection = aio.ChronyConnection(scripted.udp, timeout=0.05)
        with pytest.raises(ChronyError) as caught:
            await connection.__aenter__()
        held.assert_none()
        return caught.value.message

    async def use() -> None:
        held = hold()
        connection = aio.ChronyConnection(scripted.udp)
        with pytest.raises(ChronyDataError):
            async with connection:
                await connection.get_sources()
        held.assert_none()

    scripted.say("fault silence")
    assert_unanswered(run(fail_to_enter()), "50ms")
    scripted.say("clear")
    scripted.say("fault status 1")
    run(use())


def test_the_representation_is_that_of_the_package() -> None:
    for address in (None, "127.0.0.1", Path("/x")):
        ours, theirs = (kind(address, timeout=1, parallel=2) for kind in (aio.ChronyConnection, ChronyConnection))
        assert repr(ours) == repr(theirs)
    assert repr(aio.ChronyConnection()) == repr(ChronyConnection())


def test_the_package_does_not_import_asyncio(python: Python) -> None:
    assert python("without_asyncio.py") == "False False\nFalse\n"


@pytest.mark.parametrize("twin", [copy.copy, copy.deepcopy, pickle.dumps])
def test_what_holds_sockets_is_not_copied(twin: Callable[[object], object], scripted: Daemon, run: Run) -> None:
    """The connection of the package is not copied, either."""

    async def use() -> None:
        async with aio.ChronyConnection(scripted.socket) as connection, aio.Fleet([scripted.socket]) as fleet:
            for original in (connection, fleet):
                with pytest.raises(TypeError, match=f"^cannot pickle '{type(original).__name__}' object$"):
                    twin(original)

    run(use())
