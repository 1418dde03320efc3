"""What every record has to be like, whichever chronyd it is of: its class, and the type and range of each field."""

from __future__ import annotations

import math
from collections.abc import Callable

from pychrony import LeapStatus, Source, SourceMode, SourceState, SourceStats, TrackingStatus

Check = Callable[[object], bool]


def whole(low: int, high: int) -> Check:
    """A check for integers of a range."""
    return lambda value: isinstance(value, int) and low <= value <= high


def real(value: object) -> bool:
    """Whether it is a finite number."""
    return isinstance(value, float) and math.isfinite(value)


def measure(value: object) -> bool:
    """Whether it is a finite number that is not negative."""
    return isinstance(value, float) and math.isfinite(value) and value >= 0.0


def text(value: object) -> bool:
    """Whether it is text."""
    return isinstance(value, str)


WORD = 2**32 - 1
FIELDS: dict[type, dict[str, Check]] = {
    TrackingStatus: {
        "reference_id": whole(0, WORD),
        "reference_id_name": text,
        "stratum": whole(0, 15),
        "leap_status": lambda value: isinstance(value, LeapStatus),
        "offset": real,
        "last_offset": real,
        "rms_offset": measure,
        "frequency": real,
        "residual_freq": real,
        "skew": measure,
        "root_delay": measure,
        "root_dispersion": measure,
        "update_interval": measure,
        "reference_ip": text,
        "ref_time": measure,
    },
    Source: {
        "address": text,
        "poll": whole(-32768, 32767),
        "stratum": whole(0, 15),
        "state": lambda value: isinstance(value, SourceState),
        "mode": lambda value: isinstance(value, SourceMode),
        "flags": whole(0, 65535),
        "reachability": whole(0, 255),
        "last_sample_ago": whole(0, WORD),
        "orig_latest_meas": real,
        "latest_meas": real,
        "latest_meas_err": measure,
    },
    SourceStats: {
        "reference_id": whole(0, WORD),
        "address": text,
        "samples": whole(0, WORD),
        "runs": whole(0, WORD),
        "span": whole(0, WORD),
        "std_dev": measure,
        "resid_freq": real,
        "skew": measure,
        "offset": real,
        "offset_err": measure,
    },
}


def check_fields(record: object, kind: type) -> None:
    """Fail unless the record is of this class, and each field of the type and in the range that is promised."""
    assert type(record) is kind, f"a {type(record).__name__} in place of a {kind.__name__}"
    fields = FIELDS[kind]
    assert vars(record).keys() == fields.keys(), f"fields {sorted(vars(record))}"
    for name, value in vars(record).items():
        assert fields[name](value), f"{name}: {value!r}"
