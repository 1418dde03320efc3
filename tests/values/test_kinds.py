"""The reports on authentication, selection, measurements and serving, of a chronyd with sources of every kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.chronyc import keep_measurements
from tests.support.daemon import Server

import pychrony
from pychrony import (
    Activity,
    AuthData,
    AuthMode,
    ChronyDataError,
    ChronyPermissionError,
    KeyType,
    LeapStatus,
    NTPData,
    NTPFlag,
    NTPMode,
    SelectOption,
    SelectState,
    Smoothing,
    SmoothingFlag,
)

if TYPE_CHECKING:
    from tests.support.daemon import Daemon, Start

Compare = Callable[..., dict[str, Any]]
Eventually = Callable[..., None]
NEVER = 0xFFFFFFFF
#: The sources that the client measures.
MEASURED = [f"127.0.0.{number}" for number in range(1, 8)]
#: All sources, in chronyd's order: the first is a reference clock, and the last a name that cannot be resolved.
NAMES = ["GPS", *MEASURED, "127.0.0.101", "127.0.0.102", "127.0.0.103", "127.0.0.104", "ID#0000000001"]
KEY_TYPES = {256: KeyType.AEAD_AES_SIV_CMAC_256, 128: KeyType.AEAD_AES_128_GCM_SIV}


@pytest.fixture(scope="module")
def every_kind(start_shared: Start) -> Daemon:
    """A client that has a source of every kind, and does not measure them again for a while."""
    client = start_shared("pair", "--all-kinds", "--command-port")
    keep_measurements(client)
    return client


def by_name(records: list[Any]) -> dict[str, Any]:
    """Return the records of a list, by the names of their sources."""
    return dict(zip(NAMES, records, strict=True))


def test_all_is_as_chronyc_has_it(every_kind: Daemon, compare: Compare) -> None:
    found = compare(every_kind, also=["smoothing"])
    assert set(found) == {
        "tracking",
        "sources",
        "sourcestats",
        "activity",
        "selectdata",
        "authdata",
        "ntpdata",
        "serverstats",
        "smoothing",
    }
    assert [source.address for source in found["sources"]] == NAMES
    assert {len(found[name]) for name in ("sourcestats", "selectdata", "authdata", "ntpdata")} == {len(NAMES)}


def test_what_a_server_has_served_is_as_chronyc_has_it(every_kind: Daemon, compare: Compare) -> None:
    stats = compare(Server(every_kind))["serverstats"]
    # At least four measurements of each of the seven sources, three of which are authenticated.
    assert stats.received_ntp_requests >= 28
    assert stats.received_authenticated_ntp_requests >= 12
    assert stats.received_interleaved_ntp_requests >= 2
    assert stats.held_ntp_timestamps >= 2
    # One of the source with NTS, and one of the source that does not accept the certificate.
    assert stats.accepted_nts_ke_connections >= 2
    assert stats.received_command_requests > 0
    assert (stats.dropped_ntp_requests, stats.dropped_nts_ke_connections, stats.dropped_command_requests) == (0, 0, 0)


def test_over_udp_two_of_them_are_served(every_kind: Daemon, compare: Compare) -> None:
    for address in (every_kind.udp, every_kind.udp6):
        found = compare(every_kind, address, also=["smoothing"])
        assert set(found) == {"tracking", "sources", "sourcestats", "activity", "smoothing"}
        for call in (
            pychrony.get_select_data,
            pychrony.get_auth_data,
            pychrony.get_ntp_data,
            pychrony.get_server_stats,
        ):
            with pytest.raises(ChronyPermissionError, match="opencommands"):
                call(address)


def test_each_source_is_authenticated_as_it_is_configured(every_kind: Daemon) -> None:
    found = by_name(pychrony.get_auth_data(every_kind.socket))
    assert found["GPS"] is None
    nts = found["127.0.0.1"]
    assert (nts.mode, nts.nak) == (AuthMode.NTS, False)
    # Each key establishment gets the next ID.
    assert nts.key_id >= 1
    assert nts.key_type is KEY_TYPES[nts.key_length]
    assert 7 <= nts.cookies <= 8
    assert nts.cookie_length >= 64
    assert nts.last_key_establishment_ago < 120
    none = AuthData(AuthMode.NONE, KeyType(0), 0, 0, 0, NEVER, 0, 0, nak=False)
    for name in ("127.0.0.3", "127.0.0.4", "127.0.0.5", "127.0.0.6", "127.0.0.103", "ID#0000000001"):
        assert found[name] == none
    assert found["127.0.0.2"] == AuthData(AuthMode.SYMMETRIC_KEY, KeyType.SHA256, 3, 256, 0, NEVER, 0, 0, nak=False)
    assert found["127.0.0.7"] == AuthData(AuthMode.SYMMETRIC_KEY, KeyType.AES128, 13, 128, 0, NEVER, 0, 0, nak=False)
    # This key does not exist.
    assert found["127.0.0.104"] == AuthData(AuthMode.SYMMETRIC_KEY, KeyType(0), NEVER, 0, 0, NEVER, 0, 0, nak=False)


@pytest.mark.parametrize("name", ["127.0.0.101", "127.0.0.102"])
def test_a_key_establishment_that_fails_is_told(name: str, every_kind: Daemon) -> None:
    """One server does not listen, and the certificate of the other is not its own."""
    found = by_name(pychrony.get_auth_data(every_kind.socket))[name]
    assert found.mode is AuthMode.NTS
    assert found.key_establishment_attempts >= 1
    assert (found.key_type, found.key_id, found.key_length) == (0, 0, 0)
    assert (found.last_key_establishment_ago, found.cookies, found.cookie_length) == (NEVER, 0, 0)


def test_each_source_has_its_options(every_kind: Daemon) -> None:
    found = by_name(pychrony.get_select_data(every_kind.socket))
    assert {name: one.configured_options for name, one in found.items() if one.configured_options} == {
        "127.0.0.4": SelectOption.NOSELECT,
        "127.0.0.5": SelectOption.PREFER,
        "127.0.0.6": SelectOption.TRUST,
        "127.0.0.7": SelectOption.REQUIRE,
    }
    # If only some sources are authenticated, these get options from chronyd.
    assert found["127.0.0.1"].effective_options == SelectOption.TRUST | SelectOption.REQUIRE
    keys = {"127.0.0.1", "127.0.0.2", "127.0.0.7", "127.0.0.101", "127.0.0.102", "127.0.0.104"}
    assert {name for name, one in found.items() if one.authentication} == keys
    assert found["127.0.0.4"].state is SelectState.IGNORED
    assert (found["GPS"].address, found["GPS"].reference_id) == ("", int.from_bytes(b"GPS\0", "big"))
    for name in ("GPS", "127.0.0.103", "ID#0000000001"):
        one = found[name]
        # chrony 4.3 and older have the first state, and newer ones the second.
        assert one.state in {SelectState.NOT_SYNCHRONIZED, SelectState.MISSING_SAMPLES}
        assert (one.last_sample_ago, one.low_limit, one.high_limit) == (0, 0.0, 0.0)
        assert one.leap_status is LeapStatus.UNSYNC
    # The state is not compared: without further measurements, the source may be selected, or wait to be.
    measured = found["127.0.0.1"]
    assert measured.low_limit < measured.high_limit
    assert measured.leap_status is LeapStatus.NORMAL


def test_each_measurement_is_in_its_mode(every_kind: Daemon) -> None:
    found = by_name(pychrony.get_ntp_data(every_kind.socket))
    assert found["GPS"] is None
    measured: dict[str, NTPData] = {name: found[name] for name in MEASURED}
    # A slow answer on a busy machine may fail the tests A to C.
    passed = NTPFlag(0x3F0) | NTPFlag.TEST_D
    for name, one in measured.items():
        assert (one.remote_address, one.mode, one.stratum) == (name, NTPMode.SERVER, 1)
        # chronyd uses version 3 with some keys.
        assert one.version in {3, 4}
        assert one.flags & passed == passed
        assert one.received_good_messages >= 4
        assert 0 < one.peer_delay < 1
    assert {name for name, one in measured.items() if one.flags & NTPFlag.INTERLEAVED} == {"127.0.0.3"}
    keys = {"127.0.0.1", "127.0.0.2", "127.0.0.7"}
    assert {name for name, one in measured.items() if one.flags & NTPFlag.AUTHENTICATED} == keys


@pytest.mark.parametrize("name", ["127.0.0.101", "127.0.0.103", "127.0.0.104", "ID#0000000001"])
def test_a_source_that_has_never_answered_has_no_measurement(name: str, every_kind: Daemon) -> None:
    one = by_name(pychrony.get_ntp_data(every_kind.socket))[name]
    assert one.remote_address == name
    assert (one.local_address, one.received_messages, one.received_valid_messages) == ("", 0, 0)
    # Numbers without a name.
    assert (one.mode, one.transmit_timestamping, one.receive_timestamping) == (0, 0, 0)
    assert (one.version, one.stratum, one.flags, one.ref_time) == (0, 0, 0, 0.0)


def test_activity_tells_what_each_source_does(every_kind: Daemon, compare: Compare, eventually: Eventually) -> None:
    """After their bursts, one source is offline and another one is online."""

    def shows(*numbers: int) -> Callable[[], bool]:
        return lambda: compare(every_kind)["activity"] == Activity(*numbers)

    eventually(shows(10, 1, 0, 0, 1), "a source offline and a name that is not resolved")
    every_kind.chronyc("burst 4/4 127.0.0.103")
    every_kind.chronyc("burst 4/4 127.0.0.104")
    eventually(shows(9, 0, 1, 1, 1), "two bursts")


def test_smoothing_is_at_work(every_kind: Daemon) -> None:
    smoothing = pychrony.get_smoothing(every_kind.socket)
    assert smoothing.flags is SmoothingFlag.ACTIVE
    assert smoothing.last_update_ago < 120


def test_smoothing_may_be_for_leap_seconds_only(
    start: Start, compare: Compare, quieten: Callable[[Daemon], None]
) -> None:
    client = start("pair", "--line", "smoothtime 400 1 leaponly")
    quieten(client)
    smoothing = compare(client, also=["smoothing"])["smoothing"]
    assert SmoothingFlag.LEAPONLY in SmoothingFlag(smoothing.flags)


def test_smoothing_that_is_not_active_has_no_numbers(start: Start, compare: Compare) -> None:
    """Smoothing begins once chronyd is synchronised."""
    smoothing = compare(start("chronyd", "--line", "smoothtime 400 1"), also=["smoothing"])["smoothing"]
    assert smoothing == Smoothing(SmoothingFlag(0), 0.0, 0.0, 0.0, 0.0, 0.0)


def test_a_chronyd_that_does_not_smooth_says_so(pair: Daemon) -> None:
    with pytest.raises(ChronyDataError, match=r"^Time smoothing is not available"):
        pychrony.get_smoothing(pair.socket)


def test_a_chronyd_that_serves_nothing_has_served_nothing(start: Start, compare: Compare) -> None:
    stats = compare(start("chronyd"))["serverstats"]
    assert (stats.received_ntp_requests, stats.accepted_nts_ke_connections) == (0, 0)
    assert stats.received_command_requests > 0
