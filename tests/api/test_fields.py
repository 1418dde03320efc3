"""docs/fields.md, the ledger of all fields, compared with the records and with all that libchrony can report."""

from __future__ import annotations

import ctypes
import dataclasses
import json
import re
from collections.abc import Iterator
from ctypes import c_char_p, c_int, c_void_p
from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests.support.daemon import ROOT
from tests.support.reports import REPORTS, Report, each_report

import pychrony

if TYPE_CHECKING:
    from tests.support.daemon import Daemon

#: The number of layouts of a report's reply, if there are several.
LAYOUTS = {"serverstats": 4, "ntpdata": 2}
RESERVED = re.compile(r"reserved #\d+")


class Row(NamedTuple):
    """A line of the ledger."""

    libchrony: str
    name: str
    rust: str
    python: str
    unit: str
    range: str
    since: str
    meaning: str


def ledger() -> dict[str, list[Row]]:
    """Return the rows of the ledger, by report."""
    _, *parts = re.split(r"^## (\w+)$", (ROOT / "docs/fields.md").read_text(), flags=re.MULTILINE)
    cells = re.compile(r"(?<!\\) ?\| ?")
    rows = [re.findall(r"^\| (.+) \|$", part, re.MULTILINE)[2:] for part in parts[1::2]]
    return {
        report: [Row(*(cell.replace("\\|", "|").strip("`") for cell in cells.split(line))) for line in lines]
        for report, lines in zip(parts[::2], rows, strict=True)
    }


@each_report
def test_the_ledger_has_the_records_names_and_types(report: Report) -> None:
    fields = {field.name: field.type for field in dataclasses.fields(report.record)}
    names = {name: f"{kind.__name__}" if isinstance(kind, type) else str(kind) for name, kind in fields.items()}
    assert {row.name: row.python for row in ledger()[report.name]} == names


class Libchrony:
    """The library that pychrony has loaded, called directly."""

    def __init__(self) -> None:
        """Load the library, and declare the types of its functions."""
        self.library = ctypes.CDLL(pychrony.libchrony_path())
        for name in ("chrony_get_report_name", "chrony_get_field_name"):
            getattr(self.library, name).restype = c_char_p
        self.library.chrony_needs_response.restype = ctypes.c_bool

    def reports(self) -> list[str]:
        """Return the names of all reports."""
        number = self.library.chrony_get_number_supported_reports()
        return [self.library.chrony_get_report_name(index).decode() for index in range(number)]

    def fields(self, socket: str, report: str, record: int) -> Iterator[str]:
        """Yield the names of all fields of a record."""
        library, session = self.library, c_void_p()
        fd = library.chrony_open_socket(socket.encode())
        assert library.chrony_init_session(ctypes.byref(session), c_int(fd)) == 0
        name = report.encode()
        assert library.chrony_request_record(session, name, record) == 0
        while library.chrony_needs_response(session):
            assert library.chrony_process_response(session) == 0
        for index in range(library.chrony_get_record_number_fields(session)):
            yield library.chrony_get_field_name(session, index).decode()
        library.chrony_deinit_session(session)
        library.chrony_close_socket(fd)


def test_every_report_of_the_loaded_library_is_in_the_ledger() -> None:
    assert set(Libchrony().reports()) == set(ledger()) == {report.name for report in REPORTS}


@pytest.mark.parametrize("report", REPORTS, ids=str)
def test_every_field_of_the_loaded_library_is_in_the_ledger_or_reserved(report: Report, scripted: Daemon) -> None:
    """Each layout of the reply is read. It lacks only fields that the ledger marks as newer.

    A list has the fields of a server's record and of a reference clock's record, which differ.
    """
    rows = ledger()[report.name]
    known = {name for row in rows for name in row.libchrony.split(", or ")}
    late = {row.libchrony for row in rows if row.python.endswith(" | None")}
    found: set[str] = set()
    sources = [{"address": "192.0.2.1"}, {"reference ID": 0x47505300}]
    for layout in range(1, LAYOUTS.get(report.name, 1) + 1):
        scripted.say(f"values {json.dumps({'sources': sources, 'layouts': {report.name: layout}})}")
        records = [Libchrony().fields(scripted.socket, report.name, index) for index in range(1 + report.is_list)]
        fields = {name for record in records for name in record if not RESERVED.fullmatch(name)}
        assert fields <= known, layout
        assert known - fields <= late, layout
        found |= fields
    assert found == known
