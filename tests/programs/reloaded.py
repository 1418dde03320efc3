"""A program that reloads the module of the records, after which their classes are new."""

from __future__ import annotations

import importlib
import sys

import pychrony
from pychrony import Source, TrackingStatus, models


def assert_current(sources: list[Source], tracking: TrackingStatus) -> None:
    source = sources[0]
    assert type(source) is models.Source
    assert type(tracking) is models.TrackingStatus
    assert type(source.state) is models.SourceState
    assert type(source.mode) is models.SourceMode
    assert type(tracking.leap_status) is models.LeapStatus
    assert source.state_name == "selected"


def main(address: str) -> None:
    with pychrony.ChronyConnection(address) as connection:
        before = models.Source
        for _ in range(3):
            assert_current(pychrony.get_sources(address), pychrony.get_tracking(address))
            assert_current(connection.get_sources(), connection.get_tracking())
            importlib.reload(models)
            assert models.Source is not before
            assert_current(connection.get_sources(), connection.get_tracking())
        del sys.modules["pychrony.models"]
        vars(sys.modules[__name__])["models"] = importlib.import_module("pychrony.models")
        assert_current(pychrony.get_sources(address), pychrony.get_tracking(address))
        assert_current(connection.get_sources(), connection.get_tracking())
    print("done")


if __name__ == "__main__":
    main(sys.argv[1])
