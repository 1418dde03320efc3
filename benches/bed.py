"""The environment of a benchmark: the programs that it builds, and the processes and chronyds that it starts."""

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
"""The folder of the test bed's chronyds. libchrony makes folders next to chronyd's socket whenever it opens a socket.
The usual place of chronyd's socket, /run, is in memory, too."""

PRIVATE = "BENCH_PRIVATE_MOUNTS"
"""The environment variable that is set in the process with its own mount namespace."""


def cargo(*arguments: str) -> None:
    """Run `cargo build`."""
    subprocess.run(["cargo", "build", "--quiet", *arguments], cwd=ROOT, check=True)


def build() -> None:
    """Build the contestants that are written in Rust, and the test bed."""
    for package in ("runner", "candm"):
        manifest = str(BENCHES / package / "Cargo.toml")
        cargo("--release", "--locked", "--target-dir", str(BUILT), "--manifest-path", manifest)
    cargo("--package", "testbed")


def build_released() -> Path:
    """Build the test bed with optimisation, so that its daemons do not limit the measurement."""
    cargo("--release", "--package", "testbed", "--target-dir", str(BUILT))
    return BUILT / "release" / "testbed"


def with_private_mounts() -> bool:
    """Restart this program in a new mount namespace, with an empty /run in memory; return False if not permitted.

    chrony-candm always uses /var/run/chrony/chronyd.sock, where the system's chronyd must not be replaced.
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


def link_default_socket_to(folder: Path) -> None:
    """Link the folder in which chrony-candm looks for the socket to the folder of a chronyd."""
    link = Path("/var/run/chrony")
    link.unlink(missing_ok=True)
    link.symlink_to(folder)


class ProcessError(Exception):
    """A process ended before it answered, or answered with an error."""


class Answering:
    """A process that answers each line with one line of JSON, until its standard input ends."""

    def __init__(self, *command: str, environment: Mapping[str, str] | None = None) -> None:
        """Start the process, which ends with `close`."""
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)

    def answer(self, about: str) -> dict[str, Any]:
        """Return the next answer."""
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
        """Send a command, and return the answer."""
        if self.process.stdin is None:
            raise ProcessError("the process has no input")
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.answer(command)

    def close(self) -> None:
        """End the process."""
        self.process.communicate()


class Bed(Answering):
    """A process of the test bed. Its help lists the arguments and commands."""

    def __init__(self, *arguments: str, program: Path = TESTBED) -> None:
        """Start the process and its chronyd, which both end with `close`."""
        super().__init__(str(program), *arguments, environment={"TESTBED_FOLDER": IN_MEMORY, **os.environ})
        self.description = self.answer(" ".join(arguments))

    @property
    def addresses(self) -> dict[str, str]:
        """The addresses of the chronyd, by transport."""
        return {"unix": self.description["socket"], "udp": f"127.0.0.1:{self.description['command_port']}"}


class Chronyd(Bed):
    """A private chronyd of the test bed, idle except for requests."""

    def __init__(self, *arguments: str) -> None:
        """Start the chronyd, which ends with `close`."""
        super().__init__(*arguments, "--command-port")
        self.pid: int = self.description["pid"]
        self.folder = Path(self.description["folder"])


@contextlib.contextmanager
def chronyds(lengths: set[int]) -> Iterator[dict[int, Chronyd]]:
    """Start a chronyd for each number of sources, and a synchronised one as number 0. All sources are offline."""
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
