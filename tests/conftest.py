"""The fixtures, and the selection of the tests that an event loop can run (`PYCHRONY_TEST_DRIVER`)."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.support")

from tests.support import facade  # noqa: E402
from tests.support.programs import DRIVER  # noqa: E402

pytest_plugins = ["tests.support.fixtures"]
#: The folders with tests of calls.
FOLDERS = ("tests/api/", "tests/values/", "tests/deadlines/", "tests/process/")

if DRIVER is not None:
    # Before a test module imports a function of pychrony.
    facade.install(DRIVER)


def is_blocking_only(item: pytest.Item) -> bool:
    """Return True for a test with the marker `blocking_only`, which needs a reason."""
    marks = list(item.iter_markers("blocking_only"))
    for mark in marks:
        if mark.kwargs or len(mark.args) != 1 or not (isinstance(mark.args[0], str) and mark.args[0].strip()):
            raise pytest.UsageError(f'{item.nodeid}: write blocking_only("why")')
    return bool(marks)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Check the markers. If an event loop makes the calls, deselect the tests that it cannot run."""
    left_out = [item for item in items if is_blocking_only(item) or not item.nodeid.startswith(FOLDERS)]
    if DRIVER is not None:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
