"""A program that imports pychrony in other interpreters: `subinterpreters.py ADDRESS own|legacy first|second`."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import sys
from typing import Any


def read(address: str) -> int | str:
    """Read in the interpreter that runs this. Other interpreters run the source text."""
    try:
        import pychrony  # noqa: PLC0415
    except ImportError as error:
        return str(error)
    with pychrony.ChronyConnection(address) as connection:
        tracking, [first, *_] = connection.get_tracking(), pychrony.get_sources(address)
    assert isinstance(tracking, pychrony.TrackingStatus)
    assert isinstance(first.state, pychrony.SourceState)
    assert isinstance(pychrony.get_tracking(address).leap_status, pychrony.LeapStatus)
    assert repr(tracking).startswith("TrackingStatus(")
    try:
        pychrony.get_tracking("/nowhere/chronyd.sock")
    except pychrony.ChronyConnectionError as error:
        assert error.error_code == -2
    return tracking.stratum


def find() -> Any:  # noqa: ANN401
    """Return Python's module of interpreters, which has had several names."""
    try:
        return importlib.import_module("_interpreters")
    except ModuleNotFoundError:
        return importlib.import_module("_xxsubinterpreters")


def create(interpreters: Any, kind: str) -> Any:  # noqa: ANN401
    """Create an interpreter. In some versions of Python, it has its own GIL unless the kind is "legacy"."""
    if kind == "own":
        return interpreters.create()
    try:
        return interpreters.create("legacy")
    except TypeError:
        return interpreters.create(isolated=False)


def main(address: str, kind: str, order: str) -> None:
    interpreters = find()
    text = f"from __future__ import annotations\nimport os\n{inspect.getsource(read)}"
    found: list[object] = [] if order == "first" else [read(address)]
    for _ in range(2):
        reader, writer = os.pipe()
        interpreter = create(interpreters, kind)
        code = f"os.write({writer}, str(read({address!r})).encode())"
        failure = interpreters.run_string(interpreter, text + code)
        assert failure is None, failure
        interpreters.destroy(interpreter)
        found += [os.read(reader, 1000).decode(), read(address)]
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
