"""Unix sockets and command ports of real chronyds: equality, namespaces, permissions, addresses that lead nowhere."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.reports import CALLS, REPORTS, Report, each_report
from tests.support.waiting import assert_unanswered

import pychrony
from pychrony import ChronyConnectionError, ChronyError

if TYPE_CHECKING:
    from tests.support.daemon import Daemon, Start
    from tests.support.programs import Python

Compare = Callable[..., dict[str, Any]]


def read_all(
    python: Python, address: str, *options: str, wrapper: Sequence[str] = ()
) -> dict[str, tuple[str, int | None, str, str]]:
    """Read all reports with functions. Return the error and its code, the representation or message, and the cause."""
    output = python("read_all.py", f"--address={address}", *options, *CALLS, wrapper=wrapper)
    return {name: tuple(found[:4]) for name, found in json.loads(output).items() if name in CALLS}


def test_every_transport_gives_the_same(quiet_pair: Daemon, compare: Compare) -> None:
    found = [compare(quiet_pair, address) for address in (quiet_pair.socket, quiet_pair.udp, quiet_pair.udp6)]
    names = [[source.address for source in one["sources"]] for one in found]
    assert names == [["127.0.0.1"]] * 3
    assert len({one["tracking"].reference_id for one in found}) == 1


def test_an_address_of_four_printable_bytes_is_a_name_as_it_stands(
    start: Start, compare: Compare, quieten: Callable[[Daemon], None]
) -> None:
    """100.64.50.33 is `d@2!` in ASCII. It exists on the loopback interface of a network namespace only."""
    server = start("chronyd", "--server", "--local-address", "100.64.50.33", wrapper=["unshare", "--net"])
    routes = subprocess.run(
        [*server.inside("net"), "ip", "route", "get", "100.64.50.33"], text=True, capture_output=True, check=True
    )
    assert routes.stdout.startswith("local 100.64.50.33 dev lo ")
    line = f"server 100.64.50.33 port {server.ntp_port} iburst minpoll -4 maxpoll -4"
    client = start("chronyd", "--line", line, wrapper=server.inside("net"))
    client.say("wait-synchronised 20")
    quieten(client)
    # This process is in another network namespace, which does not matter to Unix sockets.
    assert os.stat("/proc/self/ns/net").st_ino != os.stat(f"/proc/{client.pid}/ns/net").st_ino  # noqa: PTH116
    found = compare(client)
    tracking = found["tracking"]
    assert tracking.reference_id == int.from_bytes(b"d@2!", "big")
    assert (tracking.reference_id_name, tracking.reference_ip) == ("100.64.50.33", "100.64.50.33")
    assert [source.address for source in found["sources"]] == ["100.64.50.33"]
    assert [one.address for one in found["sourcestats"]] == ["100.64.50.33"]


def test_a_command_port_of_another_network_namespace_is_out_of_reach(start: Start, python: Python) -> None:
    daemon = start("chronyd", "--command-port", "--local-address", "127.0.0.77", wrapper=["unshare", "--net"])
    with pytest.raises(ChronyConnectionError, match="Failed to connect to chronyd at 127"):
        pychrony.get_tracking(daemon.udp, timeout=1)
    inside = read_all(python, daemon.udp, wrapper=daemon.inside("net"))
    assert inside["get_tracking"][2].startswith("TrackingStatus(")


def test_a_process_without_rights_is_refused_on_the_unix_socket(pair: Daemon, python: Python) -> None:
    for name, code, message, cause in read_all(python, pair.socket, "--nobody").values():
        assert (name, code) == ("ChronyPermissionError", -3)
        assert message.startswith(f"Permission denied accessing {pair.socket}")
        assert "command port" in message
        assert cause == "PermissionError"


def test_a_process_without_rights_is_refused_by_the_socket_itself(start: Start, python: Python) -> None:
    """Even if it may enter the folder, or write to it."""
    daemon = start("chronyd")
    for mode in (0o755, 0o1777):
        daemon.folder.chmod(mode)
        for name, code, message, _ in read_all(python, daemon.socket, "--nobody").values():
            assert (name, code) == ("ChronyPermissionError", -3)
            assert message.startswith(f"Permission denied accessing {daemon.socket}")
        assert daemon.leftovers() == []


def test_a_process_without_rights_reads_over_the_command_port(pair: Daemon, python: Python) -> None:
    for address in (pair.udp, pair.udp6):
        found = read_all(python, address, "--nobody")
        assert "reference_ip='127.0.0.1'" in found["get_tracking"][2]
        assert found["get_sources"][2].startswith("[Source(address='127.0.0.1'")
        assert found["get_source_stats"][2].startswith("[SourceStats(reference_id=2130706433, address='127.0.0.1'")
        for report in REPORTS:
            error = found[report.call][:2]
            if report.unavailable is not None:
                assert error == ("ChronyNotAvailableError", -4)
            elif report.is_open:
                assert error == ("", None)
            else:
                assert error == ("ChronyPermissionError", -3)


MALFORMED = {
    "empty": "",
    "port that is no number": "127.0.0.1:abc",
    "port 0": "127.0.0.1:0",
    "port without digits": "127.0.0.1:",
    "port too large": "127.0.0.1:99999",
    "port far too large": "127.0.0.1:" + "9" * 500,
    "negative port": "127.0.0.1:-1",
    "signed port": "127.0.0.1:+323",
    "port with a space": "127.0.0.1: 323",
    "port of other digits": "127.0.0.1:٣٢٣",
    "two ports": "127.0.0.1:323:323",
    "NUL in an address": "127.0.0.1\0",
    "NUL in a path": "/run/chrony\0/chronyd.sock",
    "NUL alone": "\0",
    "path far too long": "/" + "x" * 10_000,
    "path one too long": "/" + "x" * 107,
    "address far too long": "1" * 100_000,
    "unclosed bracket": "[::1",
    "unopened bracket": "::1]:323",
    "bracket with rubbish": "[::1]323",
    "IPv4 in brackets": "[127.0.0.1]:323",
    "empty brackets": "[]:323",
    "port without brackets": "2001:db8::1:11323",
    "URL of a path": "unix:///run/chrony/chronyd.sock",
    "URL of a port": "udp://127.0.0.1:323",
    "scope": "fe80::1%lo",
    "scope in brackets": "[fe80::1%lo]:323",
    "relative path": "run/chronyd.sock",
    "relative path with a dot": "./chronyd.sock",
    "name": "localhost",
    "name with a port": "localhost:323",
    "lone surrogate": "\ud800",
    "lone surrogate in a path": "/run/\ud800/chronyd.sock",
    "short IPv4": "127.1",
    "hexadecimal IPv4": "0x7f000001",
    "spaces round": " 127.0.0.1 ",
    "newline": "127.0.0.1\n",
}


@each_report
@pytest.mark.parametrize("address", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_address_is_an_error_of_the_hierarchy(address: str, report: Report) -> None:
    with pytest.raises(ChronyConnectionError) as caught:
        report.function(address)
    assert caught.value.message.startswith("Failed to connect to chronyd at ")
    # A lone surrogate makes a path that cannot exist.
    assert caught.value.error_code == (-2 if address.startswith("/run/\ud800") else -1)
    assert len(caught.value.message) < 500
    assert caught.value.message.isprintable()
    str(caught.value).encode()


@pytest.fixture
def bound() -> Iterator[Callable[[Path], socket.socket]]:
    """Bind a datagram socket to a path."""
    opened: list[socket.socket] = []

    def bind(path: Path) -> socket.socket:
        opened.append(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        opened[-1].bind(str(path))
        return opened[-1]

    yield bind
    for one in opened:
        one.close()


def fails(path: Path | str, code: int) -> str:
    """Try all functions, and return the message of the last."""
    message = ""
    for report in REPORTS:
        with pytest.raises(ChronyConnectionError) as caught:
            report.function(str(path), timeout=2)
        message = caught.value.message
        assert message.startswith(f"Failed to connect to chronyd at {path}")
        assert caught.value.error_code == code
        assert isinstance(caught.value.__cause__, OSError)
    return message


@pytest.mark.parametrize("path", ["missing.sock", "missing/chronyd.sock"])
def test_a_path_that_does_not_exist(path: str, tmp_path: Path) -> None:
    assert "Is chronyd running" in fails(tmp_path / path, -2)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_seen_in_a_path_is_escaped(tmp_path: Path) -> None:
    """An unescaped path could start a new line in a log, or hide the rest."""
    with pytest.raises(ChronyConnectionError) as caught:
        pychrony.get_tracking(f"{tmp_path}/a\n\x1b[2K\u202eb.sock")
    assert caught.value.error_code == -2
    assert caught.value.message.startswith(
        f"Failed to connect to chronyd at {tmp_path}/a\\n\\u{{1b}}[2K\\u{{202e}}b.sock: "
    )
    assert caught.value.message.isprintable()


def test_paths_that_exist_and_lead_nowhere(tmp_path: Path, bound: Callable[[Path], socket.socket]) -> None:
    left = tmp_path / "left.sock"
    bound(left).close()
    assert "no chronyd listens" in fails(left, -1)
    plain = tmp_path / "plain"
    plain.write_text("no socket")
    assert "that of a file or a folder" in fails(plain, -1)
    folder = tmp_path / "folder"
    folder.mkdir()
    assert "that of a file or a folder" in fails(folder, -1)
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with stream:
        stream.bind(str(tmp_path / "stream.sock"))
        stream.listen()
        fails(tmp_path / "stream.sock", -1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "left.sock", "plain", "stream.sock"]


@pytest.mark.parametrize("length", [62, 63, 80])
def test_a_folder_with_a_long_path_is_explained(
    length: int, bound: Callable[[Path], socket.socket], tmp_path_factory: pytest.TempPathFactory
) -> None:
    base = tmp_path_factory.mktemp("l")
    folder = base / ("x" * (length - len(str(base)) - 1))
    folder.mkdir()
    assert len(str(folder)) == length
    # Nothing reads from the socket, so a call that sends a request waits for its deadline.
    bound(folder / "c.sock")

    with pytest.raises(ChronyError) as caught:
        pychrony.get_tracking(str(folder / "c.sock"), timeout=0.05)
    error = caught.value
    if length > 62:
        assert error.error_code == -1
        assert "62 bytes at most" in error.message
    else:
        assert_unanswered(error.message, "50ms")


def test_a_socket_in_the_root_is_explained(tmp_path: Path, python: Python) -> None:
    """In a new root that has the machine's folders."""
    change_root = """
        set -eu
        root=$1; shift
        mount -t tmpfs tmpfs "$root"
        for entry in /*; do
            if [ -L "$entry" ]; then cp -P "$entry" "$root"
            elif [ -d "$entry" ]; then mkdir "$root$entry"; mount --rbind "$entry" "$root$entry"
            fi
        done
        exec chroot "$root" "$@"
    """
    wrapper = ["unshare", "--mount", "sh", "-c", change_root, "sh", str(tmp_path)]
    first, second = python("socket_in_the_root.py", wrapper=wrapper, cwd=Path("/")).splitlines()
    assert first.startswith("-1 Failed to connect to chronyd at /chronyd.sock")
    assert "not be /" in first
    assert second.startswith("-1 Failed to ")
