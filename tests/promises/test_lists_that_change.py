"""Sources that come and go while a list is read: one that was there all along is in the list.

chronyd moves the sources behind a removed one up, and appends new ones, so that the number may be as before.
"""

from __future__ import annotations

from operator import sub
from typing import TYPE_CHECKING

import pytest

from pychrony import ChronyConnection

if TYPE_CHECKING:
    from tests.conftest import Daemon

#: By lanes, so many sources that all lanes are in use.
LENGTHS = {1: 9, 8: 32}
#: The codes of the requests for a number and for a record.
NUMBER = 14
REPORTS = {"get_sources": 15, "get_source_stats": 34}


@pytest.mark.parametrize("transport", ["socket", "udp"])
@pytest.mark.parametrize("lanes", LENGTHS)
def test_a_source_that_was_there_all_along_is_never_missing(transport: str, lanes: int, scripted: Daemon) -> None:
    """Whichever goes, and wherever the reader is then; the list is that of before or that of after."""
    length = LENGTHS[lanes]
    scripted.say(f'values {{"sources": {length}}}')
    with ChronyConnection(getattr(scripted, transport), lanes=lanes) as connection:

        def read() -> list[str]:
            return [source.address for source in connection.get_sources()]

        before = read()
        assert len(set(before)) == length
        wrong = []
        # A few more, for the requests that tell whether something has changed.
        for read_then in range(length + 3):
            for gone in range(length):
                scripted.say(f"fault churn {read_then} {gone} 1")
                found = read()
                # What was not reached in that list shall not happen in the next one.
                scripted.say("clear")
                after = read()
                if found not in (before, after):
                    wrong.append((read_then, gone, sorted(set(before) & set(after) - set(found))))
                before = after
        assert not wrong, f"{len(wrong)} lists, such as (records read, source removed, sources missing): {wrong[:5]}"


@pytest.mark.parametrize("lanes", LENGTHS)
@pytest.mark.parametrize("added", [0, 2, 3])
def test_a_list_that_gets_shorter_or_longer_is_one_of_the_two(added: int, lanes: int, scripted: Daemon) -> None:
    """The number comes first; what is added after that may be for the next list."""
    length = LENGTHS[lanes]
    with ChronyConnection(scripted.socket, lanes=lanes) as connection:
        for read_then in range(0, length + 3, 2):
            for gone in range(0, length, 3):
                scripted.say(f'values {{"sources": {length}, "sourcestats": {length}}}')
                before = [stats.address for stats in connection.get_source_stats()]
                scripted.say(f"fault churn {read_then} {gone} {added}")
                found = [stats.address for stats in connection.get_source_stats()]
                scripted.say("clear")
                after = [stats.address for stats in connection.get_source_stats()]
                assert found in (before, after, after[:length]), (read_then, gone)


@pytest.mark.parametrize("transport", ["socket", "udp"])
@pytest.mark.parametrize("method", REPORTS)
def test_a_list_costs_one_request_more_than_its_records(transport: str, method: str, scripted: Daemon) -> None:
    """The one that tells whether something has changed; a list of one cannot have changed unseen."""

    def requests() -> tuple[int, int]:
        asked = scripted.say("requests")["requests"]
        return asked.get(str(NUMBER), 0), asked.get(str(REPORTS[method]), 0)

    for lanes, lengths in {1: (0, 1, 2, 9), 8: (1, 32, 100)}.items():
        with ChronyConnection(getattr(scripted, transport), lanes=lanes) as connection:
            for length in lengths:
                scripted.say(f'values {{"sources": {length}, "sourcestats": {length}}}')
                costs = []
                for _ in range(3):
                    before = requests()
                    assert len(getattr(connection, method)()) == length
                    costs.append(tuple(map(sub, requests(), before)))
                # Over UDP a busy machine may be taken for a loss, but not each time.
                assert min(costs) == (1, length if length <= 1 else length + 1)
                assert transport == "udp" or len(set(costs)) == 1
