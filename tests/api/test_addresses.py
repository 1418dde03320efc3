"""All forms of addresses. A host name is resolved, and each of its addresses is tried."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from pychrony import ChronyConnection, Transport

if TYPE_CHECKING:
    from tests.support.daemon import Daemon
    from tests.support.machine import Machine

Connect = Callable[..., ChronyConnection]
PORT, PORT6 = "127.0.0.1:323", "[::1]:323"


def test_forms_with_a_port(scripted: Daemon, connect: Connect) -> None:
    port = scripted.described["command_port"]
    v4, v6 = f"127.0.0.1:{port}", f"[::1]:{port}"
    for address, expected in {
        v4: v4,
        v6: v6,
        f"[0:0:0:0:0:0:0:1]:{port}": v6,
        f"localhost:{port}": v4,
        f"LocalHost:{port}": v4,
        scripted.socket: scripted.socket,
    }.items():
        connection = connect(address)
        assert connection.get_tracking().stratum == 2
        assert connection.address == expected
        is_path = expected == scripted.socket
        assert connection.transport is (Transport.UNIX_SOCKET if is_path else Transport.COMMAND_PORT)


def test_forms_without_a_port(machine: Machine) -> None:
    machine.start("local stratum 3", "cmdport 323")
    addresses = {"127.0.0.1": PORT, "::1": PORT6, "[::1]": PORT6, "0::0:1": PORT6, "localhost": PORT}
    found = machine.run("tell.py", *addresses)
    assert [one for one, _ in found] == [[place, "COMMAND_PORT", 3] for place in addresses.values()]


def test_a_relative_or_strange_path(scripted: Daemon, connect: Connect) -> None:
    """A path is used unchanged."""
    strange = scripted.socket.replace("/chronyd", "/../" + scripted.folder.name + "//./chronyd")
    assert connect(strange).address == strange


@pytest.mark.parametrize(("family", "expected"), [("bindcmdaddress 127.0.0.9", PORT6), ("bindcmdaddress ::2", PORT)])
def test_localhost_where_one_family_answers(family: str, expected: str, machine: Machine) -> None:
    machine.shell("ip addr add ::2/128 dev lo nodad")
    machine.start("local stratum 3", "cmdport 323", family)
    for address in ("localhost", "localhost:323"):
        assert machine.tell(address) == [expected, "COMMAND_PORT", 3]


def test_localhost_where_one_family_is_silent(machine: Machine) -> None:
    machine.start("local stratum 3", "cmdport 323", "bindcmdaddress 127.0.0.9")
    [[found, _]] = machine.run("tell.py", f"--silent={PORT}", "--timeout=2", "localhost")
    assert found == [PORT6, "COMMAND_PORT", 3]


def test_localhost_without_an_answer_names_both(machine: Machine) -> None:
    name, code, message = machine.tell("localhost")
    assert (name, code) == ("ChronyConnectionError", -1)
    assert f"at {PORT}: Connection refused" in message
    assert f"{PORT6} (Connection refused" in message


def test_a_port_that_became_part_of_an_address_is_hinted_at(machine: Machine) -> None:
    """`::1:323` is an IPv6 address by itself."""
    for address, meant in {
        "::1:323": "[::1]:323",
        "0::1:323": "[::1]:323",
        "2001:db8::1:323": "[2001:db8::1]:323",
    }.items():
        name, code, message = machine.tell(address)
        assert (name, code) == ("ChronyConnectionError", -1)
        assert message.endswith(f"If its end is the port, write {meant}")
    assert "If its end" not in machine.tell("2001:db8::1:32")[2]


HOSTS = """
127.0.0.1 localhost
127.0.0.5 one.example one
::1 six.example
127.0.0.3 several.example
127.0.0.4 several.example
127.0.0.5 several.example
"""


def test_a_host_name_is_resolved(machine: Machine) -> None:
    machine.own_names(HOSTS)
    machine.start("local stratum 3", "cmdport 323", "bindcmdaddress 127.0.0.5")
    places = {
        "one.example": "127.0.0.5:323",
        "one": "127.0.0.5:323",
        "ONE.example:323": "127.0.0.5:323",
        "six.example": PORT6,
        # The first two addresses refuse.
        "several.example": "127.0.0.5:323",
    }
    found = machine.run("tell.py", *places)
    assert [one for one, _ in found] == [[place, "COMMAND_PORT", 3] for place in places.values()]


def test_a_name_whose_first_addresses_are_silent(machine: Machine) -> None:
    machine.own_names(HOSTS)
    machine.start("local stratum 3", "cmdport 323", "bindcmdaddress 127.0.0.5")
    places = ("--silent=127.0.0.3:323", "--silent=127.0.0.4:323")
    [[found, _]] = machine.run("tell.py", *places, "--timeout=3", "several.example")
    assert found == ["127.0.0.5:323", "COMMAND_PORT", 3]


def test_a_name_whose_addresses_all_fail_names_each(machine: Machine) -> None:
    machine.own_names(HOSTS)
    name, code, message = machine.tell("several.example:777")
    assert (name, code) == ("ChronyConnectionError", -1)
    for number in (3, 4, 5):
        assert f"127.0.0.{number}:777" in message
    assert message.count("Connection refused") == 3


def test_a_name_is_resolved_again_when_chronyd_is_lost(machine: Machine) -> None:
    """The name may have moved to another machine."""
    machine.own_names("127.0.0.5 moves.example\n")
    first = machine.start("local stratum 3", "cmdport 323", "bindcmdaddress 127.0.0.5")
    machine.start("local stratum 4", "cmdport 323", "bindcmdaddress 127.0.0.6")
    with machine.running("addresses.py", "resolved_again") as process:
        assert machine.line(process) == [3, "127.0.0.5:323"]
        first.say("kill")
        machine.shell("echo 127.0.0.6 moves.example > /etc/hosts")
        machine.go_on(process)
        assert machine.line(process) == [4, "127.0.0.6:323"]
        machine.go_on(process)


def test_a_name_that_does_not_exist_is_named(machine: Machine) -> None:
    machine.own_names("127.0.0.1 localhost\n", resolver="127.0.0.1")
    # No name server is there, so the resolver fails at once.
    for address in ("missing.example", "missing.example:777"):
        [[(name, code, message), taken]] = machine.run("tell.py", address)
        assert (name, code) == ("ChronyConnectionError", -1)
        assert message.startswith("Failed to connect to chronyd at missing.example:")
        assert "host name" in message
        assert taken < 5


def test_a_slow_resolver_is_not_waited_for(machine: Machine) -> None:
    machine.own_names("127.0.0.1 localhost\n", resolver="127.0.0.1")
    options = ("--silent=127.0.0.1:53", "--timeout=0.3")
    [[(name, code, message), taken]] = machine.run("tell.py", *options, "missing.example")
    assert (name, code) == ("ChronyTimeoutError", -1)
    assert message.startswith("Failed to connect to chronyd at missing.example:323")
    # The resolver itself would give up after several seconds.
    assert 0.3 <= taken < 1.3


def test_an_answer_counts_while_the_host_is_looked_up_again(machine: Machine) -> None:
    """After a second, the call looks up the other addresses of the host, but the resolver is silent."""
    machine.own_names("127.0.0.5 chrony.example\n", resolver="127.0.0.1")
    chronyd = machine.start("local stratum 3", "cmdport 323", "bindcmdaddress 127.0.0.5")
    assert machine.run("addresses.py", "resumed", str(chronyd.pid)) == [3]


def test_a_slow_resolver_can_be_interrupted(machine: Machine) -> None:
    machine.own_names("127.0.0.1 localhost\n", resolver="127.0.0.1")
    [[message, taken]] = machine.run("addresses.py", "interrupted")
    assert message == "from the handler"
    assert taken < 5


@pytest.fixture
def resolving(machine: Machine) -> Machine:
    """A machine with a chronyd at 127.0.0.5, whose name server at 127.0.0.1 a test may start."""
    machine.own_names("127.0.0.1 localhost\n", resolver="127.0.0.1")
    machine.start("local stratum 3", "cmdport 323", "bindcmdaddress 127.0.0.5")
    return machine


def test_an_answer_of_the_resolver_in_time_is_used(resolving: Machine) -> None:
    [[found, _]] = resolving.run("addresses.py", "answered", "chrony.example", "127.0.0.5")
    assert found == ["127.0.0.5:323", "COMMAND_PORT", 3]


@pytest.mark.blocking_only("an event loop has a resolver of its own")
def test_a_resolver_that_hangs_is_asked_once_for_a_name(resolving: Machine) -> None:
    """All calls and threads share one look-up."""
    *failures, [threads, queries] = resolving.run("addresses.py", "hanging")
    assert len(failures) == 11
    for (name, code, message), _ in failures:
        assert (name, code) == ("ChronyTimeoutError", -1)
        assert "The resolver has not answered" in message
    # One thread sends a query for IPv4 and a query for IPv6.
    assert (threads, queries) == (1, 2)


def test_a_look_up_that_was_given_up_serves_the_next_call(resolving: Machine) -> None:
    (failed, _), (found, _) = resolving.run("addresses.py", "given_up")
    assert failed[0] == "ChronyTimeoutError"
    assert found == ["127.0.0.5:323", "COMMAND_PORT", 3]


@pytest.mark.blocking_only("an event loop has a resolver of its own")
def test_a_resolver_that_hangs_costs_a_bounded_number_of_threads(resolving: Machine) -> None:
    *failures, threads = resolving.run("addresses.py", "many_hanging")
    assert threads == 16
    messages = [message for (_, _, message), _ in failures]
    crowded = [message for message in messages if "16 other look-ups of host names are pending" in message]
    assert (len(messages), len(crowded)) == (30, 14)


@pytest.mark.blocking_only("an event loop has a resolver of its own")
def test_names_beyond_that_number_are_looked_up_when_there_is_room(resolving: Machine) -> None:
    found = resolving.run("addresses.py", "many_answered")
    assert [one for one, _ in found] == [["127.0.0.5:323", "COMMAND_PORT", 3]] * 30


@pytest.mark.blocking_only("a child of os.fork has no thread that runs the loop")
def test_a_child_does_not_wait_for_a_look_up_of_its_parents(resolving: Machine) -> None:
    """The child does not have its parent's threads, so it sends its own queries. The parent may get their answers."""
    assert len(resolving.run("addresses.py", "forked")) == 2


def test_a_link_local_address_of_a_resolver_is_told_as_that(resolving: Machine) -> None:
    [[(name, code, message), _]] = resolving.run("addresses.py", "answered", "near.example", "fe80::1")
    assert (name, code) == ("ChronyConnectionError", -1)
    assert message.startswith("Failed to connect to chronyd at [fe80::1]:323: Invalid argument")
    assert "needs a scope" in message
    assert "libchrony takes none" in message
