"""The records that the reports consist of, and the constants in them.

Records are frozen dataclasses. Those that pychrony returns have been validated: every number is finite and in the
range given here. Units are in the fields' descriptions. "chronyc" refers to the manual of chrony's command-line client,
which explains each value at length.
"""

import inspect
import math
import sys
from dataclasses import Field, dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any, ClassVar

from pychrony import _core
from pychrony.constants import (
    AuthMode,
    KeyType,
    LeapStatus,
    NTPFlag,
    NTPMode,
    SelectOption,
    SelectState,
    SmoothingFlag,
    SourceMode,
    SourceState,
    Timestamping,
    Transport,
)

__all__ = [
    "Activity",
    "AuthData",
    "AuthMode",
    "KeyType",
    "LeapStatus",
    "NTPData",
    "NTPFlag",
    "NTPMode",
    "RTCData",
    "Record",
    "SelectData",
    "SelectOption",
    "SelectState",
    "ServerStats",
    "Smoothing",
    "SmoothingFlag",
    "Source",
    "SourceMode",
    "SourceState",
    "SourceStats",
    "Timestamping",
    "TrackingStatus",
    "Transport",
]

#: The reference ID of chronyd's own ``local`` clock.
_LOCAL = 0x7F7F0101
#: The drift that chronyd assumes of every clock, in ppm: the default of ``maxclockerror``.
_MAX_CLOCK_ERROR = 1.0
#: The value of last_sample_ago if there was no good sample.
_NEVER = 0xFFFFFFFF

#: The name that a reference ID gives to a source without an address.
_ref_id_to_name = _core.reference_id_name


class Record:
    """The base class of all records, with the methods that they share.

    Example:
        >>> from pychrony import Record, get_tracking
        >>> status = get_tracking()
        >>> isinstance(status, Record)
        True
        >>> status.to_dict()["leap_status"]
        'normal'
    """

    # Compiling the methods for each dataclass would take a tenth of the time of the import.

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    #: libchrony's name of the report, and the enums of the fields. Annotated only here, since an annotation in a
    #: dataclass would appear in `__dataclass_fields__`.
    _report: ClassVar[tuple[str, dict[str, type[Enum]]]]

    def _values(self) -> tuple[object, ...]:
        return tuple([getattr(self, name) for name in self.__dataclass_fields__])

    def __repr__(self) -> str:
        """Return the class and the fields."""
        fields = zip(self.__dataclass_fields__, self._values(), strict=True)
        return f"{type(self).__qualname__}({', '.join(f'{name}={value!r}' for name, value in fields)})"

    def __eq__(self, other: object) -> bool:
        """Return true if the other one is a record of the same class, with equal fields."""
        if not isinstance(other, Record) or type(other) is not type(self):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        """Return a hash of the fields."""
        return hash(self._values())

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, ready for JSON, as in a row of ``chrony-report --format json``.

        Returns:
            dict[str, Any]: The values by the names of the fields. A constant is libchrony's word for it, or its number
            if it has none. Flags are a list of words and of bits without a word. A value that is not known, such as the
            age of the last sample of a source that was never sampled, is None.
        """
        return _core.to_dict(self)


@dataclass(frozen=True, repr=False, eq=False)
class TrackingStatus(Record):
    """The state of the system clock against its reference (libchrony report "tracking", chronyc ``tracking``).

    A chronyd that is not synchronised reports reference ID 0, stratum 0, leap status 3, a root delay and dispersion
    of 1 s, and reference time 0.
    """

    _report = ("tracking", {"leap_status": LeapStatus})

    reference_id: int
    """The reference of the clock: an IPv4 address, a hash of an IPv6 address, or the name of a reference clock. 0
    if not synchronised, 7F7F0101 for chronyd's own `local` clock. (libchrony "reference ID")
    """
    reference_id_name: str
    """The name of the source: its address, or else its reference ID as characters or as a dotted quad. Empty if
    there is no source. (libchrony "address" or "reference ID")
    """
    stratum: int
    """The NTP stratum, 0 to 16: the number of hops to a reference clock. 0 if not synchronised. 16 if the source
    has stratum 15, which is too far away for clients. (libchrony "stratum")
    """
    leap_status: int
    """The leap status: normal, a coming leap second, or not synchronised. A member of `LeapStatus`. (libchrony
    "leap status")
    """
    offset: float
    """The correction still to be made to the system clock, in seconds. Positive: the clock is slow of NTP time.
    (libchrony "current correction")
    """
    last_offset: float
    """The estimated offset at the last clock update, in seconds. Positive: the clock was fast. (libchrony "last
    offset")
    """
    rms_offset: float
    """The long-term average of the offset, in seconds, 0 or more. (libchrony "RMS offset")"""
    frequency: float
    """The rate at which the clock would gain time without correction, in ppm. Negative: the clock would lose time.
    (libchrony "frequency offset")
    """
    residual_freq: float
    """The difference between the frequency of the last measurements and the one in use, in ppm. (libchrony
    "residual frequency")
    """
    skew: float
    """The estimated error bound of the frequency, in ppm, 0 or more. (libchrony "skew")"""
    root_delay: float
    """The network delay to the stratum-1 server, in seconds, 0 or more. (libchrony "root delay")"""
    root_dispersion: float
    """The dispersion accumulated over the path to the stratum-1 server, in seconds, 0 or more. (libchrony "root
    dispersion")
    """
    update_interval: float
    """The interval between the last two clock updates, in seconds, 0 or more. (libchrony "last update interval")"""
    reference_ip: str = ""
    """The IP address of the source, or `ID#` and ten digits while its name is not resolved. Empty for a reference
    clock, for the local clock, and if not synchronised. (libchrony "address")
    """
    ref_time: float = 0.0
    """The time at which the last measurement from the source was processed. 0 if there was none. (libchrony
    "reference time")
    """

    def is_synchronized(self) -> bool:
        """Check if chronyd is synchronised to a time source.

        Returns:
            bool: True if synchronised (reference_id != 0 and stratum < 16), False otherwise.
        """
        return self.reference_id != 0 and self.stratum < 16

    def is_leap_pending(self) -> bool:
        """Check if a leap second adjustment is pending.

        Returns:
            bool: True if leap_status is 1 (insert) or 2 (delete), False otherwise.
        """
        return self.leap_status in (LeapStatus.INSERT, LeapStatus.DELETE)

    def is_local(self) -> bool:
        """Check if the clock follows nothing but itself, by chronyd's ``local`` directive.

        Returns:
            bool: True if reference_id is 0x7F7F0101 and there is no address (chronyc ``tracking``, "Reference ID").
        """
        return self.reference_id == _LOCAL and not self.reference_ip

    def clock_error_bound(self, *, at: float | None = None) -> float | None:
        """Return the largest error of the system clock, if the stratum-1 server is right.

        At the moment of the report it is ``abs(offset) + root_dispersion + 0.5 * root_delay`` (chronyc ``tracking``,
        "Root dispersion").

        Until a later moment the bound grows, if chronyd makes no update. chronyd adds ``skew + abs(residual_freq) +
        maxclockerror`` of the time since ref_time to its root dispersion (``get_root_dispersion`` in its
        reference.c). This method adds the growth to the bound above. chronyd does not report ``maxclockerror``, so
        its default of 1 ppm is used. If chrony.conf has a larger value, chronyd's own bound grows faster.

        A record does not contain the time of the report, so the growth counts from ref_time, which is not later. The
        bound is therefore never too small, if `at` is a time of the clock that chronyd controls. The excess is the
        growth of the root dispersion from ref_time to the report.

        ref_time is in chronyd's estimate of true time, so the growth counts to ``at + offset``. If this is before
        ref_time, `at` belongs to the clock of another machine, or to a clock that was set back. The bound then grows
        with the time between the two, but may be too small, because the record does not contain the difference
        between the clocks.

        Args:
            at: The later moment by the system clock, in seconds since the epoch. None for the moment of the report.

        Returns:
            float | None: The bound in seconds. None if it is not known: the clock is not synchronised, a leap second
            is being inserted or deleted, or the clock follows only itself.

        Raises:
            ValueError: If `at` is not a finite number.
        """
        # An integer may be finite and too large for a float.
        if at is not None and not abs(at) <= sys.float_info.max:
            raise ValueError(f"at must be a finite number of seconds since the epoch, not {at!r}")
        if not self.is_synchronized() or self.leap_status == LeapStatus.UNSYNC or self.is_local():
            return None
        bound = abs(self.offset) + self.root_dispersion + 0.5 * self.root_delay
        if at is None:
            return bound
        rate = (self.skew + abs(self.residual_freq) + _MAX_CLOCK_ERROR) * 1e-6
        return bound + abs(at + self.offset - self.ref_time) * rate

    @property
    def leap_status_name(self) -> str:
        """libchrony's words for the leap status: normal, insert second, delete second or not synchronized."""
        return LeapStatus.words_of(self.leap_status)


@dataclass(frozen=True, repr=False, eq=False)
class Source(Record):
    """One time source (libchrony report "sources", chronyc ``sources``)."""

    _report = ("sources", {"state": SourceState, "mode": SourceMode})

    address: str
    """The IP address, `ID#` and ten digits while the name is not resolved, or the reference ID of a reference
    clock, such as `GPS`. (libchrony "address" or "reference ID")
    """
    poll: int
    """The polling interval as a power of two, in seconds: 6 is 64 s, -4 is 1/16 s. The range is -7 to 24, or -32 to
    32 for a reference clock. (libchrony "poll")
    """
    stratum: int
    """The NTP stratum of the source, 0 to 15. 0 for a reference clock, and for a source that has not responded yet.
    (libchrony "stratum")
    """
    state: int
    """The state of the source in the selection. A member of `SourceState`. (libchrony "state")"""
    mode: int
    """The kind of the source. A member of `SourceMode`. (libchrony "mode")"""
    flags: int
    """The flags of the source, which have no documented meaning. Current versions of chronyd send 0. (libchrony
    "flags")
    """
    reachability: int
    """The results of the last eight polls, one bit each, the latest in the lowest. 255 if all were answered.
    (libchrony "reachability")
    """
    last_sample_ago: int
    """The time since the last good sample, in seconds. 4294967295 if there was none. (libchrony "last sample ago")"""
    orig_latest_meas: float
    """The offset of the last sample as measured, in seconds. Positive: the local clock is ahead of the source.
    (libchrony "original last sample offset")
    """
    latest_meas: float
    """The offset of the last sample, adjusted for later corrections of the clock, in seconds. Positive: the local
    clock is ahead of the source. (libchrony "adjusted last sample offset")
    """
    latest_meas_err: float
    """The error bound of the last sample, in seconds, 0 or more. (libchrony "last sample error")"""

    def is_reachable(self) -> bool:
        """Check if any of the last eight polls was answered.

        Returns:
            bool: True if reachability is not 0.
        """
        return self.reachability > 0

    def is_selected(self) -> bool:
        """Check if chronyd follows this source.

        Returns:
            bool: True if state is 0 (selected).
        """
        return self.state == SourceState.SELECTED

    def has_sample(self) -> bool:
        """Check if there was a good sample of the source.

        Returns:
            bool: True if last_sample_ago is not 4294967295 (chronyc ``sources``, "LastRx").
        """
        return self.last_sample_ago != _NEVER

    @property
    def name(self) -> str:
        """The name of the source, equal in `SourceStats` and `SelectData`: the same as address."""
        return self.address

    @property
    def poll_interval(self) -> float:
        """The polling interval in seconds: 2 to the power of poll (chronyc ``sources``, "Poll")."""
        return 2.0**self.poll if self.poll < sys.float_info.max_exp else math.inf

    @property
    def mode_name(self) -> str:
        """libchrony's words for the mode: client, peer or reference clock."""
        return SourceMode.words_of(self.mode)

    @property
    def state_name(self) -> str:
        """libchrony's word for the state: selected, nonselectable, falseticker, jittery, unselected or selectable."""
        return SourceState.words_of(self.state)


@dataclass(frozen=True, repr=False, eq=False)
class SourceStats(Record):
    """The statistics of one time source (libchrony report "sourcestats", chronyc ``sourcestats``).

    A source that was never sampled has a standard deviation of 4 s and a skew of 2000 ppm.
    """

    _report = ("sourcestats", {})

    reference_id: int
    """The reference ID of the source: an IPv4 address, a hash of an IPv6 address, or a reference clock's name.
    (libchrony "reference ID")
    """
    address: str
    """The IP address of the source, or `ID#` and ten digits while its name is not resolved. Empty for a reference
    clock. (libchrony "address")
    """
    samples: int
    """The number of samples in use. (libchrony "samples")"""
    runs: int
    """The number of runs of residuals that have the same sign. (libchrony "runs")"""
    span: int
    """The time between the oldest and the newest sample, in seconds. (libchrony "span")"""
    std_dev: float
    """The estimated standard deviation of the samples, in seconds, 0 or more. (libchrony "standard deviation")"""
    resid_freq: float
    """The estimated frequency of the source against the local clock, in ppm. (libchrony "residual frequency")"""
    skew: float
    """The estimated error bound of the residual frequency, in ppm, 0 or more. (libchrony "skew")"""
    offset: float
    """The estimated offset of the source, in seconds. Positive: the local clock is ahead of the source. (libchrony
    "offset")
    """
    offset_err: float
    """The estimated error bound of the offset, in seconds, 0 or more. (libchrony "offset error")"""

    @property
    def name(self) -> str:
        """The name of the source, equal in `Source`: its address, or the reference ID of a reference clock."""
        return self.address or _core.reference_id_name(self.reference_id)

    @property
    def reference_id_name(self) -> str:
        """The reference ID read as characters ("GPS"), or as a dotted quad."""
        return _core.reference_id_name(self.reference_id)

    def has_sufficient_samples(self, minimum: int = 4) -> bool:
        """Check if there are enough samples for a useful estimate.

        Args:
            minimum: The number of samples that is enough.

        Returns:
            bool: True if there are at least that many.
        """
        return self.samples >= minimum


@dataclass(frozen=True, repr=False, eq=False)
class RTCData(Record):
    """The tracking of the real-time clock (libchrony report "rtcdata", chronyc ``rtcdata``)."""

    _report = ("rtcdata", {})

    ref_time: float
    """The time of the last measurement of the RTC. (libchrony "reference time")"""
    samples: int
    """The number of measurements in use. (libchrony "samples")"""
    runs: int
    """The number of runs of residuals that have the same sign. (libchrony "runs")"""
    span: int
    """The time between the oldest and the newest measurement, in seconds. (libchrony "span")"""
    offset: float
    """The offset of the RTC from the system clock, in seconds. Positive: the RTC is ahead. (libchrony "offset")"""
    freq_offset: float
    """The rate at which the RTC gains time against the system clock, in ppm. Negative: the RTC loses time.
    (libchrony "frequency offset")
    """

    def is_calibrated(self) -> bool:
        """Check if there is any measurement to calibrate by.

        Returns:
            bool: True if samples is not 0.
        """
        return self.samples > 0


@dataclass(frozen=True, repr=False, eq=False)
class Activity(Record):
    """The numbers of NTP sources by their activity (libchrony report "activity", chronyc ``activity``).

    Reference clocks are not counted.
    """

    _report = ("activity", {})

    online_sources: int
    """The number of sources that are online: chronyd polls them. (libchrony "online sources")"""
    offline_sources: int
    """The number of sources that are offline: chronyd assumes that they are unreachable, and does not poll them.
    (libchrony "offline sources")
    """
    burst_online_sources: int
    """The number of sources in a burst of requests that will be online after it. (libchrony "burst online-return
    sources")
    """
    burst_offline_sources: int
    """The number of sources in a burst of requests that will be offline after it. (libchrony "burst offline-return
    sources")
    """
    unresolved_sources: int
    """The number of sources whose name has not been resolved to an address. (libchrony "unresolved sources")"""


@dataclass(frozen=True, repr=False, eq=False)
class SelectData(Record):
    """The state of a source at the last selection (libchrony report "selectdata", chronyc ``selectdata``).

    Requires chrony 4.0 or later. A number that has no name yet is a member with a name like ``UNKNOWN_9``.
    """

    _report = (
        "selectdata",
        {
            "state": SelectState,
            "leap_status": LeapStatus,
            "configured_options": SelectOption,
            "effective_options": SelectOption,
        },
    )

    reference_id: int
    """The reference ID of the source: an IPv4 address, a hash of an IPv6 address, or a reference clock's name.
    (libchrony "reference ID")
    """
    address: str
    """The IP address of the source, or `ID#` and ten digits while its name is not resolved. Empty for a reference
    clock. (libchrony "address")
    """
    state: SelectState
    """The state of the source at the last selection. (libchrony "state")"""
    authentication: bool
    """True if authentication is enabled for the source's packets. (libchrony "authentication")"""
    leap_status: LeapStatus
    """The leap status that the source announces. Not synchronised before the first measurement. (libchrony "leap
    status")
    """
    configured_options: SelectOption
    """The configured options of the selection. (libchrony "configured options")"""
    effective_options: SelectOption
    """The options of the selection in effect. chronyd may have preferred authenticated sources. (libchrony
    "effective options")
    """
    last_sample_ago: int
    """The age of the last sample when the selection was made, in seconds. 0 if there was no sample. (libchrony
    "last sample ago")
    """
    score: float
    """The score against the selected source, a ratio, 0 or more. Above 1: the source was better in recent
    selections. (libchrony "score")
    """
    low_limit: float
    """The low end of the range in which the source sees the clock's true offset, in seconds. 0 without a sample.
    (libchrony "low limit")
    """
    high_limit: float
    """The high end of the range in which the source sees the clock's true offset, in seconds. Below the low end if
    the root distance is not acceptable. (libchrony "high limit")
    """

    @property
    def name(self) -> str:
        """The name of the source, equal in `Source`: its address, or the reference ID of a reference clock."""
        return self.address or _core.reference_id_name(self.reference_id)

    @property
    def state_name(self) -> str:
        """libchrony's words for the state, or "unknown" and the number."""
        return SelectState.words_of(self.state)

    @property
    def leap_status_name(self) -> str:
        """libchrony's words for the leap status, or "unknown" and the number."""
        return LeapStatus.words_of(self.leap_status)


@dataclass(frozen=True, repr=False, eq=False)
class AuthData(Record):
    """The authentication of a source's packets (libchrony report "authdata", chronyc ``authdata``).

    Requires chrony 4.0 or later. A number that has no name yet is a member with a name like ``UNKNOWN_9``.
    """

    _report = ("authdata", {"mode": AuthMode, "key_type": KeyType})

    mode: AuthMode
    """The mechanism that authenticates the packets. (libchrony "mode")"""
    key_type: KeyType
    """The type of the key. 0, which has no name, while there is no key. (libchrony "key type")"""
    key_id: int
    """The ID of the key. With NTS, the number of successful key establishments. 0 without a key. (libchrony "key
    ID")
    """
    key_length: int
    """The length of the key, in bits. 0 without a key. (libchrony "key length")"""
    key_establishment_attempts: int
    """The number of attempts to establish NTS keys since the last success. A success counts once an authenticated
    response has followed. (libchrony "key establishment attempts")
    """
    last_key_establishment_ago: int
    """The time since the last establishment of NTS keys, in seconds. 4294967295 if there was none, and without NTS.
    (libchrony "last key establishment ago")
    """
    cookies: int
    """The number of NTS cookies that chronyd holds, 8 at most. Fewer are a sign of lost responses. (libchrony
    "cookies")
    """
    cookie_length: int
    """The length of the next NTS cookie, in bytes. 0 without a cookie. (libchrony "cookie length")"""
    nak: bool
    """True if the server has refused a cookie (NTS NAK) since the last request. (libchrony "NAK")"""

    @property
    def mode_name(self) -> str:
        """libchrony's words for the mode, or "unknown" and the number."""
        return AuthMode.words_of(self.mode)

    @property
    def key_type_name(self) -> str:
        """libchrony's words for the type of the key, or "unknown" and the number."""
        return KeyType.words_of(self.key_type)


@dataclass(frozen=True, repr=False, eq=False)
class NTPData(Record):
    """The last valid answer of a source (libchrony report "ntpdata", chronyc ``ntpdata``), and counters of messages.

    A source that has never answered has 0 as ``received_valid_messages``, no local address, and zeros elsewhere.
    A number that has no name yet is a member with a name like ``UNKNOWN_9``.
    """

    _report = (
        "ntpdata",
        {
            "leap_status": LeapStatus,
            "mode": NTPMode,
            "flags": NTPFlag,
            "transmit_timestamping": Timestamping,
            "receive_timestamping": Timestamping,
        },
    )

    remote_address: str
    """The IP address of the source, or `ID#` and ten digits while its name is not resolved. (libchrony "remote
    address")
    """
    local_address: str
    """The local IP address that received the response. Empty before the first response. (libchrony "local address")"""
    remote_port: int
    """The UDP port of the source. (libchrony "remote port")"""
    leap_status: LeapStatus
    """The leap status that the source announces. (libchrony "leap status")"""
    version: int
    """The NTP version of the response. 0 before the first response. (libchrony "version")"""
    mode: NTPMode
    """The NTP mode of the response. 0, which has no name, before the first response. (libchrony "mode")"""
    stratum: int
    """The stratum in the response, 0 to 255. 0 in a kiss-o'-death, and before the first response. (libchrony
    "stratum")
    """
    poll: int
    """The polling interval in the response, as a power of two, in seconds. chronyd does not check it. (libchrony
    "poll")
    """
    precision: int
    """The precision of the source's clock, as a power of two, in seconds. (libchrony "precision")"""
    root_delay: float
    """The network delay between the source and its stratum-1 server, in seconds, 0 or more. (libchrony "root delay")"""
    root_dispersion: float
    """The dispersion accumulated over the path to the stratum-1 server, in seconds, 0 or more. (libchrony "root
    dispersion")
    """
    reference_id: int
    """The reference of the source. A name if the stratum is 1, a kiss code if it is 0. (libchrony "reference ID")"""
    ref_time: float
    """The time at which the source's clock was last set. 0 if that is unknown. (libchrony "reference time")"""
    offset: float
    """The offset of the sample, in seconds. Positive: the local clock is behind the source. In `sources`, positive
    means ahead. (libchrony "offset")
    """
    peer_delay: float
    """The round-trip delay to the source, in seconds, 0 or more. (libchrony "peer delay")"""
    peer_dispersion: float
    """The dispersion of the sample, in seconds, 0 or more. (libchrony "peer dispersion")"""
    response_time: float
    """The time that the source took to respond, in seconds, 0 or more. (libchrony "response time")"""
    jitter_asymmetry: float
    """The asymmetry of the jitter between the two directions, -0.5 to 0.5. Negative: the delay to the source varies
    more. (libchrony "jitter asymmetry")
    """
    flags: NTPFlag
    """The tests that the response has passed, and its mode. (libchrony "flags")"""
    transmit_timestamping: Timestamping
    """The origin of the request's transmit timestamp. 0, which has no name, before the first response. (libchrony
    "transmit timestamping")
    """
    receive_timestamping: Timestamping
    """The origin of the response's receive timestamp. 0, which has no name, before the first response. (libchrony
    "receive timestamping")
    """
    transmitted_messages: int
    """The number of messages sent to the source. (libchrony "transmitted messages")"""
    received_messages: int
    """The number of messages received from the source. (libchrony "received messages")"""
    received_valid_messages: int
    """The number of messages that passed tests 1 to 5. (libchrony "received valid messages")"""
    received_good_messages: int
    """The number of messages that passed all tests and gave a sample. (libchrony "received good messages")"""
    kernel_transmit_timestamps: int | None = None
    """The number of requests with a timestamp from the kernel. `None` before chrony 4.6. (libchrony "kernel
    transmit timestamps")
    """
    kernel_receive_timestamps: int | None = None
    """The number of responses with a timestamp from the kernel. `None` before chrony 4.6. (libchrony "kernel
    receive timestamps")
    """
    hardware_transmit_timestamps: int | None = None
    """The number of requests with a timestamp from the network card. `None` before chrony 4.6. (libchrony "hardware
    transmit timestamps")
    """
    hardware_receive_timestamps: int | None = None
    """The number of responses with a timestamp from the network card. `None` before chrony 4.6. (libchrony
    "hardware receive timestamps")
    """

    @property
    def leap_status_name(self) -> str:
        """libchrony's words for the leap status, or "unknown" and the number."""
        return LeapStatus.words_of(self.leap_status)

    @property
    def mode_name(self) -> str:
        """libchrony's words for the mode, or "unknown" and the number."""
        return NTPMode.words_of(self.mode)

    @property
    def transmit_timestamping_name(self) -> str:
        """libchrony's words for what stamped the request, or "unknown" and the number."""
        return Timestamping.words_of(self.transmit_timestamping)

    @property
    def receive_timestamping_name(self) -> str:
        """libchrony's words for what stamped the answer, or "unknown" and the number."""
        return Timestamping.words_of(self.receive_timestamping)


@dataclass(frozen=True, repr=False, eq=False)
class ServerStats(Record):
    """The counts of what chronyd has served since its start (libchrony report "serverstats", chronyc ``serverstats``).

    Until chrony 4.4, numbers begin at 0 again after 4294967295.
    """

    _report = ("serverstats", {})

    received_ntp_requests: int
    """The number of NTP requests received. (libchrony "received NTP requests")"""
    accepted_nts_ke_connections: int | None = field(default=None, kw_only=True)
    """The number of connections accepted for NTS key establishment. `None` before chrony 4.0. (libchrony "accepted
    NTS-KE connections")
    """
    received_command_requests: int
    """The number of command requests received, including this program's. (libchrony "received command requests")"""
    dropped_ntp_requests: int
    """The number of NTP requests dropped by the rate limit. (libchrony "dropped NTP requests")"""
    dropped_nts_ke_connections: int | None = field(default=None, kw_only=True)
    """The number of NTS-KE connections dropped by the rate limit. `None` before chrony 4.0. (libchrony "dropped
    NTS-KE connections")
    """
    dropped_command_requests: int
    """The number of command requests dropped by the rate limit. (libchrony "dropped command requests")"""
    dropped_client_log_records: int
    """The number of client records dropped by the memory limit. (libchrony "dropped client log records")"""
    received_authenticated_ntp_requests: int | None = field(default=None, kw_only=True)
    """The number of NTP requests authenticated by a key or NTS. `None` before chrony 4.0. (libchrony "received
    authenticated NTP requests")
    """
    received_interleaved_ntp_requests: int | None = field(default=None, kw_only=True)
    """The number of NTP requests in interleaved mode. `None` before chrony 4.2. (libchrony "received interleaved
    NTP requests")
    """
    held_ntp_timestamps: int | None = field(default=None, kw_only=True)
    """The number of pairs of timestamps held for interleaved clients. `None` before chrony 4.2. (libchrony "held
    NTP timestamps")
    """
    ntp_timestamp_span: int | None = field(default=None, kw_only=True)
    """The time that the held timestamps cover, in seconds. `None` before chrony 4.2. (libchrony "NTP timestamp
    span")
    """
    served_daemon_rx_timestamps: int | None = field(default=None, kw_only=True)
    """The number of responses with a receive timestamp from the daemon. `None` before chrony 4.4. (libchrony
    "served daemon RX timestamps")
    """
    served_daemon_tx_timestamps: int | None = field(default=None, kw_only=True)
    """The number of responses with a transmit timestamp from the daemon. `None` before chrony 4.4. (libchrony
    "served daemon TX timestamps")
    """
    served_kernel_rx_timestamps: int | None = field(default=None, kw_only=True)
    """The number of responses with a receive timestamp from the kernel. `None` before chrony 4.4. (libchrony
    "served kernel RX timestamps")
    """
    served_kernel_tx_timestamps: int | None = field(default=None, kw_only=True)
    """The number of responses with a transmit timestamp from the kernel. `None` before chrony 4.4. (libchrony
    "served kernel TX timestamps")
    """
    served_hardware_rx_timestamps: int | None = field(default=None, kw_only=True)
    """The number of responses with a receive timestamp from the network card. `None` before chrony 4.4. (libchrony
    "served hardware RX timestamps")
    """
    served_hardware_tx_timestamps: int | None = field(default=None, kw_only=True)
    """The number of responses with a transmit timestamp from the network card. `None` before chrony 4.4. (libchrony
    "served hardware TX timestamps")
    """


@dataclass(frozen=True, repr=False, eq=False)
class Smoothing(Record):
    """The smoothing of the time that chronyd serves (libchrony report "smoothing", chronyc ``smoothing``).

    All numbers are 0 while smoothing is not active.
    """

    _report = ("smoothing", {"flags": SmoothingFlag})

    flags: SmoothingFlag
    """The state of the smoothing: active or not, and for leap seconds only or not. (libchrony "flags")"""
    offset: float
    """The offset of the served time, in seconds. Positive: the served time is ahead of true time. (libchrony
    "offset")
    """
    freq_offset: float
    """The frequency offset of the served time, in ppm. Negative: the served time runs slower than true time.
    (libchrony "frequency offset")
    """
    wander: float
    """The rate at which the frequency offset changes, in ppm per second. Negative: the served time slows down.
    (libchrony "wander")
    """
    last_update_ago: float
    """The time since the last update of the smoothing process, in seconds, 0 or more. (libchrony "last update ago")"""
    remaining_time: float
    """The time until the offset and frequency are 0 without further updates, in seconds, 0 or more. (libchrony
    "remaining time")
    """


def _describe(record: type[Record]) -> None:
    """Give the fields of a record their metadata, and the class a documentation with all of them."""
    described = _core.describe(record._report[0])  # noqa: SLF001
    lines = [inspect.cleandoc(record.__doc__ or ""), "\nAttributes:"]
    for its_field in record.__dataclass_fields__.values():
        metadata = described[its_field.name]
        its_field.metadata = MappingProxyType(metadata)
        lines.append(f"    {its_field.name}: {metadata['doc']}")
    record.__doc__ = "\n".join(lines)


for _record in Record.__subclasses__():
    _describe(_record)
