"""The front page: its Python examples run as they stand, against a chronyd at the default socket."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.programs import PROGRAMS

if TYPE_CHECKING:
    from tests.support.daemon import Daemon, Start

pytestmark = pytest.mark.blocking_only("the examples of the README are programs of their own")

README = (Path(__file__).parents[2] / "README.md").read_text()
CODE = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
EXAMPLES = [code for code in CODE if "print(" in code]
#: What has a program end in an orderly way at a SIGTERM.
(ORDERLY,) = (code for code in CODE if code not in EXAMPLES)


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_prints_something(start_at: Callable[..., Daemon], example: str) -> None:
    daemon = start_at("/run/chrony", "pair")
    command = [*daemon.inside("mount"), sys.executable, "-c", example]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "127.0.0.1" in done.stdout or "chronyd.sock" in done.stdout


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 5


@pytest.mark.parametrize(("lines", "status", "left"), [(ORDERLY, 0, 0), ("", -signal.SIGTERM, 1)])
def test_the_lines_for_sigterm_leave_nothing_and_without_them_a_folder_is_left(
    lines: str, status: int, left: int, start: Start
) -> None:
    daemon = start("chronyd")
    command = [sys.executable, "-c", lines + (PROGRAMS / "left_open.py").read_text(), daemon.socket]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        assert len(daemon.leftovers()) == 1
        process.terminate()
        assert process.wait(10) == status
    assert len(daemon.leftovers()) == left


def test_every_target_of_the_makefile_is_named_truly() -> None:
    """What the front page tells the reader to type exists."""
    makefile = (Path(__file__).parents[2] / "Makefile").read_text()
    named = re.findall(r"^make ([a-z-]+)", README, re.MULTILINE)
    assert named
    assert [target for target in named if f"\n{target}:" not in makefile] == []
