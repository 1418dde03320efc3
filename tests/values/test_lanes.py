"""Long lists over several sessions at once: complete, in order, one error for all, and nothing left."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.waiting import assert_unanswered

import pychrony
from pychrony import ChronyConnection, ChronyConnectionError, ChronyDataError, ChronyPermissionError, Source

if TYPE_CHECKING:
    from tests.support.daemon import Daemon, Start
    from tests.support.held import Resources
    from tests.support.programs import Python

Connect = Callable[..., ChronyConnection]
TRANSPORTS = ["socket", "udp", "udp6"]
LANES = [1, 2, 8, 16]
MANY = 950
#: The codes of the requests for a number and for a source.
NUMBER, SOURCE = 14, 15
ADDRESSES = [f"127.0.{7 + number // 250}.{1 + number % 250}" for number in range(MANY)]

RECORDS = [
    {"address": address, "stratum": 1 + index % 14, "poll": index % 11 - 4} for index, address in enumerate(ADDRESSES)
]


@pytest.fixture(scope="module")
def real(start_shared: Start) -> Daemon:
    """A real chronyd with many sources."""
    lines = [part for address in ADDRESSES for part in ("--line", f"server {address} offline")]
    return start_shared("chronyd", "--command-port", *lines)


@pytest.fixture
def many(scripted: Daemon) -> Daemon:
    """A scripted chronyd with many sources, which differ in more than their addresses."""
    stats = [{"address": address, "samples": index} for index, address in enumerate(ADDRESSES)]
    scripted.say("values " + json.dumps({"sources": RECORDS, "sourcestats": stats}))
    return scripted


def requests(daemon: Daemon, code: int) -> int:
    """Return the number of requests with a code so far."""
    return int(daemon.say("requests")["requests"].get(str(code), 0))


def assert_whole(sources: list[Source]) -> None:
    """Fail unless this is the scripted list, in order."""
    assert [source.address for source in sources] == ADDRESSES
    assert [source.stratum for source in sources] == [1 + index % 14 for index in range(MANY)]
    assert [source.poll for source in sources] == [index % 11 - 4 for index in range(MANY)]


@pytest.mark.parametrize("transport", TRANSPORTS[:2])
def test_any_number_of_lanes_reads_the_same(transport: str, many: Daemon, resources: Resources) -> None:

    def read(lanes: int) -> tuple[int, int, bool]:
        with ChronyConnection(getattr(many, transport), parallel=lanes) as connection:
            before = requests(many, SOURCE)
            assert_whole(connection.get_sources())
            asked = requests(many, SOURCE) - before
            stats = connection.get_source_stats()
            assert [one.address for one in stats] == ADDRESSES
            assert [one.samples for one in stats] == list(range(MANY))
            sessions, descriptors = resources.sessions(), resources.descriptors()
            assert sessions <= lanes
            assert_whole(connection.get_sources())
            found = (asked, sessions, resources.descriptors() == descriptors)
        resources.assert_none_left()
        return found

    for lanes in LANES:
        # Each record is asked for once, and the last one again at the end.
        expected = (MANY + 1, lanes, True)
        found = read(lanes)
        # Over UDP, a delay on a busy machine may look like a loss, but not each time.
        for _ in range(0 if transport == "socket" else 5):
            if found != expected:
                found = read(lanes)
        assert found == expected


def test_lanes_open_with_the_length_of_the_list(scripted: Daemon, resources: Resources) -> None:
    """A short list does not open further lanes. Open lanes are kept, up to the given number."""
    with ChronyConnection(scripted.socket, parallel=4) as connection:
        opened = []
        for length in (0, 1, *range(2, 200, 6), 500, 5, 0):
            scripted.say(f'values {{"sources": {length}}}')
            assert len(connection.get_sources()) == length
            opened.append(resources.sessions())
    assert opened[:2] == [1, 1]
    assert opened == sorted(opened)
    assert set(opened) == {1, 2, 3, 4}
    resources.assert_none_left()


@pytest.mark.parametrize("transport", TRANSPORTS[1:])
def test_a_real_list_is_the_same_over_any_number_of_lanes(transport: str, real: Daemon, connect: Connect) -> None:
    assert [row[2] for row in real.rows("sources")] == ADDRESSES
    sources: list[Source] = []
    for lanes in LANES:
        connection = connect(getattr(real, transport), parallel=lanes)
        for _ in range(2):
            sources = connection.get_sources()
            assert [source.address for source in sources] == ADDRESSES
            # The sources differ only in their addresses, and do not change.
            assert {replace(source, address="") for source in sources} == {replace(sources[0], address="")}
            stats = connection.get_source_stats()
            assert [one.address for one in stats] == ADDRESSES
            assert {one.samples for one in stats} == {0}
        assert sources == pychrony.get_sources(real.socket)


@pytest.mark.parametrize("lanes", [1, 8])
def test_a_list_that_shrinks_during_the_read_is_read_again(
    lanes: int, many: Daemon, connect: Connect, resources: Resources
) -> None:
    connection = connect(many.socket, parallel=lanes)
    for counts in (f"{MANY + 1},{MANY}", f"{MANY + 40},{MANY + 1},{MANY}"):
        before = requests(many, NUMBER)
        many.say(f"fault count {counts}")
        assert_whole(connection.get_sources())
        assert requests(many, NUMBER) == before + len(counts.split(","))
        assert resources.sessions() == lanes
        many.say("clear")


def test_a_list_that_grows_during_the_read_is_one_of_the_two(many: Daemon, connect: Connect) -> None:
    """The number is read first. A source that is added later is in the next list."""
    connection = connect(many.socket)
    many.say(f"fault count {MANY - 100},{MANY}")
    first, second = connection.get_sources(), connection.get_sources()
    assert_whole(second)
    assert first == second[: MANY - 100]


@pytest.mark.parametrize("lanes", [1, 8])
def test_a_list_that_never_holds_still_is_one_error(lanes: int, many: Daemon, resources: Resources) -> None:
    with ChronyConnection(many.socket, parallel=lanes) as connection:
        connection.get_sources()
        before = requests(many, NUMBER)
        many.say(f"fault count {MANY + 20}")
        with pytest.raises(ChronyDataError, match="changed during the read") as caught:
            connection.get_sources()
        assert caught.value.error_code == -4
        assert 2 <= requests(many, NUMBER) - before <= 10
        assert resources.opened() == 0
        many.say("clear")
        assert_whole(connection.get_sources())
    resources.assert_none_left()


@pytest.mark.parametrize("fault", ["drop 1", "drop 8"])
def test_a_lost_answer_is_asked_for_again(fault: str, many: Daemon, connect: Connect) -> None:
    """Over UDP; a Unix socket loses nothing."""
    connection = connect(many.udp, timeout=5)
    before = requests(many, SOURCE)
    many.say(f"fault only {SOURCE}")
    many.say("fault after 501")
    many.say(f"fault {fault}")
    began = time.monotonic()
    assert_whole(connection.get_sources())
    # A request is sent again after little more than a round trip, and one loss does not lead to others.
    assert time.monotonic() - began < 4
    assert requests(many, SOURCE) <= before + MANY + 2 * LANES[-1]
    assert_whole(connection.get_sources())


def test_a_lossy_path_slows_a_list_down_and_does_no_harm(many: Daemon, connect: Connect) -> None:
    many.say('values {"sources": 12}')
    for lanes in (1, 3):
        connection = connect(many.udp, timeout=15, parallel=lanes)
        many.say(f"fault only {SOURCE}")
        many.say("fault loss 15")
        before = requests(many, SOURCE)
        assert len(connection.get_sources()) == 12
        assert requests(many, SOURCE) > before + 12
        many.say("clear")
        assert len(connection.get_sources()) == 12


@pytest.mark.parametrize("transport", TRANSPORTS[:2])
def test_a_pause_in_the_middle_delays_a_list_and_does_no_harm(transport: str, real: Daemon, connect: Connect) -> None:
    """chronyd stops for so long that requests are sent again over UDP. It then answers all of them."""
    connection = connect(getattr(real, transport), timeout=6)
    begun, end = threading.Event(), threading.Event()

    def read() -> int:
        lists = 0
        while not end.is_set():
            assert [source.address for source in connection.get_sources()] == ADDRESSES
            lists += 1
            begun.set()
        return lists

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(read)
        try:
            assert begun.wait(10)
            # The reader is nearly always in the middle of a list.
            real.say("suspend")
            assert not end.wait(1.2)
            real.say("resume")
        finally:
            end.set()
        assert future.result() > 0
    assert [source.address for source in connection.get_sources()] == ADDRESSES


@pytest.mark.parametrize("transport", TRANSPORTS[:2])
def test_a_bad_value_in_one_lane_is_one_error(transport: str, many: Daemon, resources: Resources) -> None:
    spoilt = [*RECORDS[:500], {**RECORDS[500], "stratum": 99}, *RECORDS[501:]]
    for lanes in (1, 8):
        with ChronyConnection(getattr(many, transport), parallel=lanes) as connection:
            assert_whole(connection.get_sources())
            many.say("values " + json.dumps({"sources": spoilt}))
            for _ in range(2):
                with pytest.raises(ChronyDataError, match=r"^Invalid stratum: 99 ") as caught:
                    connection.get_sources()
                assert caught.value.error_code == -4
                # A session that has failed is not used again, and its other lanes are not either.
                assert resources.sessions() == resources.opened() == 0
                assert connection.get_tracking().stratum == 2
                assert resources.sessions() == resources.opened() == 1
            many.say("values " + json.dumps({"sources": RECORDS}))
            assert_whole(connection.get_sources())
        resources.assert_none_left()


@pytest.mark.parametrize("lanes", [1, 8])
def test_a_refusal_in_the_middle_is_one_error(lanes: int, many: Daemon, resources: Resources) -> None:
    with ChronyConnection(many.udp, parallel=lanes) as connection:
        many.say(f"fault only {SOURCE}")
        many.say("fault after 600")
        many.say("fault status 2")
        with pytest.raises(ChronyPermissionError, match=r"^Failed to process sources response"):
            connection.get_sources()
        assert resources.opened() == 0
        many.say("clear")
        assert_whole(connection.get_sources())
    resources.assert_none_left()


@pytest.mark.parametrize("lanes", [1, 8])
def test_silence_in_the_middle_ends_at_the_deadline(
    lanes: int, many: Daemon, resources: Resources, timed: Callable[..., Any]
) -> None:
    connection = ChronyConnection(many.socket, parallel=lanes, timeout=2)

    def fail() -> str:
        many.say(f"fault only {SOURCE}")
        many.say("fault after 100")
        many.say("fault silence")
        with pytest.raises(ChronyConnectionError) as caught:
            connection.get_sources()
        many.say("clear")
        return caught.value.message

    with connection:
        assert_unanswered(timed(fail, 2), "2s")
        assert resources.opened() == 0
        assert_whole(connection.get_sources())
    resources.assert_none_left()


def test_lanes_that_cannot_be_opened_are_done_without(many: Daemon, python: Python) -> None:
    for address in (many.socket, many.udp):
        assert python("full_table.py", "read_as_room_grows", address, ",".join(ADDRESSES)) == "True\n" * 8
    assert many.leftovers() == []
