"""A program that loads libchrony: `library.py CASE [ARGUMENT…]`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pychrony


def call_all() -> None:
    """Call all functions that are named, twice, and print their errors."""
    found: list[list[object]] = []
    for call in [getattr(pychrony, name) for name in sys.argv[2:] * 2]:
        try:
            found.append(["", None, repr(call()), None, ""])
        except pychrony.ChronyError as error:
            found.append([type(error).__name__, error.error_code, error.message, str(error), str(error.__cause__)])
    print(json.dumps(found))


def path() -> None:
    try:
        print(pychrony.libchrony_path())
    except pychrony.ChronyLibraryError as error:
        print(error.message)


def found_later() -> None:
    try:
        pychrony.libchrony_path()
    except pychrony.ChronyLibraryError:
        Path(os.environ["LIBCHRONY_PATH"]).symlink_to(sys.argv[2])
        print(pychrony.libchrony_path())


if __name__ == "__main__":
    globals()[sys.argv[1]]()
