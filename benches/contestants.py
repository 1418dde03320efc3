"""The table of contestants, and the process that represents each."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benches.bed import BENCHES, BUILT, PEER, ROOT, Answering, ProcessError

if TYPE_CHECKING:
    from collections.abc import Mapping

RUNNER = str(BUILT / "release" / "bench-runner")
CANDM = str(BUILT / "release" / "bench-candm")
PYTHON = (sys.executable, "-I", "-S", str(BENCHES / "processes" / "python_runner.py"))
OURS = str(ROOT / "python")

SESSIONS = (1, 2, 4, 8, 16)


@dataclass(frozen=True)
class Contestant:
    """The name in the tables, and the command line of the process."""

    name: str
    command: tuple[str, ...]


CONTESTANTS = {
    "functions": Contestant("pychrony, functions", (*PYTHON, "functions", OURS)),
    "connection": Contestant("pychrony, ChronyConnection", (*PYTHON, "connection", OURS)),
    "crate": Contestant("crate libchrony", (RUNNER, "libchrony")),
    "raw": Contestant("libchrony, raw calls", (RUNNER, "raw")),
    **{f"own-{n}": Contestant(f"raw, {n} sockets", (RUNNER, "raw", str(n), "own")) for n in SESSIONS[1:]},
    **{f"turns-{n}": Contestant(f"raw, {n} sockets in turns", (RUNNER, "raw", str(n), "turns")) for n in SESSIONS[1:]},
    **{
        f"shared-{n}": Contestant(f"raw, {n} sessions, 1 socket", (RUNNER, "raw", str(n), "shared"))
        for n in SESSIONS[1:]
    },
    "peer": Contestant("pychrony 2.0.3", (*PYTHON, "connection", str(PEER))),
    "candm": Contestant("chrony-candm 0.1.3", (CANDM,)),
    "chronyc": Contestant("chronyc -c, a process", (*PYTHON, "chronyc")),
}
"""The contestants, in the order of the tables."""


class Runner(Answering):
    """The long-lived process of a contestant."""

    def __init__(self, key: str) -> None:
        """Start the process, which ends with `close`."""
        super().__init__(*CONTESTANTS[key].command)
        self.key = key

    def run(self, case: str, address: str, count: int) -> Mapping[str, int] | None:
        """Make calls and return their wall and CPU time in nanoseconds; None if the case is not supported."""
        try:
            answer = self.tell(f"{case} {address} {count}")
        except ProcessError as error:
            raise ProcessError(f"{self.key}, {error}") from error
        return None if "unsupported" in answer else answer
