"""The scripted chronyd of these tests."""

from __future__ import annotations

import pytest
from tests.support.daemon import Daemon


@pytest.fixture
def scripted(scripted: Daemon) -> Daemon:
    """The scripted chronyd, with enough sources for all lanes."""
    scripted.say('values {"sources": 40, "sourcestats": 40}')
    return scripted
