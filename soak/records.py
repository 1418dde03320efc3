"""The checks that hold for the records of any chronyd: the class, and the type and range of each field."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tests.support.reports import Field, Report


def whole(low: int, high: int) -> Callable[[Field, object], bool]:
    """Return a check for integers in a range. If the field has an upper limit of its own, that one applies."""
    return lambda field, value: (
        (
            isinstance(value, (type(field.read), int) if field.highest is None else type(field.read))
            and isinstance(value, int)
            and low <= value <= (field.highest or high)
        )
        or (field.is_optional and value is None)
    )


def real(_: Field, value: object) -> bool:
    """Return True for a finite number."""
    return isinstance(value, float) and math.isfinite(value)


def measure(_: Field, value: object) -> bool:
    """Return True for a finite number that is not negative."""
    return isinstance(value, float) and math.isfinite(value) and value >= 0.0


CONTENTS: dict[str, Callable[[Field, object], bool]] = {
    "offset": real,
    "measure": measure,
    "time": measure,
    "address": lambda _, value: isinstance(value, str),
    "bool": lambda _, value: isinstance(value, bool),
    "i8": whole(-(2**7), 2**7 - 1),
    "i16": whole(-(2**15), 2**15 - 1),
    "u8": whole(0, 2**8 - 1),
    "u16": whole(0, 2**16 - 1),
    "u32": whole(0, 2**32 - 1),
    "u64": whole(0, 2**64 - 1),
}


class Described(list[Any]):
    """The records of a report as `get_report` returns them: libchrony's names of the fields, and their values."""

    def check(self, report: Report) -> int:
        """Return the number of records, and fail unless each has the report's fields with their documented values."""
        records = [record for record in self if record is not None]
        for record in records:
            missing = [name for name, field in report.fields.items() if name not in record and not field.is_optional]
            assert not missing, f"fields {missing} are missing"
            for name in report.fields.keys() & record.keys():
                # libchrony describes constants as numbers.
                field, value = report.fields[name]._replace(read=0), record[name].value
                assert CONTENTS[field.content](field, value), f"{name}: {value!r}"
        return len(records)


def check_fields(record: object, report: Report) -> None:
    """Fail unless the record has the documented class, and each field its documented type and range."""
    kind = report.record
    assert type(record) is kind, f"a {type(record).__name__} in place of a {kind.__name__}"
    fields = {field.ours: field for field in report.fields.values()}
    assert vars(record).keys() == fields.keys() | report.derived.keys(), f"fields {sorted(vars(record))}"
    for name, value in vars(record).items():
        if name in fields:
            assert CONTENTS[fields[name].content](fields[name], value), f"{name}: {value!r}"
        else:
            assert type(value) is type(report.derived[name]), f"{name}: {value!r}"
