"""Workers of multiprocessing end without exit handlers, but leave no folder next to chronyd's socket."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.daemon import Daemon
    from tests.support.programs import Python

pytestmark = pytest.mark.blocking_only("threads that block in calls; tests/aio/test_processes.py tests loops")

PATIENCE = 60.0
STARTS = ["fork", "forkserver", "spawn"]


@pytest.mark.parametrize("workers", ["one_task_workers", "executor", "process", "thread_that_outlives_its_task"])
@pytest.mark.parametrize("start_method", STARTS)
def test_workers_leave_nothing(start_method: str, workers: str, many: Daemon, python: Python) -> None:
    command = python.command("workers.py", many.socket, start_method, workers)
    done = subprocess.run(command, text=True, capture_output=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
    assert many.leftovers() == []
