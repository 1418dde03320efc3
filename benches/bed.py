"""The environment of a benchmark: the programs it builds, and the processes and chronyds it starts."""

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
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).resolve().parent.parent
BENCHES = ROOT / "benches"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
BUILT = TARGET / "bench"
TESTBED = TARGET / "debug" / "testbed"
PEER = ROOT / ".provision" / "peer"

IN_MEMORY = "/dev/shm"
"""The folder of the test bed's chronyds. libchrony makes folders next to chronyd's socket whenever it opens one, and
/run, where that socket usually is, is in memory, too."""

PRIVATE = "BENCH_PRIVATE_MOUNTS"
"""Set in the process that has mounts of its own."""


def cargo(*arguments: str) -> None:
    """Have cargo build something."""
    subprocess.run(["cargo", "build", "--quiet", *arguments], cwd=ROOT, check=True)


def build() -> None:
    """Build the contestants that are written in Rust, and the test bed."""
    for package in ("runner", "candm"):
        manifest = str(BENCHES / package / "Cargo.toml")
        cargo("--release", "--locked", "--target-dir", str(BUILT), "--manifest-path", manifest)
    cargo("--package", "testbed")


def build_released() -> Path:
    """Build the test bed with optimisation, for daemons that must not be what takes the time."""
    cargo("--release", "--package", "testbed", "--target-dir", str(BUILT))
    return BUILT / "release" / "testbed"


def with_private_mounts() -> bool:
    """Continue in a new mount namespace, with an empty /run in memory; False if that is not allowed.

    chrony-candm knows no socket but /var/run/chrony/chronyd.sock, and the machine's own chronyd is left alone.
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
    return os.execvp(unshare[0], [*unshare, sys.executable, *sys.orig_argv[1:]])


def lead_default_socket_to(folder: Path) -> None:
    """Make the folder of a chronyd the one where chrony-candm looks."""
    link = Path("/var/run/chrony")
    link.unlink(missing_ok=True)
    link.symlink_to(folder)


class ProcessError(Exception):
    """A process ended, or answered with an error, where it should have answered."""


class Answering:
    """A process that answers each line with one line of JSON, until its standard input ends."""

    def __init__(self, *command: str, environment: Mapping[str, str] | None = None) -> None:
        """Start it; ends with `close`."""
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)

    def answer(self, about: str) -> dict[str, Any]:
        """Return its next answer."""
        if self.process.stdout is None:
            raise ProcessError("the process has no output")
        line = self.process.stdout.readline()
        if not line:
            raise ProcessError(f"the process ended: {about}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ProcessError(f"{about}: {answer['error']}")
        return answer

    def tell(self, command: str) -> dict[str, Any]:
        """Give it a command, and return its answer."""
        if self.process.stdin is None:
            raise ProcessError("the process has no input")
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.answer(command)

    def close(self) -> None:
        """End it."""
        self.process.communicate()


class Bed(Answering):
    """The program of the test bed, with the arguments and commands that its help lists."""

    def __init__(self, *arguments: str, program: Path = TESTBED) -> None:
        """Start it, and its chronyd; both end with `close`."""
        super().__init__(str(program), *arguments, environment={"TESTBED_FOLDER": IN_MEMORY, **os.environ})
        self.description = self.answer(" ".join(arguments))

    @property
    def addresses(self) -> dict[str, str]:
        """The addresses of its chronyd, by transport."""
        return {"unix": self.description["socket"], "udp": f"127.0.0.1:{self.description['command_port']}"}


class Chronyd(Bed):
    """A private chronyd of the test bed, idle except for our requests."""

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
