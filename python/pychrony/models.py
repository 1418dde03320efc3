"""The records that the reports consist of, and the constants in them.

Records are frozen dataclasses. Those that pychrony returns have been validated: every number is finite and in the
range given here. Units are in the fields' descriptions. "chronyc" refers to the manual of chrony's command-line client,
which explains each value at length.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import ClassVar, TypeVar

_C = TypeVar("_C", bound="_Constant")


class _Constant(IntEnum):
    """A number that libchrony has words for."""

    words: str

    @classmethod
    def words_of(cls, number: int) -> str:
        """libchrony's words for a number, or a placeholder for one that has none."""
        try:
            return cls(number).words
        except ValueError:
            return f"unknown ({number})"


def _words(*words: str) -> Callable[[type[_C]], type[_C]]:
    """Give the members of an enum libchrony's words, in their order."""

    def give(constants: type[_C]) -> type[_C]:
        for constant, its_words in zip(constants, words, strict=True):
            constant.words = its_words
        return constants

    return give


#: libchrony's name of a record's report, and the enums of its fields.
_Report = tuple[str, dict[str, type[Enum]]]


@_words("normal", "insert second", "delete second", "not synchronized")
class LeapStatus(_Constant):
    """Whether a leap second is coming (chronyc ``tracking``, "Leap status").

    Attributes:
        NORMAL: No leap second is coming.
        INSERT: A second will be inserted at the end of the day, 23:59:60 UTC.
        DELETE: The last second of the day will be left out, 23:59:59 UTC.
        UNSYNC: The clock is not synchronised.
    """

    NORMAL = 0
    INSERT = 1
    DELETE = 2
    UNSYNC = 3


@_words("selected", "nonselectable", "falseticker", "jittery", "unselected", "selectable")
class SourceState(_Constant):
    """What chronyd's selection made of a source (chronyc ``sources``, column S).

    Attributes:
        SELECTED: chronyd follows this source (``*``).
        NONSELECTABLE: It cannot be selected: it is unreachable or fails a check (``?``).
        FALSETICKER: It disagrees with the majority (``x``).
        JITTERY: Its time is too variable (``~``).
        UNSELECTED: It is acceptable and combined with the selected one (``+``).
        SELECTABLE: It is acceptable, and left out of the combination (``-``).
    """

    SELECTED = 0
    NONSELECTABLE = 1
    FALSETICKER = 2
    JITTERY = 3
    UNSELECTED = 4
    SELECTABLE = 5


@_words("client", "peer", "reference clock")
class SourceMode(_Constant):
    """What kind of source it is (chronyc ``sources``, column M).

    Attributes:
        CLIENT: chronyd is a client of this NTP server (``^``).
        PEER: An NTP peer (``=``).
        REFCLOCK: A reference clock on the machine (``#``).
    """

    CLIENT = 0
    PEER = 1
    REFCLOCK = 2


class Transport(Enum):
    """How requests reach chronyd.

    Attributes:
        UNIX_SOCKET: chronyd's Unix socket, which serves every report, to root and chronyd's user only.
        COMMAND_PORT: chronyd's UDP command port, which serves monitoring, to everybody whom ``cmdallow`` covers.
    """

    UNIX_SOCKET = "Unix socket"
    COMMAND_PORT = "command port"


@dataclass(frozen=True)
class TrackingStatus:
    """How the system clock follows its reference (libchrony report "tracking", chronyc ``tracking``).

    A chronyd that is not synchronised reports reference ID 0, stratum 0, leap status 3, a root delay and dispersion
    of 1 s, and reference time 0.

    Attributes:
        reference_id: What the clock follows, 0 to 2**32-1: an IPv4 address, a hash of an IPv6 address, or the name of
            a reference clock. 0 when not synchronised, 0x7F7F0101 for chronyd's own ``local`` clock.
            (libchrony "reference ID")
        reference_id_name: The name of the source: its address when it has one, or else the reference ID read as
            characters ("GPS"), or as a dotted quad. Empty when there is no source.
        stratum: Number of hops to a reference clock, 0 to 16. 0 when not synchronised; 16 when the source is of stratum
            15, which is too far away for others. (libchrony "stratum")
        leap_status: Whether a leap second is coming, 0 to 3; a member of `LeapStatus`. (libchrony "leap status")
        offset: Correction still to be made to the system clock, in seconds. Positive: the clock is slow of NTP time.
            (libchrony "current correction")
        last_offset: Estimated offset at the last clock update, in seconds. (libchrony "last offset")
        rms_offset: Long-term average of the offset, in seconds, 0 or more. (libchrony "RMS offset")
        frequency: How fast the clock would run without correction, in ppm. Positive: it would gain time.
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
        ref_time: When the last measurement was processed, in seconds since the epoch, 0 or more.
            (libchrony "reference time")
    """

    __report__: ClassVar[_Report] = ("tracking", {"leap_status": LeapStatus})

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

    @property
    def leap_status_name(self) -> str:
        """libchrony's words for the leap status: normal, insert second, delete second or not synchronized."""
        return LeapStatus.words_of(self.leap_status)


@dataclass(frozen=True)
class Source:
    """One time source (libchrony report "sources", chronyc ``sources``).

    Attributes:
        address: IP address, ``ID#`` and ten digits while a name is not resolved, or the reference ID of a reference
            clock, such as "GPS". (libchrony "address" or "reference ID")
        poll: Polling interval as a power of two, in seconds: 6 is 64 s, -4 is 1/16 s. (libchrony "poll")
        stratum: Stratum of the source, 0 to 15. 0 for a reference clock, and for a source that has not answered yet.
            (libchrony "stratum")
        state: What the selection made of the source, 0 to 5; a member of `SourceState`. (libchrony "state")
        mode: What kind of source it is, 0 to 2; a member of `SourceMode`. (libchrony "mode")
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

    __report__: ClassVar[_Report] = ("sources", {"state": SourceState, "mode": SourceMode})

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

    @property
    def mode_name(self) -> str:
        """libchrony's words for the mode: client, peer or reference clock."""
        return SourceMode.words_of(self.mode)

    @property
    def state_name(self) -> str:
        """libchrony's word for the state: selected, nonselectable, falseticker, jittery, unselected or selectable."""
        return SourceState.words_of(self.state)


@dataclass(frozen=True)
class SourceStats:
    """The statistics of one time source (libchrony report "sourcestats", chronyc ``sourcestats``).

    A source that was never sampled has a standard deviation of 4 s and a skew of 2000 ppm.

    Attributes:
        reference_id: Reference ID of the source, 0 to 2**32-1: an IPv4 address, a hash of an IPv6 address, or a
            reference clock's name. (libchrony "reference ID")
        address: IP address, or ``ID#`` and ten digits while a name is not resolved. Empty for a reference clock.
            (libchrony "address")
        samples: Number of samples in use. (libchrony "samples")
        runs: Number of runs of residuals of the same sign. (libchrony "runs")
        span: Time between the oldest and the newest sample, in seconds. (libchrony "span")
        std_dev: Estimated standard deviation of the samples, in seconds, 0 or more. (libchrony "standard deviation")
        resid_freq: Estimated frequency of the source against the local clock, in ppm. (libchrony "residual
            frequency")
        skew: Estimated error bound of the residual frequency, in ppm, 0 or more. (libchrony "skew")
        offset: Estimated offset of the source, in seconds. Positive: the local clock is ahead of the source.
            (libchrony "offset")
        offset_err: Estimated error bound of the offset, in seconds, 0 or more. (libchrony "offset error")
    """

    __report__: ClassVar[_Report] = ("sourcestats", {})

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


@dataclass(frozen=True)
class RTCData:
    """The tracking of the real-time clock (libchrony report "rtcdata", chronyc ``rtcdata``).

    Attributes:
        ref_time: When the RTC was last measured, in seconds since the epoch, 0 or more. (libchrony "reference time")
        samples: Number of measurements in use. (libchrony "samples")
        runs: Number of runs of residuals of the same sign. (libchrony "runs")
        span: Time between the oldest and the newest measurement, in seconds. (libchrony "span")
        offset: By how much the RTC is fast of the system clock, in seconds. (libchrony "offset")
        freq_offset: By how much the RTC gains against the system clock, in ppm. (libchrony "frequency offset")
    """

    __report__: ClassVar[_Report] = ("rtcdata", {})

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


@dataclass(frozen=True)
class Activity:
    """How many servers and peers are in use (libchrony report "activity", chronyc ``activity``).

    Reference clocks are not counted.

    Attributes:
        online_sources: Sources that are polled. (libchrony "online sources")
        offline_sources: Sources that are not polled, since chronyd takes them as unreachable. (libchrony "offline
            sources")
        burst_online_sources: Sources that are asked a burst of requests now, and will be online after it. (libchrony
            "burst online-return sources")
        burst_offline_sources: Sources that are asked a burst of requests now, and will be offline after it.
            (libchrony "burst offline-return sources")
        unresolved_sources: Sources whose name has no address yet. (libchrony "unresolved sources")
    """

    __report__: ClassVar[_Report] = ("activity", {})

    online_sources: int
    offline_sources: int
    burst_online_sources: int
    burst_offline_sources: int
    unresolved_sources: int
