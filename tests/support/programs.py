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

#: Has pychrony read by an event loop of this kind, in the tests and in the programs that they run: see `facade`.
DRIVER = os.environ.get("PYCHRONY_TEST_DRIVER")
#: The user and group of processes without rights; they need not exist.
NOBODY = 65534
USE_DRIVER = f"""
from tests.support import facade
facade.install({DRIVER!r})
"""


class Python:
    """Runs Python programs as processes of their own, in the environment of the tests with changes."""

    def command(self, code: str, *arguments: str, wrapper: Sequence[str] = (), nobody: bool = False) -> list[str]:
        """The command line of a program. As nobody, it gives up all rights once pychrony and libchrony are loaded."""
        if nobody:
            # The interpreter and the package may lie in folders that only the present user may read.
            code = (
                "import json, os, pychrony, pychrony.exceptions\npychrony.libchrony_path()\nos.setgroups([])\n"
                f"os.setresgid({NOBODY}, {NOBODY}, {NOBODY})\nos.setresuid({NOBODY}, {NOBODY}, {NOBODY})\n{code}"
            )
        return [
            *wrapper,
            sys.executable,
            "-W",
            "error",
            "-c",
            code if DRIVER is None else USE_DRIVER + code,
            *arguments,
        ]

    def environment(self, changes: Mapping[str, str | None]) -> dict[str, str]:
        """The present environment with changes; None removes a variable."""
        environment = {**os.environ, **changes}
        return {name: value for name, value in environment.items() if value is not None}

    def __call__(
        self,
        code: str,
        *arguments: str,
        wrapper: Sequence[str] = (),
        nobody: bool = False,
        environment: Mapping[str, str | None] | None = None,
        cwd: Path | None = None,
        patience: float = PATIENCE,
    ) -> str:
        """Run a program to its end, within so many seconds, and return what it printed; a failure fails the test."""
        done = subprocess.run(
            self.command(code, *arguments, wrapper=wrapper, nobody=nobody),
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
    def running(self, code: str, *arguments: str, wrapper: Sequence[str] = ()) -> Iterator[subprocess.Popen[str]]:
        """A program that runs while the test does something else to it; it has to end by itself, without a failure."""
        process = subprocess.Popen(
            self.command(code, *arguments, wrapper=wrapper),
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

    def __call__(self, code: str, *arguments: str, wrapper: Sequence[str] = (), nobody: bool = False) -> str:
        """Return what it printed; a failure, and any word on stderr, fails the test."""
