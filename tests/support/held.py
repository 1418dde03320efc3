"""The resources of this process: file descriptors, and the folders of its sockets next to chronyd's."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.daemon import Daemon


class Resources:
    """A comparison of this process's resources with the resources that it had before."""

    def __init__(self, daemon: Daemon) -> None:
        """Record the resources that the process has now."""
        self.daemon = daemon
        # A failed test may have left something behind.
        self.before, self.folders = self.descriptors(), self.daemon.leftovers()

    @staticmethod
    def descriptors() -> list[str]:
        """This process's descriptors and their targets, except for the one that this function opens."""
        entries = [Path("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]  # noqa: PTH208
        return sorted(f"{entry.name} {entry.readlink()}" for entry in entries if entry.is_symlink())

    def opened(self) -> int:
        """Return the number of sockets that are new."""
        return sum(" socket:" in line for line in set(self.descriptors()) - set(self.before))

    def sessions(self) -> int:
        """Return the number of sessions of libchrony that are new. Each session has opened /dev/urandom."""
        return sum(line.endswith(" /dev/urandom") for line in set(self.descriptors()) - set(self.before))

    def assert_none_left(self) -> None:
        """Fail if there is a new descriptor, or a new folder next to the daemon's socket."""
        assert set(self.descriptors()) - set(self.before) == set()
        assert set(self.daemon.leftovers()) - set(self.folders) == set()
