"""Sources of every kind and number, compared with chronyc: none, one, each kind at once, every poll, 450."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

import pychrony
from pychrony import Source, SourceMode, SourceState

if TYPE_CHECKING:
    from tests.support.daemon import Daemon, Start

Compare = Callable[..., dict[str, Any]]
Eventually = Callable[..., None]
NEVER = 0xFFFFFFFF


def test_no_source_is_an_empty_list(start: Start) -> None:
    daemon = start("chronyd", "--command-port")
    for address in (daemon.socket, daemon.udp, daemon.udp6):
        assert pychrony.get_sources(address) == []
        assert pychrony.get_source_stats(address) == []


def test_one_source(quiet_pair: Daemon, compare: Compare) -> None:
    found = compare(quiet_pair)
    (source,), (stats,) = found["sources"], found["sourcestats"]
    assert (source.address, source.stratum, source.poll) == ("127.0.0.1", 1, -4)
    assert source.mode is SourceMode.CLIENT
    assert source.state in {SourceState.SELECTED, SourceState.NONSELECTABLE}
    assert source.latest_meas_err > 0
    assert (stats.address, stats.reference_id) == ("127.0.0.1", 0x7F000001)
    assert stats.has_sufficient_samples()
    assert stats.offset_err > 0
    assert stats.std_dev > 0


def test_a_source_in_use_is_selected_and_reachable(pair: Daemon, eventually: Eventually) -> None:
    found: list[Source] = []

    def is_selected() -> bool:
        """After a slow measurement on a busy machine, chronyd may not select a source until the next measurement."""
        found[:] = pychrony.get_sources(pair.socket)
        is_in_order = found[0].reachability % 2 == 1 and found[0].poll == -4
        is_shown = pair.rows("sources")[0][:3] == ["^", "*", "127.0.0.1"]
        return found[0].state is SourceState.SELECTED and is_in_order and is_shown

    eventually(is_selected, "the source is selected")
    (source,) = found
    assert source.is_selected()
    assert source.is_reachable()
    assert source.reachability % 2 == 1
    assert source.last_sample_ago < 5
    assert source.has_sample()
    assert source.poll_interval == 0.0625


@pytest.fixture(scope="module")
def every_kind(start_shared: Start, eventually: Eventually, quieten: Callable[[Daemon], None]) -> Daemon:
    """A chronyd with each kind of source; its shared memory is in an IPC namespace of its own."""
    server = start_shared("chronyd", "--server")
    quick = "iburst minpoll -4 maxpoll -4"
    lines = [
        f"server 127.0.0.1 port {server.ntp_port} {quick}",
        "refclock SHM 0 refid GPS poll 3",
        "refclock SHM 1 refid PPS1 poll 2 noselect",
        f"peer 127.0.0.2 port {server.ntp_port} minpoll 3 maxpoll 3",
        f"server ::1 port {server.ntp_port} {quick}",
        "server 127.0.0.9 port 9 minpoll 5 maxpoll 7",
        "server 2001:db8::1 minpoll 8 offline",
        "peer 127.0.0.3 minpoll 9 offline",
    ]
    options = [part for line in lines for part in ("--line", line)]
    daemon = start_shared("chronyd", "--command-port", *options, wrapper=["unshare", "--ipc"])

    def reachable() -> bool:
        sources = {source.address: source for source in pychrony.get_sources(daemon.socket)}
        return all(sources[address].reachability == 255 for address in ("127.0.0.1", "::1"))

    eventually(reachable, "eight samples over IPv4 and IPv6")
    quieten(daemon)
    eventually(lambda: pychrony.get_tracking(daemon.socket).is_synchronized(), "a selected source")
    return daemon


def test_every_kind_at_once(every_kind: Daemon, compare: Compare) -> None:
    found = compare(every_kind)
    sources: dict[str, Source] = {source.address: source for source in found["sources"]}
    assert {address: source.mode_name for address, source in sources.items()} == {
        "127.0.0.1": "client",
        "GPS": "reference clock",
        "PPS1": "reference clock",
        "127.0.0.2": "peer",
        "::1": "client",
        "127.0.0.9": "client",
        "2001:db8::1": "client",
        "127.0.0.3": "peer",
    }
    assert sources["GPS"].mode is SourceMode.REFCLOCK
    assert sources["127.0.0.2"].mode is SourceMode.PEER
    for name in ("127.0.0.1", "::1"):
        assert sources[name].stratum == 1
        assert sources[name].last_sample_ago < 60
    for name in ("GPS", "PPS1", "127.0.0.9", "2001:db8::1", "127.0.0.3"):
        assert not sources[name].is_reachable()
        assert not sources[name].is_selected()
        assert not sources[name].has_sample()
        assert sources[name].state is SourceState.NONSELECTABLE
        assert (sources[name].stratum, sources[name].last_sample_ago) == (0, NEVER)
    assert {name: sources[name].poll for name in ("GPS", "PPS1", "2001:db8::1", "127.0.0.3")} == {
        "GPS": 3,
        "PPS1": 2,
        "2001:db8::1": 8,
        "127.0.0.3": 9,
    }


def test_statistics_of_every_kind_follow_the_sources(every_kind: Daemon) -> None:
    sources = pychrony.get_sources(every_kind.socket)
    stats = pychrony.get_source_stats(every_kind.socket)
    for source, one in zip(sources, stats, strict=True):
        if source.mode == SourceMode.REFCLOCK:
            assert one.address == ""
            assert one.reference_id == int.from_bytes(source.address.encode().ljust(4, b"\0"), "big")
        else:
            assert one.address == source.address
        address = None if source.mode == SourceMode.REFCLOCK else ipaddress.ip_address(source.address)
        if isinstance(address, ipaddress.IPv4Address):
            assert one.reference_id == int(address)
        assert one.reference_id != 0
        if source.last_sample_ago == NEVER:
            assert (one.samples, one.runs, one.span) == (0, 0, 0)
            assert (one.std_dev, one.skew) == (4.0, 2000.0)
            assert not one.has_sufficient_samples()


def test_polls_have_their_sign(
    start: Start, compare: Compare, eventually: Eventually, quieten: Callable[[Daemon], None]
) -> None:
    """chronyd shows a poll below 0 only for a source that it has sampled."""
    server = start("chronyd", "--server")
    polls = {f"127.0.1.{poll + 5}": poll for poll in range(-4, 11)}
    lines = [
        f"server {address} port {server.ntp_port} minpoll {poll} maxpoll {poll} {'iburst' if poll < 0 else 'offline'}"
        for address, poll in polls.items()
    ]
    client = start("chronyd", *(part for line in lines for part in ("--line", line)))

    def found() -> dict[str, int]:
        return {source.address: source.poll for source in pychrony.get_sources(client.socket)}

    eventually(lambda: found() == polls, "every poll as it is configured")
    quieten(client)
    sources = compare(client)["sources"]
    assert sorted(source.poll for source in sources) == list(range(-4, 11))


@pytest.fixture(scope="module")
def many(start_shared: Start) -> Daemon:
    """A chronyd with 450 sources that it never polls, which are not in the order of their addresses."""
    addresses = [f"127.10.{index * 37 % 200}.{index * 91 % 250 + 1}" for index in range(450)]
    lines = [part for address in addresses for part in ("--line", f"server {address} minpoll 10 offline")]
    return start_shared("chronyd", "--command-port", *lines)


def test_450_sources_are_complete_and_in_chronyds_order(many: Daemon) -> None:
    expected = many.rows("sources")
    addresses = [row[2] for row in expected]
    assert len(set(addresses)) == 450
    for address in (many.socket, many.udp, many.udp6):
        sources = pychrony.get_sources(address)
        assert [source.address for source in sources] == addresses
        assert {dataclasses.replace(source, address="") for source in sources} == {
            Source(
                address="",
                poll=10,
                stratum=0,
                state=1,
                mode=0,
                flags=0,
                reachability=0,
                last_sample_ago=NEVER,
                orig_latest_meas=0.0,
                latest_meas=0.0,
                latest_meas_err=0.0,
            )
        }
        stats = pychrony.get_source_stats(address)
        assert [one.address for one in stats] == addresses
        assert [one.reference_id for one in stats] == [int(ipaddress.ip_address(text)) for text in addresses]


def test_a_result_is_the_callers_own(many: Daemon) -> None:
    first = pychrony.get_sources(many.socket)
    twin = list(first)
    first.clear()
    assert pychrony.get_sources(many.socket) == twin
    with pytest.raises(dataclasses.FrozenInstanceError):
        twin[0].address = "192.0.2.1"  # type: ignore[misc]
    assert pychrony.get_sources(many.socket) == twin


def test_eight_threads_read_no_wrong_address_in_100_000(many: Daemon, in_threads: Callable[..., list[Any]]) -> None:
    """libchrony returns every string in one buffer of the process, so threads that read at once could mix them up."""
    expected = [row[2] for row in many.rows("sources")]
    reads = 100_000 // (8 * len(expected)) + 1

    def read(index: int) -> int:
        wrong = 0
        for _ in range(reads):
            if index % 2:
                found = [source.address for source in pychrony.get_sources(many.socket, timeout=60)]
            else:
                found = [one.address for one in pychrony.get_source_stats(many.socket, timeout=60)]
            wrong += sum(1 for one, right in zip(found, expected, strict=True) if one != right)
        return wrong

    assert in_threads(read, 8) == [0] * 8
