"""Subinterpreters get an ImportError, and the main interpreter is not affected."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.daemon import Daemon
    from tests.support.programs import Finish

pytestmark = pytest.mark.blocking_only("the import fails before there is a call")


@pytest.mark.parametrize("kind", ["own", "legacy"])
@pytest.mark.parametrize("order", ["first", "second"])
def test_only_the_main_interpreter_imports_it(order: str, kind: str, many: Daemon, finish: Finish) -> None:
    """A class belongs to the interpreter that made it. Another interpreter cannot use it."""
    found = json.loads(finish("subinterpreters.py", many.socket, kind, order))
    if order == "second":
        assert found.pop(0) == 2
    assert found[1::2] == [2, 2]
    others = found[::2]
    assert len(others) == 2
    for words in others:
        assert "subinterpreters" in words
    assert many.leftovers() == []
