"""`Record.to_dict`: the fields of a row of `chrony-report --format json`."""

from __future__ import annotations

import dataclasses
import json
import math
import subprocess
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from tests.support.daemon import ROOT, TESTBED
from tests.support.reports import BY_NAME, NOTHING, Report, defaults, each_report

from pychrony import AuthData, AuthMode, KeyType, LeapStatus, NTPFlag, Record, TrackingStatus

if TYPE_CHECKING:
    from tests.support.daemon import Daemon

#: The keys of a row that are not fields of its record.
CONTEXT = {"report", "host", "time", "index", "source"}
#: The states of a scripted chronyd that have values without a meaning, as commands of the test bed.
STATES = {
    "samples": [],
    "three sources": [defaults()],
    "a reference clock": [defaults(1), 'values {"sources": [{"reference ID": 1196446464, "mode": 2}]}'],
    "never": [
        'values {"tracking": {"reference ID": 0, "reference time": 0, "address": null}}',
        'values {"sources": [{"last sample ago": 4294967295}]}',
        'values {"sourcestats": [{"samples": 0}], "selectdata": [{"state": 77}]}',
        'values {"rtcdata": {"samples": 0, "reference time": 0}, "ntpdata": [{"received valid messages": 0}]}',
    ],
    "unknown": [
        'values {"selectdata": [{"state": 7, "leap status": 9, "configured options": 65535}]}',
        'values {"authdata": [{"mode": 9, "key type": 77, "key length": 8}]}',
        'values {"ntpdata": [{"mode": 7, "flags": 65535}], "smoothing": {"flags": 4294967295}}',
    ],
    "old": ['values {"layouts": {"serverstats": 1, "ntpdata": 1}}'],
}


def rows(report: Report, daemon: Daemon) -> list[dict[str, Any]]:
    """Return what `chrony-report` prints."""
    command = [str(TESTBED.with_name("chrony-report")), report.name, "--format", "json", "--host", daemon.socket]
    found: list[dict[str, Any]] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return found


@pytest.mark.parametrize("state", STATES)
@each_report
def test_a_record_has_the_values_of_a_row(report: Report, state: str, scripted: Daemon) -> None:
    scripted.say(defaults(1))
    scripted.say(report.values(report.sent))
    for command in STATES[state]:
        scripted.say(command)
    printed = rows(report, scripted)
    result = report.function(scripted.socket)
    records: list[Record | None] = result if report.is_list else [result]
    assert len(printed) == len(records) >= 1
    schema = json.loads((ROOT / f"docs/schemas/{report.name}.json").read_text())
    for row, record in zip(printed, records, strict=True):
        # A reference clock has no record in some lists, and a row without values.
        values = dict.fromkeys(row.keys() - CONTEXT) if record is None else record.to_dict()
        jsonschema.validate(row | values, schema)
        # The command prints more digits of a time than a float has.
        assert json.loads(json.dumps(values)) == {name: row[name] for name in values}
        assert set(values) == {field.name for field in dataclasses.fields(report.record)}


def test_constants_are_words_and_what_is_not_known_is_none(scripted: Daemon) -> None:
    scripted.say(NOTHING)
    scripted.say(BY_NAME["sources"].values({"state": 5, "mode": 1, "last sample ago": 0xFFFFFFFF}))
    [source] = BY_NAME["sources"].function(scripted.socket)
    values = source.to_dict()
    assert (values["state"], values["mode"]) == ("selectable", "peer")
    assert values["last_sample_ago"] is values["latest_meas"] is None
    assert (source.last_sample_ago, source.name) == (0xFFFFFFFF, values["address"])


def test_records_of_the_program_are_converted_too() -> None:
    data = AuthData(AuthMode(9), KeyType.MD5, 1, 128, 0, 5, 0, 0, nak=True)
    assert data.to_dict()["mode"] == 9
    assert (data.to_dict()["key_type"], data.to_dict()["nak"]) == ("MD5", True)
    status = TrackingStatus(1, "", 1, LeapStatus.INSERT, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    assert status.to_dict()["leap_status"] == "insert second"
    assert status.to_dict()["ref_time"] is None
    with pytest.raises(TypeError):
        dataclasses.replace(status, stratum="2").to_dict()  # type: ignore[arg-type]
    for moment in (-1.0, 1e19, math.inf, math.nan):
        with pytest.raises(ValueError, match="ref_time: "):
            dataclasses.replace(status, ref_time=moment).to_dict()
    with pytest.raises(TypeError):
        dataclasses.replace(status, reference_ip=5).to_dict()  # type: ignore[arg-type]
    with pytest.raises(UnicodeEncodeError):
        dataclasses.replace(status, reference_ip="\ud800").to_dict()
    assert NTPFlag(3) == 3
