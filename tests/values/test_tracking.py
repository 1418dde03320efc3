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
    # None of them is the zero of a field that was not read.
    assert 0 < tracking.rms_offset < 1
    assert 0 < tracking.root_delay < 1
    assert 0 < tracking.root_dispersion < 1
    assert tracking.skew > 0
    assert 0 < tracking.update_interval < 10
    assert tracking.last_offset != 0
    assert tracking.residual_freq != 0
    assert tracking.ref_time <= time.time() < tracking.ref_time + 60
    assert isinstance(tracking.ref_time, float)


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
    assert tracking.leap_status is LeapStatus.UNSYNC
    assert tracking.leap_status_name == "not synchronized"
    assert tracking.ref_time == 0.0


def test_a_chronyd_that_lost_its_source_is_told_from_one_that_has_it(start: Start, compare: Compare) -> None:
    """A source that is unreachable from the start leaves chronyd unsynchronised too."""
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
