"""What the benchmark runs on: the programs it builds, the chronyds it starts, and the path that leads to one."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
BENCHES = ROOT / "benches"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
BUILT = TARGET / "bench"
TESTBED = TARGET / "debug" / "testbed"
PEER = ROOT / ".provision" / "peer"

IN_MEMORY = "/dev/shm"
"""Where the chronyds of the test bed live. libchrony makes folders beside chronyd's socket each time it opens one, and
the usual place of that, /run, is in memory, too."""

PRIVATE = "BENCH_PRIVATE_MOUNTS"
"""Set in the process that has mounts of its own."""


def build() -> None:
    """Build the contestants that are written in Rust, and the test bed."""
    for package in ("runner", "candm"):
        command = ["cargo", "build", "--release", "--locked", "--quiet", "--target-dir", str(BUILT)]
        subprocess.run([*command, "--manifest-path", str(BENCHES / package / "Cargo.toml")], check=True)
    subprocess.run(["cargo", "build", "--quiet", "--package", "testbed"], cwd=ROOT, check=True)


def with_private_mounts() -> bool:
    """Go on in a mount namespace of our own, with an empty /run in memory; False where that is not allowed.

    chrony-candm knows no socket but /var/run/chrony/chronyd.sock, and no daemon of the machine shall be touched.
    """
    if PRIVATE in os.environ:
        for folder in (Path("/run"), Path("/var/run")):
            if not folder.is_symlink() and not ROOT.is_relative_to(folder):
                subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=1777", "none", folder], check=True)
        return True
    unshare = ["unshare", "--mount", "--propagation", "private"]
    if os.geteuid() != 0 or not shutil.which("unshare") or subprocess.run([*unshare, "true"], check=False).returncode:
        return False
    os.environ[PRIVATE] = "1"
    sys.stdout.flush()
    return os.execvp(unshare[0], [*unshare, sys.executable, *sys.argv])


def lead_default_socket_to(folder: Path) -> None:
    """Make the folder of a chronyd the one where chrony-candm looks."""
    link = Path("/var/run/chrony")
    link.unlink(missing_ok=True)
    link.symlink_to(folder)


def build_released() -> Path:
    """Build the test bed with optimisation, for daemons that play chronyd and shall not be what takes the time."""
    command = ["cargo", "build", "--release", "--quiet", "--package", "testbed", "--target-dir", str(BUILT)]
    subprocess.run(command, cwd=ROOT, check=True)
    return BUILT / "release" / "testbed"


class Bed:
    """The program of the test bed, with the arguments and commands that its help lists."""

    def __init__(self, *arguments: str, program: Path = TESTBED) -> None:
        """Start it; ends with `close`."""
        command = [str(program), *arguments]
        environment = {"TESTBED_FOLDER": IN_MEMORY, **os.environ}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)
        self.description = self._answer()

    def _answer(self) -> dict[str, Any]:
        if self.process.stdout is None:
            raise RuntimeError("the test bed has no output")
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def tell(self, command: str) -> dict[str, Any]:
        """Give the test bed a command, and return its answer."""
        if self.process.stdin is None:
            raise RuntimeError("the test bed has no input")
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """End it, and the chronyd with it."""
        self.process.communicate()

    @property
    def addresses(self) -> dict[str, str]:
        """Where its chronyd is, by transport."""
        return {"unix": self.description["socket"], "udp": f"127.0.0.1:{self.description['command_port']}"}


class Chronyd(Bed):
    """A private chronyd of the test bed, idle but for our requests."""

    def __init__(self, *arguments: str) -> None:
        """Start it; ends with `close`."""
        super().__init__(*arguments, "--command-port")
        self.pid: int = self.description["pid"]
        self.folder = Path(self.description["folder"])


@contextlib.contextmanager
def chronyds(lengths: set[int]) -> Iterator[dict[int, Chronyd]]:
    """A synchronised chronyd as number 0, and one for each number of sources. None of them polls its sources."""
    with contextlib.ExitStack() as stack:
        started = {}
        for length in sorted({0, *lengths}):
            if length == 0:
                chronyd = Chronyd("pair")
                chronyd.tell("chronyc offline")
            else:
                sources = (f"server 127.{1 + i // 62500}.{i // 250 % 250}.{1 + i % 250} offline" for i in range(length))
                chronyd = Chronyd("chronyd", *(f"--line={source}" for source in sources))
            stack.callback(chronyd.close)
            started[length] = chronyd
        yield started
