"""Environments that lack or forbid something: no usable /dev/urandom, a firewall, a kernel that ignores madvise."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.daemon import Daemon
    from tests.support.programs import Finish

pytestmark = pytest.mark.blocking_only("threads that block in calls; tests/aio/test_processes.py tests loops")


def tell(finish: Finish, address: str, *, script: str) -> list[list[object]]:
    """Return the outcomes of calls in a mount and a network namespace of their own, prepared by a script."""
    wrapper = ["unshare", "--mount", "--net", "sh", "-euc", f'ip link set lo up\n{script}\nexec "$@"', "sh"]
    found: list[list[object]] = json.loads(finish("sandboxes.py", "call_both", address, wrapper=wrapper))
    assert len(found) == 2
    return found


UNUSABLE = {
    "missing": ("mount -t tmpfs tmpfs /dev", "No such file"),
    "in use as a folder": ("mount -t tmpfs tmpfs /dev\nmkdir /dev/urandom", "Is a directory"),
    "empty": ("mount --bind /dev/null /dev/urandom", "needs /dev/urandom"),
    "all zeros": ("mount --bind /dev/zero /dev/urandom", "no random bytes"),
}


@pytest.mark.parametrize(("script", "words"), UNUSABLE.values(), ids=UNUSABLE.keys())
def test_without_random_bytes_it_is_not_chronyd_that_is_missing(
    script: str, words: str, many: Daemon, finish: Finish
) -> None:
    """libchrony gives its socket a random name. Without a check, it would blame chronyd's socket, or never return."""
    for name, code, message, _ in tell(finish, many.socket, script=script):
        assert (name, code) == ("ChronyConnectionError", -1)
        assert str(message).startswith(f"Failed to connect to chronyd at {many.socket}: libchrony needs /dev/urandom")
        assert words in str(message)
        assert "A chroot or a container needs one" in str(message)
    assert many.leftovers() == []
    # A missing socket is reported first.
    for name, code, message, _ in tell(finish, many.socket + ".missing", script=script):
        assert (name, code) == ("ChronyConnectionError", -2)
        assert "Is chronyd running" in str(message)


def test_a_device_that_goes_missing_is_named_too(many: Daemon, finish: Finish) -> None:
    *found, failed, failed_too = json.loads(
        finish("sandboxes.py", "lose_dev", many.socket, wrapper=["unshare", "--mount"])
    )
    assert found == [["", 2, "", ""]] * 2
    for name, code, message, _ in (failed, failed_too):
        assert (name, code) == ("ChronyConnectionError", -1)
        assert "libchrony needs /dev/urandom: No such file" in message
    assert many.leftovers() == []


def test_a_session_without_random_bytes_names_what_is_missing(finish: Finish) -> None:
    for name, code, message, _ in tell(finish, "127.0.0.1", script="mount -t tmpfs tmpfs /dev"):
        assert (name, code) == ("ChronyConnectionError", -1)
        assert str(message).startswith("Failed to initialize chrony session with 127.0.0.1:323")
        assert "A chroot or a container needs one" in str(message)


def assert_names_the_firewall(found: list[object], address: str) -> None:
    name, code, message, cause = found
    assert (name, code) == ("ChronyConnectionError", -1)
    assert str(message).startswith(f"Failed to connect to chronyd at {address}: ")
    assert "A firewall" in str(message)
    # The program already uses the command port.
    assert "use the command port" not in str(message)
    assert cause == "PermissionError"


def test_a_route_that_forbids_an_address_is_no_missing_permission(finish: Finish) -> None:
    """The system call fails with EACCES at once, even for root."""
    for found in tell(finish, "192.0.2.1", script="ip route add prohibit 192.0.2.0/24"):
        assert_names_the_firewall(found, "192.0.2.1:323")


def test_a_firewall_that_drops_what_is_sent_is_no_missing_permission(many: Daemon, finish: Finish) -> None:
    """Sending fails with EPERM, as with a filter of outgoing packets, even on a connection that has worked."""
    stratum, *found = json.loads(finish("sandboxes.py", "lose_what_is_sent", many.udp))
    assert stratum == 2
    assert len(found) == 3
    for one in found:
        assert_names_the_firewall(one, many.udp)


def test_a_kernel_that_ignores_madvise_is_not_trusted(many: Daemon, finish: Finish) -> None:
    """Some sandboxes and emulators do this. A child would not notice the fork, and would use its parent's socket."""
    assert finish("sandboxes.py", "fork_where_madvise_does_nothing", many.socket) == "1 0 2\n"
    assert many.leftovers() == []
