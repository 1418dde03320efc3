"""Resources of this process: descriptors, and the folders of its sockets next to chronyd's."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.daemon import Daemon


class Resources:
    """A comparison of this process's resources with those at first."""

    def __init__(self, daemon: Daemon) -> None:
        """Look for the first time."""
        self.daemon = daemon
        # A test that has failed may have left something.
        self.before, self.folders = self.descriptors(), self.daemon.leftovers()

    @staticmethod
    def descriptors() -> list[str]:
        """This process's descriptors and their targets, except for the one that this function opens."""
        entries = [Path("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]  # noqa: PTH208
        return sorted(f"{entry.name} {entry.readlink()}" for entry in entries if entry.is_symlink())

    def opened(self) -> int:
        """Return the number of sockets that were not there at first."""
        return sum(" socket:" in line for line in set(self.descriptors()) - set(self.before))

    def sessions(self) -> int:
        """Return the number of further sessions of libchrony; each has its own source of random numbers."""
        return sum(line.endswith(" /dev/urandom") for line in set(self.descriptors()) - set(self.before))

    def assert_none_left(self) -> None:
        """Fail if a descriptor, or a folder next to the daemon's socket, is left."""
        assert set(self.descriptors()) - set(self.before) == set()
        assert set(self.daemon.leftovers()) - set(self.folders) == set()
