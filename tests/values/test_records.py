"""Records as they come from a call: whose instances they are, and in which order they hold their fields."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from tests.support.reports import Report, each_report

if TYPE_CHECKING:
    from tests.support.daemon import Daemon
    from tests.support.programs import Python


@each_report
def test_fields_are_in_their_order_in_the_record_itself(report: Report, scripted: Daemon) -> None:
    """As in a record that is made by hand: what prints `vars(record)`, or makes JSON of it, shows the same."""
    for address in (scripted.socket, scripted.udp):
        record = report.records(report.function(address))[0]
        names = [field.name for field in dataclasses.fields(record)]
        assert list(vars(record)) == names
        assert list(vars(dataclasses.replace(record))) == names


def test_records_are_of_the_classes_that_the_module_has_now(scripted: Daemon, python: Python) -> None:
    """After a reload, as in an interactive session, those are new, and so are the enums in them."""
    code = """
import importlib, pychrony, sys
from pychrony import models

def assert_current(read_list, read_one):
    source, tracking = read_list()[0], read_one()
    assert type(source) is models.Source and type(tracking) is models.TrackingStatus
    assert type(source.state) is models.SourceState and type(source.mode) is models.SourceMode
    assert type(tracking.leap_status) is models.LeapStatus
    assert source.state_name == "selected"

address = sys.argv[1]
functions = lambda: pychrony.get_sources(address), lambda: pychrony.get_tracking(address)
with pychrony.ChronyConnection(address) as connection:
    methods = connection.get_sources, connection.get_tracking
    before = models.Source
    for _ in range(3):
        assert_current(*functions)
        assert_current(*methods)
        importlib.reload(models)
        assert models.Source is not before
        assert_current(*methods)
    del sys.modules["pychrony.models"]
    models = importlib.import_module("pychrony.models")
    assert_current(*functions)
    assert_current(*methods)
print("done")
"""
    assert python(code, scripted.socket) == "done\n"
