"""Reports over UDP from a chronyd with the directive `opencommands`, which chrony 4.7 added.

Only `make matrix` has one, and runs this file by name. pytest alone does not collect it: its name does not begin with
`test_`.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.chronyc import keep_measurements
from tests.support.reports import REPORTS

import pychrony
from pychrony import ChronyPermissionError

if TYPE_CHECKING:
    from tests.support.daemon import Start

#: These chronyds have no RTC to track.
NAMES = [report.name for report in REPORTS if report.name != "rtcdata"]


def has_opencommands() -> bool:
    """Return True if chronyd is new enough for the directive."""
    output = subprocess.run(["chronyd", "--version"], check=True, text=True, capture_output=True).stdout
    version = re.search(r"version (\d+)\.(\d+)", output)
    assert version, output
    return (int(version[1]), int(version[2])) >= (4, 7)


def test_every_report_that_chronyd_opens_is_read_over_udp(start: Start, compare: Callable[..., dict[str, Any]]) -> None:
    """An older chronyd refuses them, and the error names the directive and the version that has it."""
    if not has_opencommands():
        with pytest.raises(ChronyPermissionError, match=r"opencommands.*4\.7"):
            pychrony.get_server_stats(start("chronyd", "--command-port").udp)
        return
    # A report by address needs sourcestats, too.
    client = start("pair", "--all-kinds", "--command-port", "--line", f"opencommands {' '.join(NAMES)}")
    keep_measurements(client)
    for address in (client.udp, client.udp6):
        assert set(compare(client, address, also=NAMES)) == set(NAMES)
