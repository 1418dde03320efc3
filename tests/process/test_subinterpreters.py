"""Interpreters beside the main one in a process: they get an ImportError, and the main one is none the worse for it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.daemon import Daemon
    from tests.support.programs import Finish

pytestmark = pytest.mark.blocking_only("the import fails before there is a call")

READ = """
def read(address):
    try:
        import pychrony
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
"""

# The module has had three names; what it makes has its own GIL in some versions unless it is told otherwise.
PROGRAM = f"""
import importlib, json, os, sys

for name in ("_interpreters", "_xxsubinterpreters"):
    try:
        interpreters = importlib.import_module(name)
        break
    except ModuleNotFoundError:
        pass

def create(kind):
    if kind == "own":
        return interpreters.create()
    try:
        return interpreters.create("legacy")
    except TypeError:
        return interpreters.create(isolated=False)

READ = {READ!r}
exec(READ)
address, kind, is_first = sys.argv[1], sys.argv[2], sys.argv[3] == "first"
found = [] if is_first else [read(address)]
for _ in range(2):
    reader, writer = os.pipe()
    interpreter = create(kind)
    code = f"import os\\nos.write({{writer}}, str(read({{address!r}})).encode())"
    failure = interpreters.run_string(interpreter, READ + code)
    assert failure is None, failure
    interpreters.destroy(interpreter)
    found.append(os.read(reader, 1000).decode())
    found.append(read(address))
print(json.dumps(found))
"""


@pytest.mark.parametrize("kind", ["own", "legacy"])
@pytest.mark.parametrize("order", ["first", "second"])
def test_only_the_main_interpreter_imports_it(order: str, kind: str, many: Daemon, finish: Finish) -> None:
    """A class made for one interpreter is no class of another, and of no use once its own has ended."""
    found = json.loads(finish(PROGRAM, many.socket, kind, order))
    if order == "second":
        assert found.pop(0) == 2
    assert found[1::2] == [2, 2]
    others = found[::2]
    assert len(others) == 2
    for words in others:
        assert "subinterpreters" in words
    assert many.leftovers() == []
