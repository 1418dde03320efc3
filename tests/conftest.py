"""Where the fixtures are, and which tests run where an event loop makes the calls (`PYCHRONY_TEST_DRIVER`)."""

from __future__ import annotations

import os

import pytest

pytest.register_assert_rewrite("tests.support")

from tests.support import facade  # noqa: E402
from tests.support.daemon import ROOT  # noqa: E402
from tests.support.programs import DRIVER  # noqa: E402

pytest_plugins = ["tests.support.fixtures"]
if DRIVER is not None:
    # Before any test takes a function of pychrony by name. The programs that tests run do so too.
    facade.install(DRIVER)
    os.environ["PYTHONPATH"] = str(ROOT)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is not of pychrony's calls, where these are made by an event loop."""
    if DRIVER is None:
        return
    left_out = [item for item in items if not facade.is_of_calls(item.nodeid)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
