"""The one list of reports. The tests run over this list, so that an entry here is enough to test a new report.

The fields of a report are a table: libchrony's name, pychrony's name, the content, a sample value, and the value that
pychrony has to read. These values are written out here, independently of pychrony.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest

import pychrony
from pychrony import (
    Activity,
    AuthData,
    AuthMode,
    KeyType,
    LeapStatus,
    NTPData,
    NTPFlag,
    NTPMode,
    RTCData,
    SelectData,
    SelectOption,
    SelectState,
    ServerStats,
    Smoothing,
    SmoothingFlag,
    Source,
    SourceMode,
    SourceState,
    SourceStats,
    Timestamping,
    TrackingStatus,
    aio,
)


class Field(NamedTuple):
    """One field of a report.

    `content` is "offset", "measure" (not negative), "time", "address", "bool", or the bits of an integer: "i16".
    """

    ours: str
    content: str
    #: The value in a command to the scripted chronyd.
    sent: Any
    #: The value that pychrony has to read.
    read: Any
    #: The highest valid number, if the bits allow more.
    highest: int | None = None
    #: True if older versions of chrony lack the field.
    is_optional: bool = False

    @property
    def kind(self) -> str:
        """libchrony's type, as the stub names it."""
        kinds = {"offset": "float", "measure": "float", "time": "time", "address": "string"}
        return kinds.get(self.content, "int" if self.content.startswith("i") else "uint")


@dataclass(frozen=True)
class Report:
    """A report, as all tests see it."""

    #: The name in libchrony and in the test bed.
    name: str
    #: The name of the function in pychrony and in `pychrony.aio`, and of the method of both connection classes.
    call: str
    record: type
    #: The code of the request in chronyd's protocol.
    request: int
    #: The keys are libchrony's names.
    fields: dict[str, Field]
    is_list: bool = False
    #: True if the list has None for a reference clock, instead of a record.
    is_optional: bool = False
    #: True if chronyd serves it over the command port, too.
    is_open: bool = True
    #: The beginning of the error message if chronyd does not have the report; None if every chronyd has it.
    unavailable: str | None = None
    #: The columns of `chronyc -c` that have the numbers of fields; None if no column is compared this way.
    columns: dict[str, int] | None = None
    #: The sample values of fields that pychrony derives from other fields.
    derived: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """Its name, as the id of a test."""
        return self.name

    @property
    def function(self) -> Callable[..., Any]:
        """The function of pychrony."""
        function: Callable[..., Any] = getattr(pychrony, self.call)
        return function

    @property
    def aio(self) -> Callable[..., Any]:
        """The function of `pychrony.aio`."""
        function: Callable[..., Any] = getattr(aio, self.call)
        return function

    @property
    def returned(self) -> object:
        """The annotated return type of the functions."""
        record = self.record | None if self.is_optional else self.record
        return list[record] if self.is_list else record  # type: ignore[valid-type]

    def of(self, connection: object) -> Callable[[], Any]:
        """The method of a connection."""
        method: Callable[[], Any] = getattr(connection, self.call)
        return method

    @property
    def sent(self) -> dict[str, Any]:
        """The sample, as a command to the scripted chronyd takes it."""
        return {name: one.sent for name, one in self.fields.items()}

    @property
    def read(self) -> Any:  # noqa: ANN401
        """The record that pychrony has to read."""
        return self.record(**{one.ours: one.read for one in self.fields.values()}, **self.derived)

    def records(self, result: Any) -> list[Any]:  # noqa: ANN401
        """Return the records of a result, without the places that have None."""
        return [record for record in (result if self.is_list else [result]) if record is not None]

    def values(self, *records: dict[str, Any]) -> str:
        """Return the command that makes the scripted chronyd send these records. Missing fields have defaults."""
        if not self.is_list:
            (record,) = records
            return f"values {json.dumps({self.name: record})}"
        # libchrony takes the addresses of sources from sourcestats.
        values: dict[str, Any] = {"sources": len(records), "sourcestats": None}
        return f"values {json.dumps(values | {self.name: list(records)})}"

    def sample(self) -> tuple[str, Any]:
        """Return the command that makes the scripted chronyd send the sample, and the result to be read."""
        if not self.is_list:
            return self.values(self.sent), self.read
        if not self.is_optional:
            return self.values(self.sent, self.sent), [self.read, self.read]
        sources = [{"address": "127.1.0.1"}, {"reference ID": 0x47505300}]
        return f"values {json.dumps({'sources': sources, self.name: [self.sent, {}]})}", [self.read, None]


REPORTS = [
    Report(
        "tracking",
        "get_tracking",
        TrackingStatus,
        33,
        {
            "reference ID": Field("reference_id", "u32", 0xC0000201, 0xC0000201),
            "address": Field("reference_ip", "address", "192.0.2.1", "192.0.2.1"),
            "stratum": Field("stratum", "u16", 3, 3, highest=16),
            "leap status": Field("leap_status", "u16", 1, LeapStatus.INSERT, highest=3),
            "reference time": Field("ref_time", "time", {"sec": 1700000000, "nsec": 250000000}, 1700000000.25),
            "current correction": Field("offset", "offset", -0.5, -0.5),
            "last offset": Field("last_offset", "offset", 0.25, 0.25),
            "RMS offset": Field("rms_offset", "measure", 0.125, 0.125),
            "frequency offset": Field("frequency", "offset", -12.5, -12.5),
            "residual frequency": Field("residual_freq", "offset", 0.75, 0.75),
            "skew": Field("skew", "measure", 1.5, 1.5),
            "root delay": Field("root_delay", "measure", 0.375, 0.375),
            "root dispersion": Field("root_dispersion", "measure", 0.625, 0.625),
            "last update interval": Field("update_interval", "measure", 64, 64.0),
        },
        derived={"reference_id_name": "192.0.2.1"},
    ),
    Report(
        "sources",
        "get_sources",
        Source,
        15,
        {
            "address": Field("address", "address", "2001:db8::1", "2001:db8::1"),
            "poll": Field("poll", "i16", -4, -4),
            "stratum": Field("stratum", "u16", 2, 2, highest=15),
            "state": Field("state", "u16", 4, SourceState.UNSELECTED, highest=5),
            "mode": Field("mode", "u16", 1, SourceMode.PEER, highest=2),
            "flags": Field("flags", "u16", 5, 5),
            "reachability": Field("reachability", "u16", 0o377, 255, highest=255),
            "last sample ago": Field("last_sample_ago", "u32", 33, 33),
            "original last sample offset": Field("orig_latest_meas", "offset", -0.125, -0.125),
            "adjusted last sample offset": Field("latest_meas", "offset", 0.25, 0.25),
            "last sample error": Field("latest_meas_err", "measure", 0.5, 0.5),
        },
        is_list=True,
    ),
    Report(
        "sourcestats",
        "get_source_stats",
        SourceStats,
        34,
        {
            "reference ID": Field("reference_id", "u32", 0xC0000201, 0xC0000201),
            "address": Field("address", "address", "192.0.2.1", "192.0.2.1"),
            "samples": Field("samples", "u32", 11, 11),
            "runs": Field("runs", "u32", 7, 7),
            "span": Field("span", "u32", 600, 600),
            "standard deviation": Field("std_dev", "measure", 0.125, 0.125),
            "residual frequency": Field("resid_freq", "offset", -2.5, -2.5),
            "skew": Field("skew", "measure", 1.5, 1.5),
            "offset": Field("offset", "offset", -0.25, -0.25),
            "offset error": Field("offset_err", "measure", 0.375, 0.375),
        },
        is_list=True,
    ),
    Report(
        "rtcdata",
        "get_rtc_data",
        RTCData,
        35,
        {
            "reference time": Field("ref_time", "time", {"sec": 1700000000, "nsec": 500000000}, 1700000000.5),
            "samples": Field("samples", "u16", 10, 10),
            "runs": Field("runs", "u16", 5, 5),
            "span": Field("span", "u32", 600, 600),
            "offset": Field("offset", "offset", 0.25, 0.25),
            "frequency offset": Field("freq_offset", "offset", -2.5, -2.5),
        },
        unavailable="RTC tracking is not available",
    ),
    Report(
        "activity",
        "get_activity",
        Activity,
        44,
        {
            "online sources": Field("online_sources", "u32", 5, 5),
            "offline sources": Field("offline_sources", "u32", 4, 4),
            "burst online-return sources": Field("burst_online_sources", "u32", 3, 3),
            "burst offline-return sources": Field("burst_offline_sources", "u32", 2, 2),
            "unresolved sources": Field("unresolved_sources", "u32", 1, 1),
        },
        columns={
            "online_sources": 0,
            "offline_sources": 1,
            "burst_online_sources": 2,
            "burst_offline_sources": 3,
            "unresolved_sources": 4,
        },
    ),
    Report(
        "selectdata",
        "get_select_data",
        SelectData,
        69,
        {
            "reference ID": Field("reference_id", "u32", 3221225985, 3221225985),
            "address": Field("address", "address", "192.0.2.1", "192.0.2.1"),
            "state": Field("state", "u8", 43, SelectState.COMBINED),
            "authentication": Field("authentication", "bool", sent=1, read=True),
            "leap status": Field("leap_status", "u8", 1, LeapStatus.INSERT),
            "configured options": Field("configured_options", "u16", 3, SelectOption.NOSELECT | SelectOption.PREFER),
            "effective options": Field("effective_options", "u16", 8, SelectOption.REQUIRE),
            "last sample ago": Field("last_sample_ago", "u32", 33, 33),
            "score": Field("score", "measure", 1.5, 1.5),
            "low limit": Field("low_limit", "offset", -0.25, -0.25),
            "high limit": Field("high_limit", "offset", 0.125, 0.125),
        },
        is_list=True,
        is_open=False,
        columns={"last_sample_ago": 13, "score": 14, "low_limit": 15, "high_limit": 16},
    ),
    Report(
        "authdata",
        "get_auth_data",
        AuthData,
        67,
        {
            "mode": Field("mode", "u16", 2, AuthMode.NTS),
            "key type": Field("key_type", "u16", 15, KeyType.AEAD_AES_SIV_CMAC_256),
            "key ID": Field("key_id", "u32", 7, 7),
            "key length": Field("key_length", "u16", 256, 256),
            "key establishment attempts": Field("key_establishment_attempts", "u16", 3, 3),
            "last key establishment ago": Field("last_key_establishment_ago", "u32", 600, 600),
            "cookies": Field("cookies", "u16", 8, 8),
            "cookie length": Field("cookie_length", "u16", 100, 100),
            "NAK": Field("nak", "bool", sent=1, read=True),
        },
        is_list=True,
        is_optional=True,
        is_open=False,
        columns={
            "key_id": 2,
            "key_type": 3,
            "key_length": 4,
            "last_key_establishment_ago": 5,
            "key_establishment_attempts": 6,
            "nak": 7,
            "cookies": 8,
            "cookie_length": 9,
        },
    ),
    Report(
        "ntpdata",
        "get_ntp_data",
        NTPData,
        57,
        {
            "remote address": Field("remote_address", "address", "192.0.2.1", "192.0.2.1"),
            "local address": Field("local_address", "address", "2001:db8::1", "2001:db8::1"),
            "remote port": Field("remote_port", "u16", 123, 123),
            "leap status": Field("leap_status", "u8", 2, LeapStatus.DELETE),
            "version": Field("version", "u8", 4, 4),
            "mode": Field("mode", "u8", 4, NTPMode.SERVER),
            "stratum": Field("stratum", "u8", 2, 2),
            "poll": Field("poll", "i8", -4, -4),
            "precision": Field("precision", "i8", -24, -24),
            "root delay": Field("root_delay", "measure", 0.375, 0.375),
            "root dispersion": Field("root_dispersion", "measure", 0.625, 0.625),
            "reference ID": Field("reference_id", "u32", 1196446464, 1196446464),
            "reference time": Field("ref_time", "time", {"sec": 1700000000, "nsec": 250000000}, 1700000000.25),
            "offset": Field("offset", "offset", -0.5, -0.5),
            "peer delay": Field("peer_delay", "measure", 0.25, 0.25),
            "peer dispersion": Field("peer_dispersion", "measure", 0.125, 0.125),
            "response time": Field("response_time", "measure", 0.0625, 0.0625),
            "jitter asymmetry": Field("jitter_asymmetry", "offset", -0.25, -0.25),
            "flags": Field(
                "flags", "u16", 33283, NTPFlag.AUTHENTICATED | NTPFlag.TEST_1 | NTPFlag.TEST_C | NTPFlag.TEST_D
            ),
            "transmit timestamping": Field("transmit_timestamping", "u8", 72, Timestamping.HARDWARE),
            "receive timestamping": Field("receive_timestamping", "u8", 75, Timestamping.KERNEL),
            "transmitted messages": Field("transmitted_messages", "u32", 9, 9),
            "received messages": Field("received_messages", "u32", 8, 8),
            "received valid messages": Field("received_valid_messages", "u32", 7, 7),
            "received good messages": Field("received_good_messages", "u32", 6, 6),
            "kernel transmit timestamps": Field("kernel_transmit_timestamps", "u32", 5, 5, is_optional=True),
            "kernel receive timestamps": Field("kernel_receive_timestamps", "u32", 4, 4, is_optional=True),
            "hardware transmit timestamps": Field("hardware_transmit_timestamps", "u32", 3, 3, is_optional=True),
            "hardware receive timestamps": Field("hardware_receive_timestamps", "u32", 2, 2, is_optional=True),
        },
        is_list=True,
        is_optional=True,
        is_open=False,
        columns={
            "remote_port": 2,
            "version": 6,
            "stratum": 8,
            "poll": 9,
            "precision": 11,
            "root_delay": 13,
            "root_dispersion": 14,
            "ref_time": 17,
            "offset": 18,
            "peer_delay": 19,
            "peer_dispersion": 20,
            "response_time": 21,
            "jitter_asymmetry": 22,
            "transmitted_messages": 30,
            "received_messages": 31,
            "received_valid_messages": 32,
            "received_good_messages": 33,
            "kernel_transmit_timestamps": 34,
            "kernel_receive_timestamps": 35,
            "hardware_transmit_timestamps": 36,
            "hardware_receive_timestamps": 37,
        },
    ),
    Report(
        "serverstats",
        "get_server_stats",
        ServerStats,
        54,
        {
            "received NTP requests": Field("received_ntp_requests", "u64", 100, 100),
            "accepted NTS-KE connections": Field("accepted_nts_ke_connections", "u64", 101, 101, is_optional=True),
            "received command requests": Field("received_command_requests", "u64", 102, 102),
            "dropped NTP requests": Field("dropped_ntp_requests", "u64", 103, 103),
            "dropped NTS-KE connections": Field("dropped_nts_ke_connections", "u64", 104, 104, is_optional=True),
            "dropped command requests": Field("dropped_command_requests", "u64", 105, 105),
            "dropped client log records": Field("dropped_client_log_records", "u64", 106, 106),
            "received authenticated NTP requests": Field(
                "received_authenticated_ntp_requests", "u64", 107, 107, is_optional=True
            ),
            "received interleaved NTP requests": Field(
                "received_interleaved_ntp_requests", "u64", 108, 108, is_optional=True
            ),
            "held NTP timestamps": Field("held_ntp_timestamps", "u64", 109, 109, is_optional=True),
            "NTP timestamp span": Field("ntp_timestamp_span", "u64", 110, 110, is_optional=True),
            "served daemon RX timestamps": Field("served_daemon_rx_timestamps", "u64", 111, 111, is_optional=True),
            "served daemon TX timestamps": Field("served_daemon_tx_timestamps", "u64", 112, 112, is_optional=True),
            "served kernel RX timestamps": Field("served_kernel_rx_timestamps", "u64", 113, 113, is_optional=True),
            "served kernel TX timestamps": Field("served_kernel_tx_timestamps", "u64", 114, 114, is_optional=True),
            "served hardware RX timestamps": Field("served_hardware_rx_timestamps", "u64", 115, 115, is_optional=True),
            "served hardware TX timestamps": Field("served_hardware_tx_timestamps", "u64", 116, 116, is_optional=True),
        },
        is_open=False,
        columns={
            "received_ntp_requests": 0,
            "dropped_ntp_requests": 1,
            "received_command_requests": 2,
            "dropped_command_requests": 3,
            "dropped_client_log_records": 4,
            "accepted_nts_ke_connections": 5,
            "dropped_nts_ke_connections": 6,
            "received_authenticated_ntp_requests": 7,
            "received_interleaved_ntp_requests": 8,
            "held_ntp_timestamps": 9,
            "ntp_timestamp_span": 10,
            "served_daemon_rx_timestamps": 11,
            "served_daemon_tx_timestamps": 12,
            "served_kernel_rx_timestamps": 13,
            "served_kernel_tx_timestamps": 14,
            "served_hardware_rx_timestamps": 15,
            "served_hardware_tx_timestamps": 16,
        },
    ),
    Report(
        "smoothing",
        "get_smoothing",
        Smoothing,
        51,
        {
            "flags": Field("flags", "u32", 3, SmoothingFlag.ACTIVE | SmoothingFlag.LEAPONLY),
            "offset": Field("offset", "offset", -0.5, -0.5),
            "frequency offset": Field("freq_offset", "offset", 2.5, 2.5),
            "wander": Field("wander", "offset", -0.125, -0.125),
            "last update ago": Field("last_update_ago", "measure", 1.5, 1.5),
            "remaining time": Field("remaining_time", "measure", 600, 600.0),
        },
        columns={"offset": 2, "freq_offset": 3, "wander": 4, "last_update_ago": 5, "remaining_time": 6},
        unavailable="Time smoothing is not available",
    ),
]
BY_NAME = {report.name: report for report in REPORTS}
BY_CALL = {report.call: report for report in REPORTS}
LISTS = [report for report in REPORTS if report.is_list]
SINGLES = [report for report in REPORTS if not report.is_list]
#: The names of pychrony's functions. The functions of `pychrony.aio` and the methods of connections have them, too.
CALLS = [report.call for report in REPORTS]

each_report = pytest.mark.parametrize("report", REPORTS, ids=str)

#: One report of each shape of list, because each takes its own path through a call: per source, and per NTP source.
LIST_SHAPES = [BY_NAME["sources"], BY_NAME["ntpdata"]]
#: All shapes: a single record, and the lists.
SHAPES = [BY_NAME["tracking"], *LIST_SHAPES]
each_shape = pytest.mark.parametrize("report", SHAPES, ids=str)
each_list_shape = pytest.mark.parametrize("report", LIST_SHAPES, ids=str)


#: The command that makes the scripted chronyd answer that it does not have the optional reports.
NOTHING = f"values {json.dumps({report.name: None for report in REPORTS if report.unavailable})}"


def defaults(sources: int = 3) -> str:
    """Return the command that makes the scripted chronyd send default records of every report."""
    values: dict[str, Any] = {report.name: None if report.is_list else {} for report in REPORTS}
    return f"values {json.dumps(values | {'sources': sources})}"
