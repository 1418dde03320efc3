"""A scripted chronyd for the promises, and the measuring tools of `benches`, which tests run with small numbers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.conftest import Daemon, Start

CROWD = Path(__file__).resolve().parent.parent.parent / "benches" / "crowd.py"


@pytest.fixture(scope="module")
def server(start_shared: Start) -> Daemon:
    """A scripted chronyd for all tests of a module."""
    return start_shared("scripted")


@pytest.fixture
def scripted(server: Daemon) -> Daemon:
    """It, in order again, with three sources."""
    server.say("clear")
    server.say('values {"sources": 3, "sourcestats": 3}')
    return server


@pytest.fixture(scope="session")
def crowd() -> Callable[..., list[dict[str, Any]]]:
    """Run `benches/crowd.py` with options and return its figures."""

    def run(case: str, address: str, *options: str) -> list[dict[str, Any]]:
        command = [sys.executable, str(CROWD), case, "--json", "--address", address, *options]
        done = subprocess.run(command, text=True, stdout=subprocess.PIPE, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run
