"""The log of a run: each disturbance, and each unexplained error, with its time on the monotonic clock."""

from __future__ import annotations

import os
import time
from pathlib import Path

_file = os.dup(2)


def start(path: Path) -> None:
    """Log to a new file in place of standard error. Forked children log to it, too."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
    os.dup2(file, _file, inheritable=False)
    os.close(file)


def write(text: str) -> None:
    """Write a line."""
    os.write(_file, f"{time.monotonic():.3f} {text}\n".encode())
