"""A chronyd that refuses, is silent, or answers late, wrongly or with junk, and the error in each case."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.reports import LISTS, NOTHING, REPORTS, SHAPES, SINGLES, Report, each_report, each_shape
from tests.support.waiting import assert_unanswered

import pychrony
from pychrony import ChronyConnectionError, ChronyDataError, ChronyError, ChronyNotAvailableError, ChronyPermissionError

if TYPE_CHECKING:
    from tests.support.daemon import Daemon

TRANSPORTS = ["socket", "udp", "udp6"]
#: The codes of the requests.
NUMBER, SOURCE, TRACKING = 14, 15, 33
Timed = Callable[..., Any]


def requests(scripted: Daemon, code: int) -> int:
    """Return the number of requests with a code so far."""
    return int(scripted.say("requests")["requests"].get(str(code), 0))


def failure(function: Callable[..., object], address: str, timeout: float) -> ChronyConnectionError:
    """Return the error of a call that has to fail."""
    with pytest.raises(ChronyConnectionError) as caught:
        function(address, timeout=timeout)
    return caught.value


def requests_without(answers: int, address: str, scripted: Daemon) -> int:
    """Return the number of requests for tracking that a call sends when some get no answer."""
    before = requests(scripted, TRACKING)
    scripted.say(f"fault drop {answers}")
    assert pychrony.get_tracking(address, timeout=20).stratum == 2
    return requests(scripted, TRACKING) - before


def fails(scripted: Daemon, report: Report, timeout: float = 5.0) -> list[ChronyError]:
    """Return the errors of a function over all transports."""
    errors = []
    for transport in TRANSPORTS:
        with pytest.raises(ChronyError) as caught:
            report.function(getattr(scripted, transport), timeout=timeout)
        errors.append(caught.value)
    return errors


@each_shape
@pytest.mark.parametrize("status", [1, 3, 4, 7, 18, 19, 99])
def test_a_refusal_is_a_data_error(status: int, report: Report, scripted: Daemon) -> None:
    scripted.say(f"fault status {status}")
    for error in fails(scripted, report):
        assert type(error) is ChronyDataError
        assert error.error_code == -4
        assert error.message.startswith(f"Failed to process {report} response")
        assert str(error) == f"{error.message} (error code: -4)"
        assert isinstance(error.__cause__, RuntimeError)
        assert str(error.__cause__).startswith("libchrony: ")
        assert error.__cause__.__cause__ is None


@each_report
def test_a_report_that_is_not_open_is_a_permission_error(report: Report, scripted: Daemon) -> None:
    scripted.say("fault status 2")
    for error in fails(scripted, report):
        assert type(error) is ChronyPermissionError
        assert error.error_code == -3
        assert error.message.startswith(f"Failed to process {report} response")
        assert "Not authorized" in error.message
        assert "opencommands" in error.message


@pytest.mark.parametrize("status", [6, 13])
def test_only_what_chronyd_may_be_without_is_called_missing(status: int, scripted: Daemon) -> None:
    scripted.say(f"fault status {status}")
    for report in REPORTS:
        for error in fails(scripted, report):
            assert type(error) is (ChronyNotAvailableError if report.unavailable else ChronyDataError)
            assert error.error_code == -4
            assert error.message.startswith(report.unavailable or f"Failed to process {report} response")
    scripted.say("clear")
    scripted.say(NOTHING)
    for report in REPORTS:
        if report.unavailable is not None:
            for error in fails(scripted, report):
                assert error.message.startswith(report.unavailable)


def test_a_status_that_has_nothing_to_do_with_sources_is_not_blamed_on_them(scripted: Daemon) -> None:
    scripted.say("fault status 1")
    for report in SINGLES:
        for error in fails(scripted, report):
            assert "sources" not in error.message.lower()


@pytest.mark.parametrize("fault", ["reply-code 99", "reply-code 2", "truncate 40"])
def test_a_reply_of_another_form_is_a_data_error(fault: str, scripted: Daemon) -> None:
    scripted.say(f"fault {fault}")
    for report in REPORTS:
        for error in fails(scripted, report):
            assert type(error) is ChronyDataError
            assert error.error_code == -4
            assert error.message.startswith(f"Failed to process {report} response")


NO_REPLIES = ["silence", "version 5", "version 7", "packet-type 1", "request-code 99", "sequence-off", "truncate 27"]


@pytest.mark.parametrize("fault", [*NO_REPLIES, "junk-forever"])
@each_shape
def test_no_valid_reply_is_an_error_at_the_deadline(report: Report, fault: str, scripted: Daemon, timed: Timed) -> None:
    scripted.say(f"fault {fault}")
    for transport in ("socket", "udp"):
        error = timed(partial(failure, report.function, getattr(scripted, transport), 0.15), 0.15)
        assert error.error_code == -1
        assert error.message.startswith(f"Failed to process {report} response")
        assert_unanswered(error.message, "150ms", "protocol version")


@pytest.mark.parametrize("fault", ["duplicate", "older", "reorder", "junk-before 1"])
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_copies_and_disorder_change_nothing(transport: str, fault: str, scripted: Daemon) -> None:
    scripted.say(f"fault {fault}")
    address = getattr(scripted, transport)
    for stratum in (3, 4, 5):
        scripted.say(f'values {{"tracking": {{"stratum": {stratum}}}}}')
        assert pychrony.get_tracking(address).stratum == stratum
        assert [source.address for source in pychrony.get_sources(address)] == ["127.1.0.1", "127.1.0.2", "127.1.0.3"]
    scripted.say('values {"tracking": {}}')


def test_a_chronyd_that_leaves_in_the_middle_is_an_error_and_found_again(scripted: Daemon) -> None:
    for answered in (0, 1, 3):
        for transport in ("socket", "udp"):
            scripted.say(f"fault after {answered}")
            scripted.say("fault leave")
            with pytest.raises(ChronyConnectionError) as caught:
                pychrony.get_sources(getattr(scripted, transport), timeout=0.5)
            assert caught.value.error_code == -1
            scripted.say("clear")
            scripted.say("come-back")
            assert len(pychrony.get_sources(getattr(scripted, transport))) == 3


@each_shape
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_junk_before_the_reply_is_passed_over(transport: str, report: Report, scripted: Daemon) -> None:
    command, expected = report.sample()
    scripted.say(command)
    scripted.say("fault junk-before 25")
    assert report.function(getattr(scripted, transport)) == expected


def test_a_queue_that_is_not_read_is_an_error_at_the_deadline(scripted: Daemon, timed: Timed) -> None:
    scripted.say("fault unread")
    starts = set()
    for _ in range(25):
        error = timed(partial(failure, pychrony.get_tracking, scripted.socket, 0.05), 0.05)
        starts.add(error.message.split(":")[0])
    assert starts == {"Failed to process tracking response", "Failed to request tracking report"}
    scripted.say("clear")
    assert pychrony.get_tracking(scripted.socket).stratum == 2


def test_a_lost_reply_is_asked_for_again_after_a_second(scripted: Daemon, timed: Timed) -> None:
    assert timed(lambda: requests_without(1, scripted.udp, scripted), 1.0) == 2


def test_the_second_wait_is_twice_as_long(scripted: Daemon, timed: Timed) -> None:
    assert timed(lambda: requests_without(2, scripted.udp, scripted), 3.0) == 3


def test_one_deadline_holds_for_a_whole_list(scripted: Daemon, timed: Timed) -> None:
    """Each of the four answers comes in time, but all of them together do not."""
    scripted.say("fault delay 0.2")
    timed(partial(failure, pychrony.get_sources, scripted.socket, 0.5), 0.5)
    assert len(pychrony.get_sources(scripted.socket, timeout=20)) == 3


@each_shape
def test_a_late_reply_is_a_reply(report: Report, scripted: Daemon) -> None:
    command, expected = report.sample()
    scripted.say(command)
    scripted.say("fault delay 0.3")
    # A list needs one more request, which shows if it has changed. For a list by address, that one is for sourcestats.
    needed = len(report.records(expected)) + (1 if report.is_list and not report.is_optional else 0)
    costs: list[int] = []
    # A delay on a busy machine may look like a loss, but not each time.
    while needed not in costs and len(costs) < 4:
        before = requests(scripted, report.request)
        assert report.function(scripted.udp) == expected
        costs.append(requests(scripted, report.request) - before)
    assert min(costs) == needed


@pytest.mark.parametrize("number", [-1, -2, 2147483647, 4294967294, 1000000])
def test_an_impossible_number_of_sources_is_a_data_error(number: int, scripted: Daemon) -> None:
    scripted.say(f"fault count {number % 2**32}")
    signed = (number + 2**31) % 2**32 - 2**31
    for report in LISTS:
        for error in fails(scripted, report):
            assert type(error) is ChronyDataError
            assert error.error_code == -4
            assert error.message.startswith(f"Invalid number of {report} records: {signed}")


def test_no_sources_is_an_empty_list(scripted: Daemon) -> None:
    scripted.say('values {"sources": []}')
    for transport in TRANSPORTS:
        for report in LISTS:
            assert report.function(getattr(scripted, transport)) == []


def test_a_list_that_shrinks_during_the_read_is_read_again(scripted: Daemon) -> None:
    before = requests(scripted, NUMBER)
    scripted.say("fault count 5,4,3")
    assert len(pychrony.get_sources(scripted.socket)) == 3
    assert requests(scripted, NUMBER) == before + 3


def test_a_list_that_never_holds_still_is_an_error(scripted: Daemon) -> None:
    before = requests(scripted, NUMBER)
    scripted.say("fault count 5")
    with pytest.raises(ChronyDataError) as caught:
        pychrony.get_sources(scripted.socket)
    assert caught.value.error_code == -4
    assert caught.value.message.startswith("Failed to process sources response")
    assert "changed during the read" in caught.value.message
    assert 2 <= requests(scripted, NUMBER) - before <= 10


def test_the_middle_of_a_list_can_fail(scripted: Daemon) -> None:
    scripted.say(f"fault only {SOURCE}")
    scripted.say("fault after 2")
    scripted.say("fault status 2")
    with pytest.raises(ChronyPermissionError, match=r"^Failed to process sources response"):
        pychrony.get_sources(scripted.socket)


def test_each_error_is_the_only_one(scripted: Daemon) -> None:
    """A failed call does not affect the next call."""
    for fault in ("status 1", "truncate 40", "silence", "count -1", "status 2"):
        scripted.say(f"fault {fault}")
        for report in SHAPES:
            if report.is_list or not fault.startswith("count"):
                fails(scripted, report, timeout=0.05)
        scripted.say("clear")
        for transport in TRANSPORTS:
            assert pychrony.get_tracking(getattr(scripted, transport)).stratum == 2
            assert len(pychrony.get_sources(getattr(scripted, transport))) == 3


def test_chronyd_may_die_and_come_back(scripted: Daemon) -> None:
    scripted.say("die")
    with pytest.raises(ChronyConnectionError) as caught:
        pychrony.get_tracking(scripted.socket)
    assert caught.value.error_code == -2
    with pytest.raises(ChronyConnectionError) as caught:
        pychrony.get_tracking(scripted.udp)
    assert caught.value.error_code == -1
    scripted.say("come-back")
    for transport in TRANSPORTS:
        assert pychrony.get_tracking(getattr(scripted, transport)).stratum == 2


def test_losses_slow_a_list_down_and_do_no_harm(scripted: Daemon) -> None:
    before = requests(scripted, SOURCE) + requests(scripted, NUMBER)
    scripted.say("fault loss 20")
    results: list[object] = []
    threads = [
        threading.Thread(target=lambda: results.append(pychrony.get_sources(scripted.udp, timeout=30)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    scripted.say("clear")
    assert requests(scripted, SOURCE) + requests(scripted, NUMBER) - before > 4 * (3 + 1)
    assert results == [pychrony.get_sources(scripted.udp)] * 4
