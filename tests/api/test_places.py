"""A chronyd that is missing or out of reach: no rights, no /run/chrony, no chronyd, a folder mounted elsewhere."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.reports import CALLS, REPORTS
from tests.support.waiting import assert_unanswered

import pychrony
from pychrony import ChronyConnection, ChronyConnectionError

if TYPE_CHECKING:
    from tests.support.daemon import Daemon, Start
    from tests.support.programs import Finish

pytestmark = pytest.mark.blocking_only("both kinds of calls look for chronyd alike")


def enter(address: str, *, timeout: float) -> ChronyConnection:
    return ChronyConnection(address, timeout=timeout).__enter__()


FUNCTIONS: list[Callable[..., object]] = [*(report.function for report in REPORTS), enter]

#: The beginning of a command line without root's rights. The command may still read all files, because the test bed may
#: be anywhere.
UNPRIVILEGED = [
    *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
    *(
        "--inh-caps=-all,+dac_read_search",
        "--ambient-caps=-all,+dac_read_search",
        "--bounding-set=-all,+dac_read_search",
    ),
]
#: A mount and a network namespace, where /run is empty, and chronyd's command port is not served.
EMPTY = ["unshare", "--mount", "--net", "sh", "-c", 'mount -t tmpfs tmpfs /run && ip link set lo up && exec "$@"', "sh"]


def tell(
    finish: Finish, *address: str, timeout: float = 5, wrapper: Sequence[str] = (), nobody: bool = False
) -> list[Any]:
    """Return the outcome of each function and of a connection: the error, its code, the result or message, the time."""
    options = [f"--timeout={timeout}", *(f"--address={one}" for one in address), *(["--nobody"] if nobody else [])]
    found: dict[str, list[Any]] = json.loads(finish("read_all.py", *options, *CALLS, wrapper=wrapper))
    assert [*found] == [*CALLS, "connection"]
    return [(error, code, text, taken) for error, code, text, _, taken in found.values()]


def test_a_user_reads_a_chronyd_of_his_own(start: Start, finish: Finish) -> None:
    """Over the Unix socket in the user's own folder, and over the command port. Neither needs root."""
    daemon = start("chronyd", "--command-port", "--line", "local stratum 3", wrapper=UNPRIVILEGED)
    assert Path(f"/proc/{daemon.pid}").stat().st_uid == 65534
    for address in (daemon.socket, daemon.udp, daemon.udp6):
        *found, connected = tell(finish, address, nobody=True)
        assert "stratum=3" in found[0][2]
        for report, (error, _, result, _) in zip(REPORTS, found, strict=True):
            if report.unavailable is not None:
                assert result.startswith(report.unavailable)
            elif address == daemon.socket or report.is_open:
                assert (error, result[:2]) == ("", "[]" if report.is_list else report.record.__name__[:2])
        assert connected[2].startswith(f"['{address}', TrackingStatus(")
    assert daemon.leftovers() == []


@pytest.mark.parametrize("nobody", [False, True])
def test_without_a_folder_of_chronyds_each_place_is_named(nobody: bool, finish: Finish) -> None:  # noqa: FBT001
    """There is no /run/chrony and no chronyd on the command port, with root's rights and without."""
    *functions, connected = tell(finish, wrapper=EMPTY, nobody=nobody)
    for name, code, message, _ in functions:
        assert (name, code) == ("ChronyConnectionError", -2)
        assert "/run/chrony/chronyd.sock, /var/run/chrony/chronyd.sock" in message
        assert "Is chronyd running" in message
    name, code, message, _ = connected
    assert (name, code) == ("ChronyConnectionError", -1)
    for place in ("/run/chrony/chronyd.sock (No such file", "127.0.0.1:323", "[::1]:323 (Connection refused"):
        assert place in message
    assert "Is it running" in message


def test_a_socket_that_refuses_is_told_at_once(tmp_path: Path) -> None:
    """A path that a chronyd left behind, and a port that nothing listens on."""
    left = tmp_path / "chronyd.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server, socket.socket(type=socket.SOCK_DGRAM) as port:
        server.bind(str(left))
        port.bind(("127.0.0.1", 0))
        number = port.getsockname()[1]
    places = {str(left): "no chronyd listens there", f"127.0.0.1:{number}": "is its cmdport not 0?"}
    for address, advice in places.items():
        # This timeout is too long to wait for.
        for call in FUNCTIONS:
            with pytest.raises(ChronyConnectionError) as caught:
                call(address, timeout=600)
            assert caught.value.error_code == -1
            assert caught.value.message.startswith(f"Failed to connect to chronyd at {address}: Connection refused")
            assert advice in caught.value.message
            assert isinstance(caught.value.__cause__, ConnectionRefusedError)
    assert list(tmp_path.iterdir()) == [left]


@pytest.fixture
def daemon(start: Start) -> Daemon:
    """A chronyd whose folder others may mount."""
    return start("chronyd", "--line", "local stratum 3")


def mounted(daemon: Daemon, place: Path, *options: str) -> list[str]:
    """Return the beginning of a command line that runs with the daemon's folder mounted at a place."""
    script = 'mount --bind "$1" "$2" && if [ "$3" ]; then mount -o "remount,bind,$3" "$2"; fi && shift 3 && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", script, "sh", str(daemon.folder), str(place), ",".join(options)]


def test_a_socket_mounted_at_another_path_ends_at_the_deadline(daemon: Daemon, finish: Finish, folder: Path) -> None:
    """chronyd gets the requests, but does not find the client's socket at the client's path."""
    address = str(folder / "chronyd.sock")
    wrapper = mounted(daemon, folder)
    for name, code, message, taken in tell(finish, address, timeout=0.5, wrapper=wrapper):
        assert (name, code) == ("ChronyTimeoutError", -1)
        advice = ("see the socket at another path", "mounted into a container")
        assert_unanswered(message, "500ms", f"chronyd at {address}", *advice)
        assert 0.5 <= taken < 1.5
    assert list(folder.iterdir()) == []
    assert daemon.leftovers() == []
    assert pychrony.get_tracking(daemon.socket).stratum == 3


def test_a_socket_mounted_at_the_same_path_is_as_good_as_ever(daemon: Daemon, finish: Finish) -> None:
    tracking, *_, connected = tell(finish, daemon.socket, wrapper=mounted(daemon, daemon.folder))
    assert "stratum=3" in tracking[2]
    assert "stratum=3" in connected[2]
    assert daemon.leftovers() == []


def test_a_socket_mounted_read_only_is_told_at_once(daemon: Daemon, finish: Finish) -> None:
    """The client's socket has to be next to chronyd's."""
    for name, code, message, _ in tell(
        finish, daemon.socket, timeout=600, wrapper=mounted(daemon, daemon.folder, "ro")
    ):
        assert (name, code) == ("ChronyConnectionError", -1)
        assert message.startswith(f"Failed to connect to chronyd at {daemon.socket}: Read-only file system")
        assert "can a socket be created next to it?" in message
    assert daemon.leftovers() == []
