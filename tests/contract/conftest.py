"""chronyd at its default sockets, for real: in mount namespaces of the tests' own.

/run is an empty file system there, and /var/run a real folder, also where it is a link outside. The test bed's
program runs inside, so that chronyd and its clients know each other's sockets by the same paths.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Daemon, Start

# `unshare` makes all mounts private. The first argument is a folder to work in.
PRIVATE_RUN = """
set -eu
old=$1/old new=$1/new; shift
mount -t tmpfs tmpfs /run
mkdir -p "$old" "$new"
mount --rbind /var "$old"
mount -t tmpfs tmpfs "$new"
for entry in "$old"/* "$old"/.[!.]*; do
    name=${entry##*/}
    if [ "$name" = run ]; then mkdir "$new/run"
    elif [ -L "$entry" ]; then cp -P "$entry" "$new"
    elif [ -d "$entry" ]; then mkdir "$new/$name"; mount --rbind "$entry" "$new/$name"
    elif [ -e "$entry" ]; then touch "$new/$name"; mount --bind "$entry" "$new/$name"
    fi
done
mount --rbind "$new" /var
exec "$@"
"""


@pytest.fixture
def private_run(tmp_path: Path) -> list[str]:
    """The beginning of a command line that runs with an empty /run and /var/run."""
    return ["unshare", "--mount", "sh", "-c", PRIVATE_RUN, "sh", str(tmp_path)]


@pytest.fixture
def start_at(start: Start, private_run: list[str]) -> Callable[..., Daemon]:
    """Start a daemon whose folder is also at the given place; its `inside("mount")` is where that is so."""

    def start_one(place: str, *arguments: str) -> Daemon:
        daemon = start(*arguments, wrapper=private_run)
        mount = 'mkdir -p "$1" && mount --bind "$2" "$1"'
        command = [*daemon.inside("mount"), "sh", "-c", mount, "sh", place, str(daemon.folder)]
        subprocess.run(command, check=True)
        return daemon

    return start_one
