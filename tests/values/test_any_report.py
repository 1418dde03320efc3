"""Any report by its name: the values of the typed records, and reports that only a future libchrony has."""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.reports import REPORTS, Report, each_report

import pychrony
from pychrony import ChronyConnection, ChronyDataError, ReportField

if TYPE_CHECKING:
    from tests.support.daemon import Daemon
    from tests.support.programs import Python

#: pychrony's words for the types, by the stub's words.
TYPES = {"uint": "unsigned", "int": "signed", "float": "float", "time": "time", "string": "string"}


def test_the_reports_are_libchronys() -> None:
    assert sorted(pychrony.list_reports()) == sorted(report.name for report in REPORTS)


@each_report
def test_its_values_are_those_of_the_typed_records(report: Report, scripted: Daemon) -> None:
    command, typed = report.sample()
    scripted.say(command)
    found = pychrony.get_report(report.name, scripted.socket)
    places = typed if report.is_list else [typed]
    assert [record is None for record in found] == [place is None for place in places]
    (first, *_) = found
    assert first is not None
    for name, field in report.fields.items():
        one = first[name]
        assert (one.value, one.type) == (field.read, TYPES[field.kind]), name
        assert type(one.value) in (int, float, str, bool)
    with pychrony.ChronyConnection(scripted.socket) as connection:
        assert connection.get_report(report.name) == found


def test_fields_say_what_they_mean(scripted: Daemon) -> None:
    scripted.say(
        'values {"tracking": {"leap status": 2, "address": null}, "sources": [{"state": 3, "poll": -6}], '
        '"selectdata": [{"configured options": 5}]}'
    )
    (tracking,), (source,) = (pychrony.get_report(name, scripted.socket) for name in ("tracking", "sources"))
    assert tracking is not None
    assert source is not None
    assert list(tracking)[:3] == ["reference ID", "address", "stratum"]
    assert tracking["leap status"] == ReportField(2, "unsigned", "enum", "", ("delete second",))
    assert tracking["address"] == ReportField("", "string", "none", "", ())
    assert tracking["skew"][1:] == ("float", "measure", "ppm", ())
    assert tracking["reference time"][1:] == ("time", "time", "s", ())
    assert source["state"].words == ("jittery",)
    assert source["poll"] == ReportField(-6, "signed", "interval", "log2 s", ())
    (selected,) = pychrony.get_report("selectdata", scripted.socket)
    assert selected is not None
    assert selected["configured options"].content == "flags"
    assert len(selected["configured options"].words) == 2
    found = tracking["skew"]
    assert pickle.loads(pickle.dumps(found)) == found
    with pytest.raises(AttributeError):
        found.value = 1  # type: ignore[misc]


@pytest.mark.parametrize("name", ["nonsense", "", "Tracking", "tracking\0", "\udcff"])
def test_an_unknown_name_is_told_with_those_that_are_known(name: str, scripted: Daemon) -> None:
    with pytest.raises(ChronyDataError, match=r"knows no report .* It knows tracking, sources, ") as caught:
        pychrony.get_report(name, scripted.socket)
    assert caught.value.error_code == -4
    assert pychrony.libchrony_path() in caught.value.message


def test_a_name_is_text(scripted: Daemon) -> None:
    for name in (None, 1, b"tracking"):
        with pytest.raises(TypeError, match=r"^name must be a str, not (NoneType|int|bytes)$"):
            pychrony.get_report(name, scripted.socket)  # type: ignore[arg-type]


def test_after_the_end_there_is_none(scripted: Daemon) -> None:
    connection = ChronyConnection(scripted.socket)
    connection.close()
    with pytest.raises(RuntimeError, match="is closed"):
        connection.get_report("tracking")


def test_what_pychrony_has_never_heard_of_is_read(python: Python, stub: str) -> None:
    calls = [["future", "/"], ["future", "/layout=1"], ["future list", "/records=1"], ["future", "/future skew:none"]]
    printed: Any = json.loads(python("any_report.py", json.dumps(calls), environment={"LIBCHRONY_PATH": stub}))
    reports, (new,), (old,), listed, (untyped,) = printed
    assert reports[-2:] == ["future", "future list"]
    assert new == {
        "future ratio": [1.5, "float", "ratio", "", []],
        "future count": [2**64 - 1, "unsigned", "count", "", []],
        "future time": [1700000000.5, "time", "time", "s", []],
        "future poll": [-6, "signed", "interval", "log2 s", []],
        "future offset": [-0.25, "float", "offset", "s", []],
        "future delay": [0.5, "float", "measure", "s", []],
        "future skew": [0.125, "float", "measure", "ppm", []],
        "future ID": [0x7F000001, "unsigned", "reference ID", "", []],
        "future state": [2, "unsigned", "enum", "", ["bright"]],
        "future flags": [0x80000045, "unsigned", "flags", "", ["one", "sixty-four", "last"]],
        "future address": ["127.0.0.1", "string", "address", "", []],
        "future bias": [-2, "signed", "none", "", []],
        "future answer": [True, "unsigned", "boolean", "", []],
        "future length": [128, "unsigned", "length", "bits", []],
        "future riddle": [9, "unsigned", "unknown", "", []],
    }
    assert list(new.items())[1:] == list(old.items())
    assert listed == [{"future ratio": [1.5, "float", "ratio", "", []]}] * 3
    assert untyped["future skew"] == [None, "none", "measure", "ppm", []]
