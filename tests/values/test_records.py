"""Records that calls return: the classes of their values, and the order of their fields."""

from __future__ import annotations

import dataclasses
import json
import pickle
from enum import IntFlag
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.reports import Report, each_report

import pychrony

if TYPE_CHECKING:
    from tests.support.daemon import Daemon


@each_report
def test_fields_are_in_their_order_in_the_record_itself(report: Report, scripted: Daemon) -> None:
    """A record that is made by hand has this order, too, so `vars(record)` and JSON show both alike."""
    for address in (scripted.socket, scripted.udp):
        record = report.records(report.function(address))[0]
        names = [field.name for field in dataclasses.fields(record)]
        assert list(vars(record)) == names
        assert list(vars(dataclasses.replace(record))) == names


def test_names_of_numbers_in_records(scripted: Daemon) -> None:
    """A number without a name in libchrony is shown as the number."""
    values = {"state": 113, "leap status": 1}
    scripted.say(f"values {json.dumps({'sources': 1, 'selectdata': [values]})}")
    (selected,) = pychrony.get_select_data(scripted.socket)
    assert (selected.state_name, selected.leap_status_name) == ("unknown(113)", "insert second")
    scripted.say(f"values {json.dumps({'authdata': [{'mode': 2, 'key type': 30}]})}")
    (auth,) = pychrony.get_auth_data(scripted.socket)
    assert auth is not None
    assert (auth.mode_name, auth.key_type_name) == ("NTS", "AEAD-AES-128-GCM-SIV")
    sent = {"mode": 3, "leap status": 0, "transmit timestamping": 72, "receive timestamping": 0}
    scripted.say(f"values {json.dumps({'ntpdata': [sent]})}")
    (data,) = pychrony.get_ntp_data(scripted.socket)
    assert data is not None
    names = (data.mode_name, data.leap_status_name, data.transmit_timestamping_name, data.receive_timestamping_name)
    assert names == ("unknown(3)", "normal", "hardware", "unknown(0)")


@pytest.mark.parametrize("flags", [0, 1, 3, 0x8203, 0xC3FF, 0x0400, 0x0405, 0xFFFF])
def test_combinations_of_flags_are_those_that_python_makes(flags: int, scripted: Daemon) -> None:
    scripted.say(f"values {json.dumps({'sources': 1, 'ntpdata': [{'flags': flags}]})}")
    (data,) = pychrony.get_ntp_data(scripted.socket)
    assert data is not None
    found = data.flags
    assert type(found) is pychrony.NTPFlag
    assert found == flags
    # Combinations with bits that have no name are not kept.
    is_named = not flags & 0x3C00 or flags == 0x400
    assert pychrony.NTPFlag(flags) == found
    assert (pychrony.NTPFlag(flags) is found) >= is_named

    flag_enum: Any = IntFlag
    made = flag_enum("Same", {flag.name: flag.value for flag in pychrony.NTPFlag})(flags)
    assert (found.name, str(found), repr(found)) == (made.name, str(flags), repr(made).replace("Same", "NTPFlag"))
    assert pickle.loads(pickle.dumps(found)) == found
    assert found | pychrony.NTPFlag.TEST_1 == flags | 0x200
    assert ~found & pychrony.NTPFlag.TEST_1 == ~flags & 0x200
