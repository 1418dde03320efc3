"""The scripted chronyd of these tests."""

from __future__ import annotations

import pytest
from tests.support.daemon import Daemon
from tests.support.reports import defaults


@pytest.fixture
def scripted(scripted: Daemon) -> Daemon:
    """The scripted chronyd, with enough sources for all lanes."""
    scripted.say(defaults(40))
    return scripted
