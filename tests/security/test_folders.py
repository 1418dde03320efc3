"""The folders that libchrony makes next to chronyd's Unix socket, and what others can do to them."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pychrony import ChronyConnection, ChronyConnectionError

if TYPE_CHECKING:
    from tests.support.daemon import Daemon

OtherUser = Callable[..., str]
#: The user and group of `other_user`.
NOBODY = 65534


@pytest.fixture
def open_folder(scripted: Daemon) -> Iterator[Path]:
    """The daemon's folder, which a test may open to other users."""
    yield scripted.folder
    scripted.folder.chmod(0o700)
    os.chown(scripted.folder, os.geteuid(), -1)


@pytest.fixture
def unconnected() -> Iterator[str]:
    """A socket like a client's, but not connected."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own, tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        place = Path(folder, "sock")
        own.bind(str(place))
        place.chmod(0o666)
        yield str(place)


@pytest.mark.parametrize("mode", [0o755, 0o1777])
def test_others_cannot_reach_a_clients_socket(
    mode: int, scripted: Daemon, open_folder: Path, unconnected: str, other_user: OtherUser
) -> None:
    """Even if they know its path and may enter chronyd's folder, or may write to the folder as to /tmp."""
    open_folder.chmod(mode)
    with ChronyConnection(scripted.socket) as connection:
        denied, connected = "Permission denied", "Operation not permitted"
        renamed = denied if mode == 0o755 else "Operation not permitted"
        expected = [denied, denied, denied, renamed, connected, connected, str(len("planted"))]
        assert other_user("reach", str(open_folder), unconnected) == ", ".join(expected)
        assert len(connection.get_sources()) == 40
    assert scripted.leftovers() == []


def test_the_owner_of_the_folder_can_have_a_file_named_sock_removed(
    scripted: Daemon, open_folder: Path, tmp_path: Path, other_user: OtherUser
) -> None:
    """The file may be anywhere, because libchrony removes its socket by path. Other files and folders are safe."""
    for name in ("sock", "kept"):
        (tmp_path / name).touch(mode=0o600)
    with ChronyConnection(scripted.socket, timeout=1.5) as connection:
        os.chown(open_folder, NOBODY, NOBODY)
        assert other_user("misdirect", str(open_folder), str(tmp_path)) == "done"
        # chronyd's answers no longer reach the client.
        with pytest.raises(ChronyConnectionError, match=r"did not (answer|run)"):
            connection.get_sources()
        assert len(connection.get_sources()) == 40
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
