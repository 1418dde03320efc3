"""pychrony does not change chronyd: each request of each call is one that only reads."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from tests.support.reports import LISTS, REPORTS

import pychrony
from pychrony import ChronyConnection, ChronyError

if TYPE_CHECKING:
    from tests.support.daemon import Daemon
    from tests.support.front import Front

#: chrony's code of the request for the number of sources. The list of reports has the other codes.
NUMBER = 14
FAULTS = ["status 1", "status 2", "status 13", "truncate 40", "count 41", "count -1", "random 7", "drop 1"]


def calls(address: str) -> Iterator[Callable[[], object]]:
    """Yield every public call that talks to chronyd."""
    for name in pychrony.__all__:
        if name == "get_report":
            yield from (partial(pychrony.get_report, report, address, timeout=5) for report in pychrony.list_reports())
        elif name.startswith("get_"):
            yield partial(getattr(pychrony, name), address, timeout=5)
    for lanes in (1, 8):
        with contextlib.suppress(ChronyError), ChronyConnection(address, timeout=5, parallel=lanes) as connection:
            for name in dir(connection):
                member = None if name.startswith("_") else getattr(connection, name)
                if name == "get_report":
                    yield from (partial(connection.get_report, report) for report in pychrony.list_reports())
                elif callable(member) and not isinstance(member, type) and name != "close":
                    yield member


def test_every_request_is_one_that_only_reads(scripted: Daemon, fronts: list[Front]) -> None:
    """A proxy in front of chronyd sees every byte. With faults, so that requests are sent again, too."""
    called = 0
    for fault in [None, *FAULTS]:
        for front in fronts:
            scripted.say("clear" if fault is None else f"fault {fault}")
            for call in calls(front.address):
                called += 1
                with contextlib.suppress(ChronyError):
                    call()
    assert called > 100
    for front in fronts:
        sent = set()
        for request in front.requests:
            code = int.from_bytes(request[4:6], "big")
            # Version 6, a request, two reserved bytes. Bytes 8 to 11 are the sequence number.
            assert request[:4] == b"\6\1\0\0"
            # The only other argument is the number of a record, or the address of a source.
            by_address = code in {report.request for report in LISTS if report.is_optional}
            end = 40 if by_address else 24
            argument, rest = request[20:end], request[6:8] + request[12:20] + request[end:]
            assert not any(rest)
            assert not any(argument) or code in {report.request for report in LISTS}
            sent.add(code)
        assert sent == {NUMBER, *(report.request for report in REPORTS)}
