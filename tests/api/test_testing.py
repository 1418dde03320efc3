"""`pychrony.testing`: records for the tests of other programs."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import jsonschema
import pytest
from tests.support.daemon import ROOT
from tests.support.reports import REPORTS, Report, each_report

from pychrony import testing

pytestmark = pytest.mark.blocking_only("the package itself: its records")


def maker(report: Report) -> Any:  # noqa: ANN401
    """Return the function that makes a record of a report: for `get_sources`, `make_source`."""
    name = report.function.__name__.replace("get_", "make_")
    return getattr(testing, {"make_sources": "make_source"}.get(name, name))


@each_report
def test_each_record_is_valid_and_takes_other_values(report: Report) -> None:
    make = maker(report)
    record: Any = make()
    assert record.__class__.__name__ == report.record.__name__
    schema = json.loads((ROOT / f"docs/schemas/{report.name}.json").read_text())
    context: dict[str, Any] = {"report": report.name, "host": "192.0.2.1", "time": 1.5}
    if report.is_list:
        context |= {"index": 0, "source": None}
    jsonschema.validate(context | record.to_dict(), schema)
    for field in dataclasses.fields(report.record):
        value = getattr(record, field.name)
        assert not (field.metadata["since"] and value is None), field.name
        changed = make(**{field.name: value})
        assert changed == record
    with pytest.raises(TypeError, match="nonsense"):
        make(nonsense=1)


def test_the_records_are_of_a_chronyd_in_good_order() -> None:
    assert testing.make_tracking().is_synchronized()
    assert testing.make_tracking().clock_error_bound() == pytest.approx(0.004, abs=0.001)
    assert testing.make_source().is_selected()
    assert testing.make_source().has_sample()
    assert testing.make_source_stats().has_sufficient_samples()
    assert testing.make_rtc_data().is_calibrated()
    names = {testing.make_source().name, testing.make_source_stats().name, testing.make_select_data().name}
    assert names == {testing.make_tracking().reference_id_name}
    assert len(testing.__all__) == len(REPORTS)
