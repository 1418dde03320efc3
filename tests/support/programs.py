"""Python programs that tests run as processes of their own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from tests.support.waiting import PATIENCE

#: The kind of event loop that makes pychrony's calls, in the tests and in their programs: see `facade`.
DRIVER = os.environ.get("PYCHRONY_TEST_DRIVER")
PROGRAMS = Path(__file__).resolve().parent.parent / "programs"
FACADE = Path(__file__).with_name("facade.py")


class Python:
    """Runs Python programs as processes of their own."""

    def command(self, program: str, *arguments: str, wrapper: Sequence[str] = ()) -> list[str]:
        """Return the command line of a file of `tests/programs`, or of `-c` and a line of code."""
        driver = [] if DRIVER is None else [str(FACADE), DRIVER]
        path = program if program == "-c" else str(PROGRAMS / program)
        return [*wrapper, sys.executable, "-W", "error", *driver, path, *arguments]

    def environment(self, changes: Mapping[str, str | None]) -> dict[str, str]:
        """Return the environment of the tests with changes; None removes a variable."""
        environment = {**os.environ, **changes}
        return {name: value for name, value in environment.items() if value is not None}

    def __call__(
        self,
        program: str,
        *arguments: str,
        wrapper: Sequence[str] = (),
        environment: Mapping[str, str | None] | None = None,
        cwd: Path | None = None,
        patience: float = PATIENCE,
    ) -> str:
        """Run a program to its end, and return its output. A failure, or no end within `patience`, fails the test."""
        done = subprocess.run(
            self.command(program, *arguments, wrapper=wrapper),
            env=self.environment(environment or {}),
            cwd=cwd,
            text=True,
            capture_output=True,
            timeout=patience,
            check=False,
        )
        assert done.returncode == 0, f"status {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    @contextlib.contextmanager
    def running(self, program: str, *arguments: str, wrapper: Sequence[str] = ()) -> Iterator[subprocess.Popen[str]]:
        """Run a program while the test acts on it. The program must end by itself, with status 0."""
        process = subprocess.Popen(
            self.command(program, *arguments, wrapper=wrapper),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with process:
            try:
                yield process
                assert process.wait(PATIENCE) == 0
            finally:
                process.kill()


class Finish(Protocol):
    """Runs a program to its end."""

    def __call__(self, program: str, *arguments: str, wrapper: Sequence[str] = ()) -> str:
        """Run the program and return its output. A failure, or output on stderr, fails the test."""
