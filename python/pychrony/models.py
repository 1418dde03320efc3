"""The records that the reports consist of, and the constants in them.

Records are frozen dataclasses. Those that pychrony returns have been validated: every number is finite and in the
range given here. Units are in the fields' descriptions. "chronyc" refers to the manual of chrony's command-line client,
which explains each value at length.
"""

import math
import sys
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from pychrony._core import reference_id_name
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
_ref_id_to_name = reference_id_name

#: libchrony's name of a record's report, and the enums of its fields.
_Report = tuple[str, dict[str, type[Enum]]]


class _Record:
    """The methods that all records share.

    Compiling them for each dataclass would take a tenth of the time of the import.
    """

    #: The names of the fields.
    __match_args__: tuple[str, ...]
    #: Annotated only here, since an annotation in a dataclass would appear in `__dataclass_fields__`.
    __report__: ClassVar[_Report]

    def _values(self) -> tuple[object, ...]:
        return tuple([getattr(self, name) for name in self.__match_args__])

    def __repr__(self) -> str:
        fields = zip(self.__match_args__, self._values(), strict=True)
        return f"{type(self).__qualname__}({', '.join(f'{name}={value!r}' for name, value in fields)})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Record) or type(other) is not type(self):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())


@dataclass(frozen=True, repr=False, eq=False)
class TrackingStatus(_Record):
    """The state of the system clock against its reference (libchrony report "tracking", chronyc ``tracking``).

    A chronyd that is not synchronised reports reference ID 0, stratum 0, leap status 3, a root delay and dispersion
    of 1 s, and reference time 0.

    Attributes:
        reference_id: The reference that the clock follows, 0 to 2**32-1: an IPv4 address, a hash of an IPv6 address, or
            the name of a reference clock. 0 when not synchronised, 0x7F7F0101 for chronyd's own ``local`` clock.
            (libchrony "reference ID")
        reference_id_name: The name of the source: its address when it has one, or else the reference ID read as
            characters ("GPS"), or as a dotted quad. Empty when there is no source.
        stratum: Number of hops to a reference clock, 0 to 16. 0 when not synchronised; 16 if the source is at stratum
            15, which no clock may follow. (libchrony "stratum")
        leap_status: The leap second to come, if any, 0 to 3; a member of `LeapStatus`. (libchrony "leap status")
        offset: Correction still to be made to the system clock, in seconds. Positive: the clock is slow of NTP time.
            (libchrony "current correction")
        last_offset: Estimated offset at the last clock update, in seconds. Positive: the clock was fast.
            (libchrony "last offset")
        rms_offset: Long-term average of the offset, in seconds, 0 or more. (libchrony "RMS offset")
        frequency: Frequency error that the clock would have without correction, in ppm. Positive: it would gain time.
            (libchrony "frequency offset")
        residual_freq: Difference between the frequency of the last measurements and the one in use, in ppm.
            (libchrony "residual frequency")
        skew: Estimated error bound of the frequency, in ppm, 0 or more. (libchrony "skew")
        root_delay: Network path delay to the stratum-1 server, in seconds, 0 or more. (libchrony "root delay")
        root_dispersion: Dispersion accumulated over that path, in seconds, 0 or more. (libchrony "root dispersion")
        update_interval: Interval between the last two clock updates, in seconds, 0 or more.
            (libchrony "last update interval")
        reference_ip: IP address of the source, or ``ID#`` and ten digits while its name is not resolved. Empty for a
            reference clock, the local clock, and when not synchronised. (libchrony "address")
        ref_time: Time at which the last measurement was processed, in seconds since the epoch, 0 or more.
            (libchrony "reference time")
    """

    __report__ = ("tracking", {"leap_status": LeapStatus})

    reference_id: int
    reference_id_name: str
    stratum: int
    leap_status: int
    offset: float
    last_offset: float
    rms_offset: float
    frequency: float
    residual_freq: float
    skew: float
    root_delay: float
    root_dispersion: float
    update_interval: float
    reference_ip: str = ""
    ref_time: float = 0.0

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
class Source(_Record):
    """One time source (libchrony report "sources", chronyc ``sources``).

    Attributes:
        address: IP address, ``ID#`` and ten digits while a name is not resolved, or the reference ID of a reference
            clock, such as "GPS". (libchrony "address" or "reference ID")
        poll: Polling interval as a power of two, in seconds (6 is 64 s, -4 is 1/16 s): -7 to 24, or -32 to 32 for a
            reference clock. (libchrony "poll")
        stratum: Stratum of the source, 0 to 15. 0 for a reference clock, and for a source that has not answered yet.
            (libchrony "stratum")
        state: State that the selection gave the source, 0 to 5; a member of `SourceState`. (libchrony "state")
        mode: Type of the source, 0 to 2; a member of `SourceMode`. (libchrony "mode")
        flags: Bits without a documented meaning; current versions of chronyd send 0. (libchrony "flags")
        reachability: The last eight polls, one bit each, the latest in the lowest, 0 to 255. (libchrony
            "reachability")
        last_sample_ago: Seconds since the last good sample, 4294967295 when there was none. (libchrony "last sample
            ago")
        orig_latest_meas: Offset of the last sample as measured, in seconds. Positive: the local clock is ahead of the
            source. (libchrony "original last sample offset")
        latest_meas: Offset of the last sample, adjusted for what was corrected since, in seconds. Positive: the local
            clock is ahead of the source. (libchrony "adjusted last sample offset")
        latest_meas_err: Error bound of the last sample, in seconds, 0 or more. (libchrony "last sample error")
    """

    __report__ = ("sources", {"state": SourceState, "mode": SourceMode})

    address: str
    poll: int
    stratum: int
    state: int
    mode: int
    flags: int
    reachability: int
    last_sample_ago: int
    orig_latest_meas: float
    latest_meas: float
    latest_meas_err: float

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
class SourceStats(_Record):
    """The statistics of one time source (libchrony report "sourcestats", chronyc ``sourcestats``).

    A source that was never sampled has a standard deviation of 4 s and a skew of 2000 ppm.

    Attributes:
        reference_id: Reference ID of the source, 0 to 2**32-1: an IPv4 address, a hash of an IPv6 address, or a
            reference clock's name. (libchrony "reference ID")
        address: IP address, or ``ID#`` and ten digits while a name is not resolved. Empty for a reference clock.
            (libchrony "address")
        samples: Number of samples in use. (libchrony "samples")
        runs: Number of runs of residuals with one sign. (libchrony "runs")
        span: Time between the oldest and the newest sample, in seconds. (libchrony "span")
        std_dev: Estimated standard deviation of the samples, in seconds, 0 or more. (libchrony "standard deviation")
        resid_freq: Estimated frequency of the source against the local clock, in ppm. (libchrony "residual
            frequency")
        skew: Estimated error bound of the residual frequency, in ppm, 0 or more. (libchrony "skew")
        offset: Estimated offset of the source, in seconds. Positive: the local clock is ahead of the source.
            (libchrony "offset")
        offset_err: Estimated error bound of the offset, in seconds, 0 or more. (libchrony "offset error")
    """

    __report__ = ("sourcestats", {})

    reference_id: int
    address: str
    samples: int
    runs: int
    span: int
    std_dev: float
    resid_freq: float
    skew: float
    offset: float
    offset_err: float

    def has_sufficient_samples(self, minimum: int = 4) -> bool:
        """Check if there are enough samples for a useful estimate.

        Args:
            minimum: The number of samples that is enough.

        Returns:
            bool: True if there are at least that many.
        """
        return self.samples >= minimum


@dataclass(frozen=True, repr=False, eq=False)
class RTCData(_Record):
    """The tracking of the real-time clock (libchrony report "rtcdata", chronyc ``rtcdata``).

    Attributes:
        ref_time: Time at which the RTC was last measured, in seconds since the epoch, 0 or more. (libchrony "reference
            time")
        samples: Number of measurements in use. (libchrony "samples")
        runs: Number of runs of residuals with one sign. (libchrony "runs")
        span: Time between the oldest and the newest measurement, in seconds. (libchrony "span")
        offset: Offset of the RTC from the system clock, in seconds. Positive: the RTC is fast. (libchrony "offset")
        freq_offset: Frequency of the RTC against the system clock, in ppm. Positive: the RTC gains time. (libchrony
            "frequency offset")
    """

    __report__ = ("rtcdata", {})

    ref_time: float
    samples: int
    runs: int
    span: int
    offset: float
    freq_offset: float

    def is_calibrated(self) -> bool:
        """Check if there is any measurement to calibrate by.

        Returns:
            bool: True if samples is not 0.
        """
        return self.samples > 0


@dataclass(frozen=True, repr=False, eq=False)
class Activity(_Record):
    """The numbers of NTP sources by their activity (libchrony report "activity", chronyc ``activity``).

    Reference clocks are not counted.

    Attributes:
        online_sources: Sources that are polled. (libchrony "online sources")
        offline_sources: Sources that are not polled, by configuration or a command of chronyc. (libchrony "offline
            sources")
        burst_online_sources: Sources that are polled in a burst now, and will be online after it. (libchrony
            "burst online-return sources")
        burst_offline_sources: Sources that are polled in a burst now, and will be offline after it. (libchrony "burst
            offline-return sources")
        unresolved_sources: Sources whose name has no address yet. (libchrony "unresolved sources")
    """

    __report__ = ("activity", {})

    online_sources: int
    offline_sources: int
    burst_online_sources: int
    burst_offline_sources: int
    unresolved_sources: int


@dataclass(frozen=True, repr=False, eq=False)
class SelectData(_Record):
    """The state of a source at the last selection (libchrony report "selectdata", chronyc ``selectdata``).

    Requires chrony 4.0 or later. A number that has no name yet is a plain number.

    Attributes:
        reference_id: Reference ID of the source, 0 to 2**32-1: an IPv4 address, a hash of an IPv6 address, or a
            reference clock's name. (libchrony "reference ID")
        address: The IP address, or ``ID#`` and ten digits while a name is not resolved. Empty for a reference clock.
            (libchrony "address")
        state: State of the source at the last selection; a member of `SelectState`. (libchrony "state")
        authentication: True if its packets are to be authenticated. (libchrony "authentication")
        leap_status: Leap second that the source announces, if any. Not synchronised before its first measurement; a
            member of `LeapStatus`. (libchrony "leap status")
        configured_options: Options of the selection as they are configured; a `SelectOption`. (libchrony "configured
            options")
        effective_options: Options of the selection in effect. chronyd may have preferred authenticated sources; a
            `SelectOption`. (libchrony "effective options")
        last_sample_ago: Seconds since the last sample when the selection was made. 0 when there was none. (libchrony
            "last sample ago")
        score: Score against the selected source, 0 or more. Above 1 when it was better in recent selections.
            (libchrony "score")
        low_limit: Low end of the range in which the source sees the true offset of the clock, in seconds. 0
            without a sample. (libchrony "low limit")
        high_limit: High end of the range in which the source sees the true offset of the clock, in seconds. Below the
            low end if the root distance is not acceptable. (libchrony "high limit")
    """

    __report__ = (
        "selectdata",
        {
            "state": SelectState,
            "leap_status": LeapStatus,
            "configured_options": SelectOption,
            "effective_options": SelectOption,
        },
    )

    reference_id: int
    address: str
    state: int
    authentication: bool
    leap_status: int
    configured_options: int
    effective_options: int
    last_sample_ago: int
    score: float
    low_limit: float
    high_limit: float

    @property
    def state_name(self) -> str:
        """libchrony's words for the state, or "unknown" and the number."""
        return SelectState.words_of(self.state)

    @property
    def leap_status_name(self) -> str:
        """libchrony's words for the leap status, or "unknown" and the number."""
        return LeapStatus.words_of(self.leap_status)


@dataclass(frozen=True, repr=False, eq=False)
class AuthData(_Record):
    """The authentication of a source's packets (libchrony report "authdata", chronyc ``authdata``).

    Requires chrony 4.0 or later. A number that has no name yet is a plain number.

    Attributes:
        mode: Type of the authentication; a member of `AuthMode`. (libchrony "mode")
        key_type: Type of the key. 0, which has no name, while there is no key; a member of `KeyType`. (libchrony
            "key type")
        key_id: Number of the key. With NTS, the number of successful key establishments. 0 without a key. (libchrony
            "key ID")
        key_length: Length of the key in bits. 0 without a key. (libchrony "key length")
        key_establishment_attempts: With NTS, attempts to establish keys since the last success that was followed by
            an authenticated answer. (libchrony "key establishment attempts")
        last_key_establishment_ago: Seconds since keys were last established. 4294967295 when they never were, and
            without NTS. (libchrony "last key establishment ago")
        cookies: NTS cookies that chronyd holds, 8 at most. Fewer than 8 are a sign of lost answers. (libchrony
            "cookies")
        cookie_length: Length of the next cookie in bytes. 0 without one. (libchrony "cookie length")
        nak: True if the server has refused a cookie (an NTS NAK) since the last request. (libchrony "NAK")
    """

    __report__ = ("authdata", {"mode": AuthMode, "key_type": KeyType})

    mode: int
    key_type: int
    key_id: int
    key_length: int
    key_establishment_attempts: int
    last_key_establishment_ago: int
    cookies: int
    cookie_length: int
    nak: bool

    @property
    def mode_name(self) -> str:
        """libchrony's words for the mode, or "unknown" and the number."""
        return AuthMode.words_of(self.mode)

    @property
    def key_type_name(self) -> str:
        """libchrony's words for the type of the key, or "unknown" and the number."""
        return KeyType.words_of(self.key_type)


@dataclass(frozen=True, repr=False, eq=False)
class NTPData(_Record):
    """The last valid answer of a source (libchrony report "ntpdata", chronyc ``ntpdata``), and counters of messages.

    A source that has never answered has 0 as ``received_valid_messages``, no local address, and zeros elsewhere.
    A number that has no name yet is a plain number.

    Attributes:
        remote_address: IP address of the source, or ``ID#`` and ten digits while its name is not resolved. (libchrony
            "remote address")
        local_address: Local IP address that received the answer. Empty before the first. (libchrony "local address")
        remote_port: UDP port of the source. (libchrony "remote port")
        leap_status: Leap second that the source announces, if any; a member of `LeapStatus`. (libchrony "leap status")
        version: NTP version of the answer. 0 before the first. (libchrony "version")
        mode: NTP mode of the answer. 0, which has no name, before the first; a member of `NTPMode`. (libchrony "mode")
        stratum: Stratum in the answer, 0 to 255. 0 in a kiss-o'-death, and before the first. (libchrony
            "stratum")
        poll: Polling interval in the answer, as a power of two, in seconds. (libchrony "poll")
        precision: Precision of the source's clock as a power of two, in seconds. (libchrony "precision")
        root_delay: Delay of the path from the source to its stratum-1 server, in seconds, 0 or more. (libchrony "root
            delay")
        root_dispersion: Dispersion accumulated over that path, in seconds, 0 or more. (libchrony "root dispersion")
        reference_id: Reference that the source follows. A name when its stratum is 1, a kiss code when it is 0, 0 to
            2**32-1. (libchrony "reference ID")
        ref_time: Time at which the source's clock was last set, in seconds since the epoch, 0 or more. 0 when unknown.
            (libchrony "reference time")
        offset: Offset of the sample, in seconds. Positive: the local clock is behind the source. In
            ``sources`` the sign is the opposite. (libchrony "offset")
        peer_delay: Delay to the source and back, in seconds, 0 or more. (libchrony "peer delay")
        peer_dispersion: Dispersion of the sample, in seconds, 0 or more. (libchrony "peer dispersion")
        response_time: Time that the source took to answer, in seconds, 0 or more. (libchrony "response time")
        jitter_asymmetry: Asymmetry of the jitter between the two directions, -0.5 to 0.5. Negative: the delay to the
            source varies more. (libchrony "jitter asymmetry")
        flags: Tests that the answer has passed, and its mode; an `NTPFlag`. (libchrony "flags")
        transmit_timestamping: Origin of the request's transmit timestamp. 0, which has no name, before the first
            answer; a member of `Timestamping`. (libchrony "transmit timestamping")
        receive_timestamping: Origin of the answer's receive timestamp. 0, which has no name, before the first; a
            member of `Timestamping`. (libchrony "receive timestamping")
        transmitted_messages: Messages sent to the source. (libchrony "transmitted messages")
        received_messages: Messages received from it. (libchrony "received messages")
        received_valid_messages: Messages that passed the tests 1 to 5. (libchrony "received valid messages")
        received_good_messages: Messages that passed all tests and gave a sample. (libchrony "received good
            messages")
        kernel_transmit_timestamps: Requests that the kernel stamped. Since chrony 4.6; None before. (libchrony
            "kernel transmit timestamps")
        kernel_receive_timestamps: Answers that the kernel stamped. Since chrony 4.6; None before. (libchrony "kernel
            receive timestamps")
        hardware_transmit_timestamps: Requests that the network card stamped. Since chrony 4.6; None before.
            (libchrony "hardware transmit timestamps")
        hardware_receive_timestamps: Answers that the network card stamped. Since chrony 4.6; None before. (libchrony
            "hardware receive timestamps")
    """

    __report__ = (
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
    local_address: str
    remote_port: int
    leap_status: int
    version: int
    mode: int
    stratum: int
    poll: int
    precision: int
    root_delay: float
    root_dispersion: float
    reference_id: int
    ref_time: float
    offset: float
    peer_delay: float
    peer_dispersion: float
    response_time: float
    jitter_asymmetry: float
    flags: int
    transmit_timestamping: int
    receive_timestamping: int
    transmitted_messages: int
    received_messages: int
    received_valid_messages: int
    received_good_messages: int
    kernel_transmit_timestamps: int | None
    kernel_receive_timestamps: int | None
    hardware_transmit_timestamps: int | None
    hardware_receive_timestamps: int | None

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
class ServerStats(_Record):
    """The counts of what chronyd has served since its start (libchrony report "serverstats", chronyc ``serverstats``).

    Until chrony 4.4, numbers begin at 0 again after 4294967295.

    Attributes:
        received_ntp_requests: NTP requests received. (libchrony "received NTP requests")
        accepted_nts_ke_connections: Connections accepted for NTS key establishment. Since chrony 4.0; None before.
            (libchrony "accepted NTS-KE connections")
        received_command_requests: Command requests received, including those of this program. (libchrony "received
            command requests")
        dropped_ntp_requests: NTP requests dropped because of a rate limit. (libchrony "dropped NTP requests")
        dropped_nts_ke_connections: NTS-KE connections dropped because of a rate limit. Since chrony 4.0; None
            before. (libchrony "dropped NTS-KE connections")
        dropped_command_requests: Command requests dropped because of a rate limit. (libchrony "dropped command
            requests")
        dropped_client_log_records: Records of clients dropped because of the memory limit. (libchrony "dropped client
            log records")
        received_authenticated_ntp_requests: NTP requests that were authenticated by a key or NTS. Since chrony 4.0;
            None before. (libchrony "received authenticated NTP requests")
        received_interleaved_ntp_requests: NTP requests in interleaved mode. Since chrony 4.2; None before.
            (libchrony "received interleaved NTP requests")
        held_ntp_timestamps: Pairs of timestamps held for interleaved clients. Since chrony 4.2; None before.
            (libchrony "held NTP timestamps")
        ntp_timestamp_span: Seconds that the held timestamps cover. Since chrony 4.2; None before.
            (libchrony "NTP timestamp span")
        served_daemon_rx_timestamps: Answers with a receive timestamp of the daemon. Since chrony 4.4; None before.
            (libchrony "served daemon RX timestamps")
        served_daemon_tx_timestamps: Answers with a transmit timestamp of the daemon. Since chrony 4.4; None before.
            (libchrony "served daemon TX timestamps")
        served_kernel_rx_timestamps: Answers with a receive timestamp of the kernel. Since chrony 4.4; None before.
            (libchrony "served kernel RX timestamps")
        served_kernel_tx_timestamps: Answers with a transmit timestamp of the kernel. Since chrony 4.4; None before.
            (libchrony "served kernel TX timestamps")
        served_hardware_rx_timestamps: Answers with a receive timestamp of the network card. Since chrony 4.4; None
            before. (libchrony "served hardware RX timestamps")
        served_hardware_tx_timestamps: Answers with a transmit timestamp of the network card. Since chrony 4.4; None
            before. (libchrony "served hardware TX timestamps")
    """

    __report__ = ("serverstats", {})

    received_ntp_requests: int
    accepted_nts_ke_connections: int | None
    received_command_requests: int
    dropped_ntp_requests: int
    dropped_nts_ke_connections: int | None
    dropped_command_requests: int
    dropped_client_log_records: int
    received_authenticated_ntp_requests: int | None
    received_interleaved_ntp_requests: int | None
    held_ntp_timestamps: int | None
    ntp_timestamp_span: int | None
    served_daemon_rx_timestamps: int | None
    served_daemon_tx_timestamps: int | None
    served_kernel_rx_timestamps: int | None
    served_kernel_tx_timestamps: int | None
    served_hardware_rx_timestamps: int | None
    served_hardware_tx_timestamps: int | None


@dataclass(frozen=True, repr=False, eq=False)
class Smoothing(_Record):
    """The smoothing of the time that chronyd serves (libchrony report "smoothing", chronyc ``smoothing``).

    All numbers are 0 while smoothing is not active.

    Attributes:
        flags: State of the smoothing: active, and only for leap seconds; a `SmoothingFlag`. (libchrony
            "flags")
        offset: Offset of the time that is served, in seconds. Positive: it is ahead of the true time. (libchrony
            "offset")
        freq_offset: Frequency offset of the time that is served, in ppm. Negative: it runs slower. (libchrony
            "frequency offset")
        wander: Rate at which that frequency changes, in ppm per second. Negative: it slows down. (libchrony "wander")
        last_update_ago: Seconds since the smoothing process was last updated, 0 or more. (libchrony "last update ago")
        remaining_time: Seconds until offset and frequency are 0 without further updates, 0 or more. (libchrony
            "remaining time")
    """

    __report__ = ("smoothing", {"flags": SmoothingFlag})

    flags: int
    offset: float
    freq_offset: float
    wander: float
    last_update_ago: float
    remaining_time: float
