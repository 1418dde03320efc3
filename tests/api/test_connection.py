"""The documented class: signature, context manager, properties, right and wrong arguments."""

from __future__ import annotations

import contextlib
import copy
import inspect
import pickle
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.reports import CALLS, NOTHING, REPORTS
from tests.support.waiting import was_stalled

import pychrony
from pychrony import ChronyConnection, ChronyConnectionError, ChronyDataError, ChronyError, Transport

if TYPE_CHECKING:
    from types import FrameType

    from tests.support.daemon import Daemon
    from tests.support.held import Resources

Connect = Callable[..., ChronyConnection]
TRANSPORTS = {
    "socket": Transport.UNIX_SOCKET,
    "udp": Transport.COMMAND_PORT,
    "udp6": Transport.COMMAND_PORT,
}


def place(connection: ChronyConnection) -> tuple[object, object]:
    """Return the address and the transport of a connection."""
    return connection.address, connection.transport


def test_the_signature() -> None:
    signature = inspect.signature(ChronyConnection)
    assert str(signature) == (
        "(address: str | os.PathLike[str] | None = None, *, timeout: float = 5.0, parallel: int = 8) -> None"
    )
    with pytest.raises(TypeError):
        ChronyConnection("127.0.0.1", 5.0)  # type: ignore[call-arg]
    for name in CALLS:
        returned = inspect.signature(getattr(pychrony, name)).return_annotation
        signature = inspect.signature(getattr(ChronyConnection, name))
        assert [*signature.parameters] == ["self"]
        assert signature.return_annotation == returned


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_methods_return_what_the_functions_return(transport: str, scripted: Daemon, connect: Connect) -> None:
    address = getattr(scripted, transport)
    connection = connect(address)
    # On the first session, and on the kept one.
    for report in REPORTS * 2:
        expected, found = report.function(address), report.of(connection)()
        assert found == expected
        assert type(found) is type(expected)
        if isinstance(found, list):
            assert len(found) == 3
            assert type(found[0]) is type(expected[0])


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_methods_raise_what_the_functions_raise(transport: str, scripted: Daemon, connect: Connect) -> None:
    address = getattr(scripted, transport)
    connection = connect(address)
    scripted.say(NOTHING)
    for fault in (None, "fault status 2", "fault status 1", "fault truncate 40"):
        if fault is not None:
            scripted.say(fault)
        for report in REPORTS:
            if fault is None and report.unavailable is None:
                continue
            with pytest.raises(ChronyError) as expected:
                report.function(address)
            with pytest.raises(ChronyError) as caught:
                report.of(connection)()
            assert type(caught.value) is type(expected.value)
            assert caught.value.message == expected.value.message
            assert caught.value.error_code == expected.value.error_code
            assert repr(caught.value.__cause__) == repr(expected.value.__cause__)
        scripted.say("clear")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_address_and_transport_are_known_inside_only(transport: str, scripted: Daemon) -> None:
    connection = ChronyConnection(getattr(scripted, transport))
    for _ in range(2):
        assert place(connection) == (None, None)
        with connection as entered:
            assert entered is connection
            assert connection.address == getattr(scripted, transport)
            assert connection.transport is TRANSPORTS[transport]
            assert connection.get_tracking().stratum == 2
        assert place(connection) == (None, None)


def test_a_refusal_is_an_answer_with_an_address(scripted: Daemon) -> None:
    """chronyd may refuse tracking and serve the rest; the connection is open, so its address is known."""
    for fault in ("status 2", "truncate 40"):
        scripted.say("fault only 33")
        scripted.say(f"fault {fault}")
        with ChronyConnection(scripted.udp) as connection:
            first = place(connection)
            assert len(connection.get_sources()) == 3
            with pytest.raises(ChronyError):
                connection.get_tracking()
            assert len(connection.get_sources()) == 3
            assert place(connection) == (scripted.udp, Transport.COMMAND_PORT)
            assert first == (scripted.udp, Transport.COMMAND_PORT)
        scripted.say("clear")


def requests(daemon: Daemon) -> int:
    return sum(daemon.say("requests")["requests"].values())


def test_entering_sends_nothing_on_a_unix_socket(scripted: Daemon) -> None:
    # Over UDP, a delay on a busy machine may look like a loss, but not each time.
    for transport, sent, tries in (("socket", 0, 1), ("udp", 1, 5)):
        costs = []
        for _ in range(tries):
            before = requests(scripted)
            with ChronyConnection(getattr(scripted, transport)) as connection:
                entered = requests(scripted) - before
                assert place(connection) == (getattr(scripted, transport), TRANSPORTS[transport])
                connection.get_tracking()
                costs.append((entered, requests(scripted) - before))
        assert min(costs) == (sent, sent + 1)


def test_what_entering_cannot_see_is_told_by_the_first_report(scripted: Daemon) -> None:
    def by_a_connection() -> tuple[object, ...]:
        with ChronyConnection(scripted.socket, timeout=0.2) as connection, pytest.raises(ChronyError) as caught:
            connection.get_tracking()
        return outcome(caught.value)

    def by_a_function() -> tuple[object, ...]:
        with pytest.raises(ChronyError) as caught:
            pychrony.get_tracking(scripted.socket, timeout=0.2)
        return outcome(caught.value)

    for fault in ("silence", "status 2", "truncate 40"):
        scripted.say(f"fault {fault}")
        found, expected = by_a_connection(), by_a_function()
        assert found == expected or was_stalled(found) or was_stalled(expected)
        scripted.say("clear")


def outcome(error: ChronyError) -> tuple[object, ...]:
    return type(error), error.message, error.error_code


def assert_closed(connection: ChronyConnection) -> None:
    """Fail unless each method says that the connection is closed."""
    for report in REPORTS:
        with pytest.raises(RuntimeError, match=r"closed; open it again with its method open\(\)") as caught:
            report.of(connection)()
        assert not isinstance(caught.value, ChronyError)
        assert caught.value.__cause__ is None
    assert place(connection) == (None, None)


def test_use_after_a_with_block_says_so(scripted: Daemon, resources: Resources) -> None:
    connection = ChronyConnection(scripted.socket)
    for _ in range(3):
        with connection:
            assert connection.get_tracking().stratum == 2
        assert_closed(connection)
    resources.assert_none_left()


def is_open(connection: ChronyConnection) -> bool:
    """Return True unless it was closed. Without a call, a type checker expects the same answer each time."""
    return not connection.closed


def test_a_connection_without_a_block_opens_on_its_first_call(scripted: Daemon, resources: Resources) -> None:
    connection = ChronyConnection(scripted.socket)
    for _ in range(3):
        assert (connection.closed, place(connection)) == (False, (None, None))
        assert connection.get_tracking().stratum == 2
        assert connection.address == scripted.socket
        connection.close()
        connection.close()
        assert not is_open(connection)
        assert_closed(connection)
        resources.assert_none_left()
        connection.open()
        assert is_open(connection)
        connection.close()
        with connection:
            assert connection.get_tracking().stratum == 2
            # Closing ends all blocks.
            with connection:
                connection.close()
                assert_closed(connection)
        assert_closed(connection)
        connection = ChronyConnection(scripted.socket)


@pytest.mark.blocking_only("aio warns of a connection that was not closed; tests/aio/test_loops.py expects it")
def test_a_connection_that_is_dropped_leaves_nothing(scripted: Daemon, resources: Resources) -> None:
    connection = ChronyConnection(scripted.socket)
    assert connection.get_tracking().stratum == 2
    del connection
    resources.assert_none_left()


def test_a_connection_works_as_soon_as_chronyd_does(scripted: Daemon) -> None:
    connection = ChronyConnection(scripted.socket)
    scripted.say("die")
    for call in (connection.open, connection.get_tracking, connection.open):
        with pytest.raises(ChronyConnectionError) as caught:
            call()
        assert caught.value.error_code == -2
    scripted.say("come-back")
    assert connection.get_tracking().stratum == 2
    connection.close()


def test_threads_that_open_a_connection_at_once_share_it(scripted: Daemon, resources: Resources) -> None:
    connection = ChronyConnection(scripted.socket)
    begin = threading.Barrier(8)

    def read(_: int) -> int:
        begin.wait()
        return connection.get_tracking().stratum

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(read, range(8))) == [2] * 8
    assert resources.opened() == 1
    connection.close()
    resources.assert_none_left()


def test_entering_in_vain_leaves_it_closed(scripted: Daemon, resources: Resources) -> None:
    connection = ChronyConnection(scripted.socket)
    scripted.say("die")
    for _ in range(2):
        with pytest.raises(ChronyConnectionError) as caught, connection:
            pytest.fail("nothing is there to connect to")
        assert caught.value.error_code == -2
        assert_closed(connection)
    scripted.say("come-back")
    with connection:
        assert connection.get_tracking().stratum == 2
    assert_closed(connection)
    resources.assert_none_left()


def test_nested_entering_closes_at_the_outermost_end(scripted: Daemon, resources: Resources) -> None:
    connection = ChronyConnection(scripted.socket)
    with connection:
        with connection as inner:
            assert inner.get_tracking().stratum == 2
        assert connection.get_tracking().stratum == 2
        assert connection.address == scripted.socket
        assert resources.opened() == 1
        # A failed nested entry does not close the outer block.
        scripted.say("die")
        with pytest.raises(ChronyConnectionError), connection:
            pytest.fail("nothing is there to connect to")
        scripted.say("come-back")
        assert connection.get_tracking().stratum == 2
    assert_closed(connection)
    resources.assert_none_left()


def test_an_exception_passes_and_closes(scripted: Daemon, resources: Resources) -> None:
    connection = ChronyConnection(scripted.socket)
    error = LookupError("from inside")

    def fail() -> None:
        with connection:
            connection.get_sources()
            raise error

    with pytest.raises(LookupError) as caught:
        fail()
    assert caught.value is error
    assert_closed(connection)
    resources.assert_none_left()


def test_one_exit_too_many_opens_nothing(scripted: Daemon, resources: Resources) -> None:
    connection = ChronyConnection(scripted.socket)
    with connection:
        connection.__exit__(None, None, None)
    assert_closed(connection)
    with contextlib.suppress(RuntimeError):
        connection.__exit__(None, None, None)
    assert_closed(connection)
    with connection:
        assert connection.get_tracking().stratum == 2
    assert_closed(connection)
    resources.assert_none_left()


@pytest.mark.parametrize(
    "arguments", ["'127.0.0.1', timeout=2.5, parallel=3", "None, timeout=5.0", "'/run/a b.sock', timeout=1, parallel=1"]
)
def test_repr_has_the_arguments(arguments: str) -> None:
    namespace = {"ChronyConnection": ChronyConnection}
    shown = repr(eval(f"ChronyConnection({arguments})", namespace))
    for argument in arguments.split(", "):
        assert argument in shown
    assert repr(eval(shown, namespace)) == shown


@pytest.mark.parametrize("address", [b"/run/chrony/chronyd.sock", 323, 1.5, ["127.0.0.1"], object()])
def test_an_address_of_another_type_is_a_type_error(address: Any) -> None:  # noqa: ANN401
    with pytest.raises(TypeError, match=r"^address must be a str, an os\.PathLike\[str\] or None, not "):
        ChronyConnection(address)


def test_an_address_may_be_a_path_object(scripted: Daemon, connect: Connect) -> None:
    connection = connect(Path(scripted.socket))
    assert connection.get_tracking().stratum == 2
    assert connection.address == scripted.socket
    assert repr(connection).startswith(f"ChronyConnection({Path(scripted.socket)!r}, ")


@pytest.mark.parametrize("lanes", [2.5, None, "8"])
def test_lanes_of_another_type_are_a_type_error(lanes: Any) -> None:  # noqa: ANN401
    with pytest.raises(TypeError):
        ChronyConnection(parallel=lanes)


@pytest.mark.parametrize("lanes", [0, -1, -(2**70), 2**70])
def test_a_number_of_lanes_out_of_range_is_a_value_error(lanes: int) -> None:
    with pytest.raises(ValueError, match="parallel"):
        ChronyConnection(parallel=lanes)


def test_settings_at_their_edges_work(scripted: Daemon, connect: Connect) -> None:
    for settings in ({"timeout": 10**9}, {"timeout": 1e300}, {"parallel": 1}, {"parallel": 2**31}, {"timeout": 3}):
        assert len(connect(scripted.socket, **settings).get_sources()) == 3
    # A timeout of almost nothing ends the call at once.
    scripted.say("fault silence")
    with pytest.raises(ChronyConnectionError, match="within 1ns"):
        connect(scripted.udp, timeout=1e-9)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "run/chronyd.sock",
        "127.0.0.1:0",
        "127.0.0.1:",
        "localhost:http",
        "[::1",
        "::1]:323",
        "fe80::1%lo",
        "\0",
        "a b",
    ],
)
def test_a_malformed_address_is_told_at_once(address: str) -> None:
    with pytest.raises(ChronyConnectionError, match=r"^Failed to connect to chronyd at ") as caught:
        ChronyConnection(address)
    assert caught.value.error_code == -1


class Own(ChronyConnection):
    """A user's class with arguments of its own."""

    def __init__(self, host: str, port: int) -> None:
        """Connect to a port."""
        super().__init__(f"{host}:{port}", timeout=3)
        self.entered = 0

    def __enter__(self) -> Own:
        """Count the entries."""
        self.entered += 1
        return super().__enter__()


def test_a_class_of_the_users_own_may_derive_from_it(scripted: Daemon, resources: Resources) -> None:
    host, port = scripted.udp.split(":")
    with Own(host, port=int(port)) as connection:
        assert type(connection) is Own
        assert isinstance(connection, ChronyConnection)
        assert (connection.entered, connection.address) == (1, scripted.udp)
        assert connection.get_tracking().stratum == 2
    assert_closed(connection)
    resources.assert_none_left()


class Careless(ChronyConnection):
    """A user's class that forgets to call `__init__` of its base class."""

    def __init__(self) -> None:
        """Do nothing."""


@pytest.mark.blocking_only("the class itself")
def test_an_initialisation_that_is_left_out_or_repeated_is_told(scripted: Daemon) -> None:
    with pytest.raises(RuntimeError, match=r"__init__ was not called"), Careless():
        pytest.fail("there is nothing to enter")
    connection = ChronyConnection(scripted.socket)
    with pytest.raises(RuntimeError, match=r"__init__ was called twice"):
        connection.__init__("127.0.0.1")  # type: ignore[misc]
    with connection:
        assert connection.address == scripted.socket


@pytest.mark.blocking_only("the class itself; tests/aio/test_surface.py has the loops' connection")
@pytest.mark.parametrize("twin", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_connection_has_no_copies(twin: Callable[[ChronyConnection], object], scripted: Daemon) -> None:
    with ChronyConnection(scripted.socket) as connection, pytest.raises(TypeError, match="cannot pickle"):
        twin(connection)


@pytest.mark.blocking_only("the class itself")
def test_entering_and_leaving_are_documented() -> None:
    for name in ("__enter__", "__exit__"):
        assert getattr(ChronyConnection, name).__doc__
    assert str(inspect.signature(ChronyConnection.__exit__)) == "(self, /, exc_type, exc_value, traceback)"


def test_a_missing_rtc_is_an_error_and_no_end(scripted: Daemon, connect: Connect) -> None:
    scripted.say('values {"rtcdata": null}')
    connection = connect(scripted.socket)
    for _ in range(3):
        with pytest.raises(ChronyDataError, match=r"^RTC tracking is not available") as caught:
            connection.get_rtc_data()
        assert caught.value.error_code == -4
        assert connection.address == scripted.socket
        assert connection.get_tracking().stratum == 2
    scripted.say('values {"rtcdata": {}}')
    assert connection.get_rtc_data() == pychrony.get_rtc_data(scripted.socket)


def test_the_transport_is_never_a_wrong_one(scripted: Daemon) -> None:
    """Another thread may close the connection at any instruction of the property."""
    connection = ChronyConnection(scripted.udp)
    question = vars(ChronyConnection)["transport"].fget
    answers = []
    for leave_after in range(200):
        steps = 0

        def step(frame: FrameType, event: str, _: object) -> Callable[..., Any] | None:
            nonlocal steps
            if frame.f_code is not question.__code__:
                return None
            frame.f_trace_opcodes = True
            steps += event == "opcode"
            if event == "opcode" and steps == leave_after:  # noqa: B023
                connection.__exit__(None, None, None)
            return step

        connection.__enter__()
        before = sys.gettrace()
        sys.settrace(step)
        answers.append(connection.transport)
        sys.settrace(before)
        if steps < leave_after:
            connection.__exit__(None, None, None)
            break
        if leave_after == 0:
            connection.__exit__(None, None, None)
    assert len(answers) > 5
    assert set(answers) == {None, Transport.COMMAND_PORT}
