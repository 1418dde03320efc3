"""The search for chronyd when no address is given: its Unix sockets, then its command ports, each proved by an answer.

Each test has a `Machine`, with real chronyds at the real paths and ports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.waiting import was_stalled

if TYPE_CHECKING:
    from tests.support.machine import Machine

RUN, VAR_RUN = "/run/chrony/chronyd.sock", "/var/run/chrony/chronyd.sock"
PORT, PORT6 = "127.0.0.1:323", "[::1]:323"
PLACES = [RUN, VAR_RUN, PORT, PORT6]
#: The stratum tells which of two chronyds answered.
LINES = ["local stratum 3", "cmdport 323"]


@pytest.mark.parametrize("place", ["/run/chrony", "/var/run/chrony"])
def test_a_unix_socket_comes_first(place: str, machine: Machine) -> None:
    machine.start(*LINES, place=place)
    # If /var/run is a link to /run, the first of the two paths leads to both.
    address, transport, stratum = machine.tell()
    assert address in {f"{place}/chronyd.sock", RUN}
    assert (transport, stratum) == ("UNIX_SOCKET", 3)


def test_a_unix_socket_comes_before_another_chronyds_port(machine: Machine) -> None:
    machine.start("local stratum 3", place="/run/chrony")
    machine.start("local stratum 4", "cmdport 323")
    assert machine.tell() == [RUN, "UNIX_SOCKET", 3]


def test_the_command_port_without_a_unix_socket(machine: Machine) -> None:
    machine.start(*LINES)
    assert machine.tell() == [PORT, "COMMAND_PORT", 3]


def test_ipv6_where_nothing_listens_on_ipv4(machine: Machine) -> None:
    machine.start(*LINES, "bindcmdaddress 127.0.0.9")
    assert machine.tell() == [PORT6, "COMMAND_PORT", 3]
    # A short timeout is enough for the whole search.
    assert machine.tell(timeout=1) == [PORT6, "COMMAND_PORT", 3]


def test_ipv4_comes_before_ipv6(machine: Machine) -> None:
    machine.shell("ip addr add ::2/128 dev lo nodad")
    machine.start("local stratum 3", "cmdport 323", "bindcmdaddress ::2")
    machine.start("local stratum 4", "cmdport 323", "bindcmdaddress 127.0.0.9")
    assert machine.tell("::1") == [PORT6, "COMMAND_PORT", 4]
    assert machine.tell() == [PORT, "COMMAND_PORT", 3]


def test_a_unix_socket_that_refuses_is_passed_over(machine: Machine) -> None:
    """A killed chronyd leaves its socket behind."""
    dead = machine.start("local stratum 3", place="/run/chrony")
    dead.say("kill")
    machine.start("local stratum 4", "cmdport 323")
    assert machine.tell() == [PORT, "COMMAND_PORT", 4]


def test_a_process_without_permission_uses_the_command_port(machine: Machine) -> None:
    daemon = machine.start(*LINES, place="/run/chrony")
    assert machine.tell(nobody=True) == [PORT, "COMMAND_PORT", 3]
    # Also if other users may enter the folder, but not use the socket.
    daemon.folder.chmod(0o755)
    assert machine.tell(nobody=True) == [PORT, "COMMAND_PORT", 3]
    assert daemon.leftovers() == []


@pytest.mark.parametrize("mode", [0o700, 0o755])
def test_a_missing_permission_is_said_when_nothing_answers(mode: int, machine: Machine) -> None:
    daemon = machine.start(place="/run/chrony")
    daemon.folder.chmod(mode)
    name, code, message = machine.tell(nobody=True)
    assert (name, code) == ("ChronyPermissionError", -3)
    assert message.startswith(f"Permission denied accessing {RUN}: ")
    for place in PLACES[2:]:
        assert f"{place} (Connection refused" in message
    assert VAR_RUN in message


def test_a_missing_permission_is_said_when_the_ports_are_silent(machine: Machine) -> None:
    machine.start(place="/run/chrony")
    # Only root may bind port 323, so another process does.
    with machine.running("default_order.py", "hold", PORT, PORT6) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == '"bound"\n'
        name, code, message = machine.tell(nobody=True, timeout=2)
        assert process.stdin is not None
        process.stdin.close()
    assert (name, code) == ("ChronyPermissionError", -3)
    for place in PLACES[2:]:
        assert f"{place} (no answer" in message


def test_when_all_fail_each_is_named_with_its_reason(machine: Machine) -> None:
    name, code, message = machine.tell()
    assert (name, code) == ("ChronyConnectionError", -1)
    for place in PLACES[:2]:
        assert f"{place} (No such file or directory" in message
    assert message.startswith(f"Failed to connect to chronyd at {PORT}: Connection refused")
    assert f"{PORT6} (Connection refused" in message
    # The Unix socket is there and dead.
    machine.start(place="/run/chrony").say("kill")
    name, code, message = machine.tell()
    assert (name, code) == ("ChronyConnectionError", -1)
    for place in PLACES:
        assert place in message
    assert message.count("Connection refused") >= 3


def test_a_machine_without_an_interface_names_all_too(machine: Machine) -> None:
    machine.shell("ip link set lo down")
    # Requests may vanish without an error, so the call may last until its deadline.
    [[(name, code, message), taken]] = machine.run("tell.py", "--timeout=0.8")
    assert (name, code) == ("ChronyTimeoutError", -1)
    for place in PLACES:
        assert place in message
    assert taken < 1.8


def test_a_silent_port_is_passed_over_in_time(machine: Machine) -> None:
    """While another place is left, the port gets half of the time, and at most a second."""
    machine.start("local stratum 3", "cmdport 323", "bindcmdaddress 127.0.0.9")
    for timeout, least in ((1.6, 0.8), (4, 1)):
        [[found, taken]] = machine.run("tell.py", f"--silent={PORT}", f"--timeout={timeout}")
        assert found == [PORT6, "COMMAND_PORT", 3]
        assert least <= taken < timeout


def test_a_silent_unix_socket_is_passed_over_in_time(machine: Machine) -> None:
    """A chronyd in another mount namespace is silent, because it does not find the client's socket."""
    machine.start(*LINES)
    machine.shell("mkdir -m 700 /run/chrony")
    for found, taken in machine.run("default_order.py", "tell_beside_a_silent_socket", RUN):
        assert found == [PORT, "COMMAND_PORT", 3]
        assert taken < 4


def test_a_full_unix_socket_is_passed_over_in_time(machine: Machine) -> None:
    """The queue of a chronyd that has been stopped for some time is full, so requests cannot be sent."""
    machine.start(*LINES)
    machine.shell("mkdir -m 700 /run/chrony")
    found = machine.run("default_order.py", "tell_beside_a_full_socket", RUN)
    for one, taken in found:
        assert one == [PORT, "COMMAND_PORT", 3]
        assert taken < 2.2


def test_four_silent_places_are_told_at_the_deadline(machine: Machine) -> None:
    machine.shell("mkdir -m 700 /run/chrony")
    silent = (f"--silent={place}" for place in (RUN, PORT, PORT6))
    [[(name, code, message), taken]] = machine.run("tell.py", *silent, "--timeout=1.2")
    assert (name, code) == ("ChronyTimeoutError", -1)
    for place in (RUN, PORT, PORT6):
        assert place in message
    assert "did not answer within" in message or was_stalled(message)
    assert message.count("no answer") >= 2
    assert 1.2 <= taken < 2.2


def test_a_stopped_chronyd_is_passed_over_at_its_socket_and_its_port(machine: Machine) -> None:
    stopped = machine.start("local stratum 3", "cmdport 323", "bindcmdaddress 127.0.0.9", place="/run/chrony")
    other = machine.start("local stratum 4", "cmdport 323")
    stopped.say("suspend")
    assert machine.tell("127.0.0.1") == [PORT, "COMMAND_PORT", 4]
    assert machine.tell(timeout=2) == [PORT, "COMMAND_PORT", 4]
    other.say("kill")
    name, code, message = machine.tell(timeout=0.8)
    assert (name, code) == ("ChronyTimeoutError", -1)
    assert "did not answer within" in message or was_stalled(message)
    for place in PLACES:
        assert place in message


def test_an_open_connection_moves_to_where_chronyd_is(machine: Machine) -> None:
    first = machine.start("local stratum 3", place="/run/chrony")
    second = machine.start("local stratum 4", "cmdport 323")
    with machine.running("default_order.py", "move") as process:
        for end, expected in (
            (lambda: first.say("terminate"), [RUN, "UNIX_SOCKET", 3]),
            (lambda: (first.say("restart"), second.say("kill")), [PORT, "COMMAND_PORT", 4]),
            (lambda: (first.say("kill"), second.say("restart")), [RUN, "UNIX_SOCKET", 3]),
            (lambda: None, [PORT, "COMMAND_PORT", 4]),
        ):
            assert machine.line(process) == expected
            end()
            machine.go_on(process)
