"""Cases that no daemon can produce: values that are not finite, missing fields, fields of other types, failing calls.

The stub library stands in for libchrony, so each test has a process of its own. The address says what the stub does.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.reports import BY_NAME, LISTS, REPORTS, Report, each_report
from tests.support.waiting import assert_unanswered

if TYPE_CHECKING:
    from tests.support.programs import Python


#: Reads reports at addresses.
Read = Callable[..., list[list[Any]]]


def floats(report: Report) -> dict[str, str]:
    """Return libchrony's names of the float fields, and pychrony's names."""
    return {name: field.ours for name, field in report.fields.items() if field.kind == "float"}


@pytest.fixture
def read(python: Python, stub: str) -> Read:
    """Read reports at addresses through the stub."""

    def run(*calls: tuple[Report | str, str]) -> list[list[Any]]:
        named = json.dumps([[BY_NAME[str(report)].call, address] for report, address in calls])
        found: list[list[Any]] = json.loads(python("stub.py", named, environment={"LIBCHRONY_PATH": stub}))
        assert len(found) == len(calls)
        return found

    return run


def test_the_stub_is_as_good_as_libchrony_when_told_nothing(read: Read) -> None:
    """So the other tests see only what they asked for."""
    calls = [(report, f"/{report}") for report in REPORTS]
    for (report, _), (error, _, found, _) in zip(calls, read(*calls), strict=True):
        assert error == ""
        for field in report.fields.values():
            assert f"{field.ours}=" in found
    (_, _, none, _), (_, _, three, _) = read(("sources", "/records=0"), ("sources", "/records=3"))
    assert none == "[]"
    assert three.count("Source(") == 3


@each_report
@pytest.mark.parametrize(("value", "shown"), [("nan", "NaN"), ("inf", "inf"), ("-inf", "-inf")])
def test_what_is_no_finite_number_is_refused_by_name(report: Report, value: str, shown: str, read: Read) -> None:
    calls = [(report, f"/{field}={value}") for field in floats(report)]
    for name, (error, code, message, causes) in zip(floats(report).values(), read(*calls), strict=True):
        assert (error, code) == ("ChronyDataError", -4)
        assert message.startswith(f"Invalid {name}: {shown}")
        assert f"{report} report" in message
        assert causes == [["RuntimeError", f"Invalid {name}: {shown}"]]


@each_report
def test_a_missing_field_is_incomplete_data(report: Report, read: Read) -> None:
    needed = [name for name, field in report.fields.items() if not field.is_optional]
    for field, found in zip(needed, read(*((report, f"/{field}=absent") for field in needed)), strict=True):
        error, code, message, _ = found
        assert (error, code) == ("ChronyDataError", -5)
        assert f'"{field}"' in message
        assert "missing" in message
        assert f"{report} report" in message


@each_report
def test_a_field_of_another_type_is_incomplete_data(report: Report, read: Read) -> None:
    """libchrony would return a plausible zero for a read of the wrong type."""
    kinds = ("none", "uint", "int", "float", "time", "string")
    cases = [(field, kind) for field, own in report.fields.items() for kind in kinds if kind != own.kind]
    for (field, _), found in zip(cases, read(*((report, f"/{field}:{kind}") for field, kind in cases)), strict=True):
        error, code, message, _ = found
        assert (error, code) == ("ChronyDataError", -5)
        assert f'"{field}"' in message
        assert "another type" in message
        assert f"{report} report" in message


def test_numbers_beyond_their_type_are_refused(read: Read) -> None:
    cases = [
        ("tracking", "reference ID=4294967296", "Invalid reference_id: 4294967296"),
        ("tracking", "stratum=18446744073709551615", "Invalid stratum: 18446744073709551615"),
        ("tracking", "leap status=256", "Invalid leap_status: 256"),
        ("sources", "reachability=4294967296", "Invalid reachability: 4294967296"),
        ("sources", "state=256", "Invalid state: 256"),
        ("sources", "mode=65536", "Invalid mode: 65536"),
        ("sources", "flags=65536", "Invalid flags: 65536"),
        ("sources", "poll=65536", "Invalid poll: 65536"),
        ("sources", "poll=-32769", "Invalid poll: -32769"),
        ("sources", "poll=32768", "Invalid poll: -32768"),
        ("sources", "last sample ago=4294967296", "Invalid last_sample_ago: 4294967296"),
        ("sourcestats", "samples=4294967296", "Invalid samples: 4294967296"),
        ("rtcdata", "samples=65536", "Invalid samples: 65536"),
        ("tracking", "reference time=-1.0", "Invalid ref_time: -1 s"),
        ("tracking", "reference time=0.-1", "Invalid ref_time: 0 s and -1 ns"),
        ("tracking", "reference time=0.1000000000", "Invalid ref_time: 0 s and 1000000000 ns"),
    ]
    calls = [(report, f"/{script}") for report, script, _ in cases]
    for (_, _, wanted), (error, code, message, _) in zip(cases, read(*calls), strict=True):
        assert (error, code) == ("ChronyDataError", -4)
        assert message.startswith(wanted)


def test_the_sign_of_a_poll_is_extended(read: Read) -> None:
    for address, poll in (("/poll=65534", -2), ("/poll=-2", -2), ("/poll=65529", -7)):
        ((_, _, found, _),) = read(("sources", address))
        assert f" poll={poll}," in found


def test_a_session_that_cannot_be_made_is_a_connection_error(read: Read) -> None:
    for report in REPORTS:
        (error, code, message, causes), (*_, with_errno) = read((report, "/init=1"), (report, "/init=1;errno=24"))
        assert (error, code) == ("ChronyConnectionError", -1)
        assert message.startswith("Failed to initialize chrony session")
        assert causes[0] == ["RuntimeError", "libchrony: stub's error 1 (1)"]
        assert with_errno[0] == causes[0]


@each_report
def test_a_request_that_cannot_be_made_is_told_as_such(report: Report, read: Read) -> None:
    """The causes of the exception are libchrony's error, and the system's error if there is one."""
    refused, failed = read((report, "/request=7"), (report, "/request=5;errno=105"))
    assert refused[:2] == ["ChronyDataError", -4]
    assert refused[2].startswith(f"Failed to request {report} report")
    assert refused[3] == [["RuntimeError", "libchrony: stub's error 7 (7)"]]
    assert failed[:2] == ["ChronyConnectionError", -1]
    assert failed[2].startswith(f"Failed to request {report} report")
    assert failed[3][0] == ["RuntimeError", "libchrony: stub's error 5 (5)"]
    assert failed[3][1][0] == "OSError"


@each_report
def test_a_response_that_cannot_be_processed_is_told_as_such(report: Report, read: Read) -> None:
    refused, failed = read((report, "/process=14"), (report, "/process=6;errno=103"))
    assert refused[:2] == ["ChronyDataError", -4]
    assert refused[2].startswith(f"Failed to process {report} response")
    assert failed[:2] == ["ChronyConnectionError", -1]
    assert failed[2].startswith(f"Failed to process {report} response")
    assert failed[3] == [
        ["RuntimeError", "libchrony: stub's error 6 (6)"],
        ["ConnectionAbortedError", "[Errno 103] Software caused connection abort"],
    ]


def test_the_number_of_records_can_fail_like_a_record(read: Read) -> None:
    for report in LISTS:
        request, process, negative = read(
            (report, "/count-request=7"), (report, "/count-process=14"), (report, "/records=-1")
        )
        assert request[2].startswith(f"Failed to request {report} report")
        assert process[2].startswith(f"Failed to process {report} response")
        assert negative[2].startswith(f"Invalid number of {report} records: -1")
        assert [found[:2] for found in (request, process, negative)] == [["ChronyDataError", -4]] * 3
    # A report of one record does not request a number.
    ((error, *_),) = read(("tracking", "/count-request=7"))
    assert error == ""


def test_a_missing_path_is_missing_whatever_the_system_said_last(read: Read) -> None:
    """libchrony's clean-up can change errno before it is read."""
    for number in (1, 13, 22, 111):
        ((error, code, message, causes),) = read(("tracking", f"/open={number}"))
        assert (error, code) == ("ChronyConnectionError", -2)
        assert message.startswith(f"Failed to connect to chronyd at /open={number}")
        assert causes == [["FileNotFoundError", "[Errno 2] No such file or directory"]]


def test_interruptions_and_strangers_do_not_end_a_call(read: Read) -> None:
    """A response for another client, or an interrupted receive (EINTR, EAGAIN), does not count as a response."""
    calls = [("tracking", f"/{script}") for script in ("again=5", "silent", "process=6;errno=4", "process=6;errno=11")]
    good, silent, interrupted, again = read(*calls)
    assert good[0] == ""
    for error, code, message, _ in (silent, interrupted, again):
        assert (error, code) == ("ChronyTimeoutError", -1)
        assert_unanswered(message, "300ms")


def test_text_that_is_no_utf_8_does_no_harm(read: Read) -> None:
    ((error, _, found, _),) = read(("sources", "/address=a%ff%fe"))
    assert error == ""
    assert "address='a" in found
