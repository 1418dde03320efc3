"""Lists by address: each record belongs to the source that has its place now, and a reference clock has None.

libchrony may take the address of a source from an earlier answer, when another source had the place.
"""

from __future__ import annotations

import json
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.reports import BY_NAME, LISTS, Report

import pychrony
from pychrony import AuthData, ChronyConnection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.daemon import Daemon

#: The number of the source at each place, or None for a reference clock.
Places = list[int | None]
GPS = int.from_bytes(b"GPS\0", "big")

LISTS_BY_ADDRESS = [report for report in LISTS if report.is_optional]


def values(places: Places) -> str:
    """Return the command that makes the scripted chronyd send these sources."""
    told: dict[str, Any] = {
        "sources": [{"reference ID": GPS} if one is None else {"address": f"127.3.0.{one}"} for one in places],
        "authdata": [None if one is None else {"key ID": one} for one in places],
        "sourcestats": None,
        "ntpdata": None,
    }
    return f"values {json.dumps(told)}"


def number(record: Any) -> int | None:  # noqa: ANN401
    """Return the number of a record's source."""
    if record is None:
        return None
    return record.key_id if isinstance(record, AuthData) else int(record.remote_address.rpartition(".")[2])


def changes(length: int) -> Iterator[tuple[Places, Places]]:
    """Yield lists of a length, before and after a change."""
    usual: Places = list(range(1, length + 1))
    for place in range(length):
        clock, other, turned = usual.copy(), usual.copy(), usual[place:] + usual[:place]
        clock[place], other[place] = None, 200
        yield from ((usual, clock), (clock, usual), (clock, other), (usual, other), (usual, turned))


@pytest.mark.parametrize("transport", ["socket", "udp"])
@pytest.mark.parametrize("lanes", [1, 8])
@pytest.mark.parametrize("first", [*LISTS_BY_ADDRESS, BY_NAME["sourcestats"]], ids=str)
@pytest.mark.parametrize("report", LISTS_BY_ADDRESS, ids=str)
def test_each_place_has_the_record_of_what_is_there_now(
    transport: str, lanes: int, first: Report, report: Report, scripted: Daemon
) -> None:
    """On one connection, whichever list it has read before."""
    many: Places = [*range(1, 41)]
    with ChronyConnection(getattr(scripted, transport), parallel=lanes) as connection:
        for before, after in chain.from_iterable(map(changes, (1, 3))):
            # The connection may have lost lanes because of a missing source. This opens them again.
            scripted.say(values(many))
            assert [number(record) for record in report.of(connection)()] == many
            scripted.say(values(before))
            first.of(connection)()
            scripted.say(values(after))
            assert [number(record) for record in report.of(connection)()] == after


def test_the_name_of_a_source_is_the_same_in_all_lists(scripted: Daemon) -> None:
    named = [{"reference ID": GPS, "address": None}, {"address": "127.3.0.1"}, {"address": {"id": 7}}]
    scripted.say(f"values {json.dumps({'sources': [{'reference ID': GPS}, *named[1:]]})}")
    scripted.say(f"values {json.dumps(dict.fromkeys(['sourcestats', 'selectdata'], named))}")
    with ChronyConnection(scripted.socket) as connection:
        lists: list[Any] = [connection.get_sources(), connection.get_source_stats(), connection.get_select_data()]
    assert [[record.name for record in records] for records in lists] == [["GPS", "127.3.0.1", "ID#0000000007"]] * 3
    [stats, *_] = pychrony.get_source_stats(scripted.socket)
    assert (stats.address, stats.reference_id_name) == ("", "GPS")
