"""A scripted chronyd, and programs that must end without a word on stderr."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from tests.conftest import Daemon, Python, Start

#: Nothing that is started here takes nearly as long, and the calls in it have deadlines far beyond.
PATIENCE = 30.0


@pytest.fixture
def scripted(start: Start) -> Daemon:
    """A scripted chronyd with enough sources for all lanes."""
    daemon = start("scripted")
    daemon.say('values {"sources": 40}')
    return daemon


class Finish(Protocol):
    """Runs a program to its end."""

    def __call__(self, code: str, *arguments: str, wrapper: Sequence[str] = (), nobody: bool = False) -> str:
        """Return what it printed; a failure, and any word on stderr, fails the test."""


@pytest.fixture
def finish(python: Python) -> Finish:
    """Run a program to its end; it has to succeed and to leave stderr empty."""

    def run(code: str, *arguments: str, wrapper: Sequence[str] = (), nobody: bool = False) -> str:
        command = python.command(code, *arguments, wrapper=wrapper, nobody=nobody)
        done = subprocess.run(command, text=True, capture_output=True, timeout=PATIENCE, check=False)
        assert (done.returncode, done.stderr) == (0, ""), f"{done.stdout}\n{done.stderr}"
        return done.stdout

    return run
