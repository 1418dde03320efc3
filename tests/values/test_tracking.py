"""Tracking of real chronyds, synchronised and not, compared with chronyc; and the RTC that they do not track."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

import pychrony
from pychrony import ChronyDataError, LeapStatus

if TYPE_CHECKING:
    from tests.support.daemon import Daemon, Start

Compare = Callable[..., dict[str, Any]]


def test_a_synchronised_client_is_as_chronyc_has_it(quiet_pair: Daemon, compare: Compare) -> None:
    tracking = compare(quiet_pair)["tracking"]
    assert tracking.is_synchronized()
    assert not tracking.is_leap_pending()
    assert (tracking.stratum, tracking.reference_id, tracking.reference_ip) == (2, 0x7F000001, "127.0.0.1")
    assert tracking.reference_id_name == "127.0.0.1"
    assert tracking.leap_status is LeapStatus.NORMAL
    # No value is the zero of a field that was not read.
    assert 0 < tracking.rms_offset < 1
    assert 0 < tracking.root_delay < 1
    assert 0 < tracking.root_dispersion < 1
    assert tracking.skew > 0
    assert 0 < tracking.update_interval < 10
    assert tracking.last_offset != 0
    assert tracking.residual_freq != 0
    assert tracking.ref_time <= time.time() < tracking.ref_time + 60
    assert isinstance(tracking.ref_time, float)


def test_the_error_bound_has_the_clock_in_it_and_grows_no_slower_than_chronyds(
    quiet_pair: Daemon, eventually: Callable[..., None]
) -> None:
    """The server has this machine's clock, so the true error is 0, which is within the bound."""
    earlier = pychrony.get_tracking(quiet_pair.socket).clock_error_bound()
    # As chronyc prints them: the offset, the root delay and the root dispersion.
    shown = quiet_pair.rows("tracking")[0]
    first = pychrony.get_tracking(quiet_pair.socket)
    bound = first.clock_error_bound()
    assert earlier is not None
    assert bound is not None
    printed = abs(float(shown[4])) + float(shown[11]) + 0.5 * float(shown[10])
    assert min(earlier, bound) - 1e-4 <= printed <= max(earlier, bound) + 1e-4
    assert 0 < bound < 1

    def dispersion() -> float:
        return pychrony.get_tracking(quiet_pair.socket).root_dispersion

    eventually(lambda: dispersion() > first.root_dispersion, "a dispersion that has grown")
    second = pychrony.get_tracking(quiet_pair.socket)
    assert second.ref_time == first.ref_time
    later, grown = second.clock_error_bound(), first.clock_error_bound(at=time.time())
    assert later is not None
    assert grown is not None
    assert second.root_dispersion - first.root_dispersion <= grown - bound
    assert later <= grown


def test_a_server_at_the_local_clocks_reference_id_is_no_local_clock(
    start: Start, eventually: Callable[..., None]
) -> None:
    """127.127.1.1 is an ordinary address. A server there has the reference ID of the local clock."""
    server = start("chronyd", "--server", "--line", "bindaddress 127.127.1.1")
    client = start("chronyd", "--line", f"server 127.127.1.1 port {server.ntp_port} iburst minpoll -4 maxpoll -4")
    eventually(lambda: pychrony.get_tracking(client.socket).is_synchronized(), "a selected source")
    tracking = pychrony.get_tracking(client.socket)
    assert (tracking.reference_id, tracking.reference_ip) == (0x7F7F0101, "127.127.1.1")
    assert not tracking.is_local()
    assert tracking.clock_error_bound() is not None


def test_a_client_at_work_is_synchronised(pair: Daemon) -> None:
    for address in (pair.socket, pair.udp, pair.udp6):
        tracking = pychrony.get_tracking(address)
        assert tracking.is_synchronized()
        assert tracking.reference_id_name == "127.0.0.1"


def test_a_chronyd_without_a_source_is_not_synchronised(start: Start, compare: Compare) -> None:
    tracking = compare(start("chronyd"))["tracking"]
    assert not tracking.is_synchronized()
    assert (tracking.reference_id, tracking.reference_id_name, tracking.reference_ip) == (0, "", "")
    assert (tracking.stratum, tracking.root_delay, tracking.root_dispersion) == (0, 1.0, 1.0)
    assert tracking.clock_error_bound() is tracking.clock_error_bound(at=time.time()) is None
    assert not tracking.is_local()
    assert tracking.leap_status is LeapStatus.UNSYNC
    assert tracking.leap_status_name == "not synchronized"
    assert tracking.ref_time == 0.0


def test_a_chronyd_with_an_unreachable_source_is_not_synchronised(start: Start, compare: Compare) -> None:
    daemon = start("chronyd", "--line", "server 127.0.0.9 port 9 iburst minpoll -4 maxpoll -4")
    found = compare(daemon)
    assert not found["tracking"].is_synchronized()
    assert [source.is_reachable() for source in found["sources"]] == [False]


def test_local_mode_names_the_local_clock(start: Start, compare: Compare) -> None:
    """The reference time is the present one, so it lies between what chronyc prints before and after."""
    tracking = compare(start("chronyd", "--line", "local stratum 10"))["tracking"]
    assert tracking.is_synchronized()
    assert (tracking.reference_id, tracking.reference_id_name) == (0x7F7F0101, "127.127.1.1")
    assert (tracking.reference_ip, tracking.stratum) == ("", 10)
    assert tracking.leap_status is LeapStatus.NORMAL
    assert (tracking.root_delay, tracking.root_dispersion) == (0.0, 0.0)
    assert tracking.is_local()
    assert tracking.clock_error_bound() is tracking.clock_error_bound(at=time.time()) is None


def test_an_rtc_that_is_not_tracked_is_no_dead_chronyd(pair: Daemon) -> None:
    assert pychrony.get_tracking(pair.socket).is_synchronized()
    for address in (pair.socket, pair.udp, pair.udp6):
        with pytest.raises(ChronyDataError) as caught:
            pychrony.get_rtc_data(address)
        assert caught.value.error_code == -4
        assert caught.value.message.startswith("RTC tracking is not available")
        assert "rtcfile" in caught.value.message
        assert isinstance(caught.value.__cause__, RuntimeError)
        assert "libchrony: " in str(caught.value.__cause__)
