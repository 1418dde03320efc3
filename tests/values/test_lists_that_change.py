"""Sources that come and go while a list is read: a source that was there all the time is in the list.

After the removal of a source, chronyd moves the next sources up. It appends new sources, so the number may not change.
"""

from __future__ import annotations

from itertools import product
from operator import sub
from typing import TYPE_CHECKING

import pytest
from tests.support.reports import LISTS, Report, defaults

from pychrony import ChronyConnection

if TYPE_CHECKING:
    from tests.support.daemon import Daemon

#: For a number of lanes, a number of sources that uses all of them.
LENGTHS = {1: 9, 8: 32}
#: The code of the request for the number of sources.
NUMBER = 14
#: The lists whose records are asked for by their index.
by_index = pytest.mark.parametrize("report", [report for report in LISTS if not report.is_optional], ids=str)


def is_before_or_after(found: list[str], before: list[str], gone: int) -> bool:
    """Return True for the addresses before the change, or those after it, of which new ones may be missing."""
    there = before[:gone] + before[gone + 1 :]
    kept, new = found[: len(there)], found[len(there) :]
    return found == before or (kept == there and all(address.startswith("127.2.") for address in new))


@pytest.mark.parametrize("transport", ["socket", "udp"])
@pytest.mark.parametrize("lanes", LENGTHS)
@by_index
def test_a_source_that_was_there_all_along_is_never_missing(
    transport: str, lanes: int, report: Report, scripted: Daemon
) -> None:
    """Each source may go, at each position of the reader. As many new sources are added, or none, or more."""
    length = LENGTHS[lanes]
    values = defaults(length)
    with ChronyConnection(getattr(scripted, transport), parallel=lanes) as connection:

        def read() -> list[str]:
            return [record.address for record in report.of(connection)()]

        scripted.say(values)
        before = read()
        assert len(set(before)) == length
        wrong = []
        # A few more than there are records, for the request that shows if the list has changed.
        for told, gone in product(range(length + 3), range(length)):
            if lanes > 1 and (told + gone) % 3:
                continue
            added = (1, 1, 0, 2)[(told + gone) % 4]
            scripted.say(values)
            scripted.say(f"fault churn {told} {gone} {added}")
            found = read()
            if not is_before_or_after(found, before, gone):
                wrong.append((told, gone, added, sorted(set(before) - set(found) - {before[gone]})))
    assert not wrong, f"{len(wrong)} lists, such as (records told, source gone, added, missing): {wrong[:5]}"


@pytest.mark.parametrize("transport", ["socket", "udp"])
@by_index
def test_a_list_costs_one_request_more_than_its_records(transport: str, report: Report, scripted: Daemon) -> None:
    """That request shows if the list has changed. A list of one record does not need it."""

    def requests() -> tuple[int, int]:
        asked = scripted.say("requests")["requests"]
        return asked.get(str(NUMBER), 0), asked.get(str(report.request), 0)

    for lanes, lengths in {1: (0, 1, 2, 9), 8: (1, 32, 100)}.items():
        with ChronyConnection(getattr(scripted, transport), parallel=lanes) as connection:
            for length in lengths:
                scripted.say(defaults(length))
                expected = (1, length if length <= 1 else length + 1)
                costs: list[tuple[int, ...]] = []
                # Over UDP, a delay on a busy machine may look like a loss, but not each time.
                while len(costs) < 3 or (transport == "udp" and expected not in costs and len(costs) < 10):
                    before = requests()
                    assert len(report.of(connection)()) == length
                    costs.append(tuple(map(sub, requests(), before)))
                assert min(costs) == expected
                assert transport == "udp" or len(set(costs)) == 1
