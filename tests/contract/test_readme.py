"""The front page: its Python examples run as they stand, against a chronyd at the default socket."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Daemon

README = (Path(__file__).parents[2] / "README.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_prints_something(start_at: Callable[..., Daemon], example: str) -> None:
    daemon = start_at("/run/chrony", "pair")
    command = [*daemon.inside("mount"), sys.executable, "-c", example]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "127.0.0.1" in done.stdout or "chronyd.sock" in done.stdout


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 2


def test_every_target_of_the_makefile_is_named_truly() -> None:
    """What the front page tells the reader to type exists."""
    makefile = (Path(__file__).parents[2] / "Makefile").read_text()
    named = re.findall(r"^make ([a-z-]+)", README, re.MULTILINE)
    assert named
    assert [target for target in named if f"\n{target}:" not in makefile] == []
