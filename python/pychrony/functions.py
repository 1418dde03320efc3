"""Functions that open a connection, read one report, and close the connection.

The functions keep nothing between calls and may be called from any thread. While they wait, the interpreter runs other
threads. Ctrl-C interrupts them.
"""

from collections.abc import Callable
from os import PathLike
from typing import TYPE_CHECKING, Protocol

from pychrony import _core, models


class SupportsTotalSeconds(Protocol):
    """A duration, such as a ``datetime.timedelta``."""

    def total_seconds(self) -> float:
        """Return the duration in seconds."""


Seconds = float | SupportsTotalSeconds

if TYPE_CHECKING:
    SocketPath = str | PathLike[str] | None
else:
    # The contract's annotation, to the letter.
    SocketPath = str | None


def annotate_timeout(*functions: Callable[..., object]) -> None:
    """Annotate the timeouts of functions as the contract does. Type checkers also see the type of a timedelta."""
    for function in functions:
        function.__annotations__["timeout"] = float


def get_tracking(socket_path: SocketPath = None, *, timeout: Seconds = 5.0) -> models.TrackingStatus:
    """Get the current tracking status from chronyd.

    Args:
        socket_path: Path of chronyd's Unix socket, as a string or a path object. Defaults to
            '/run/chrony/chronyd.sock' or '/var/run/chrony/chronyd.sock'. Also takes the address of a command port,
            such as '127.0.0.1', '192.0.2.1:323' or '[::1]:323', which needs no permission.
        timeout: The longest time that the call may take, in seconds or as a timedelta, greater than 0.

    Returns:
        TrackingStatus: The state of the system clock against its reference.

    Raises:
        ChronyLibraryError: If libchrony is not installed or cannot be loaded.
        ChronyConnectionError: If chronyd is not running or unreachable, or does not answer in time.
        ChronyPermissionError: If insufficient permissions to access chronyd.
        ChronyDataError: If tracking data is invalid or incomplete.
        ValueError: If the timeout is not a finite number greater than 0.

    Example:
        >>> from pychrony import get_tracking
        >>> status = get_tracking()
        >>> print(f"Offset: {status.offset:.6f} seconds")
        Offset: 0.000123 seconds
    """
    return _core.read(models.TrackingStatus, socket_path, timeout)


def get_sources(socket_path: SocketPath = None, *, timeout: Seconds = 5.0) -> list[models.Source]:
    """Get all configured time sources from chronyd.

    Args:
        socket_path: Path of chronyd's Unix socket, as a string or a path object. Defaults to
            '/run/chrony/chronyd.sock' or '/var/run/chrony/chronyd.sock'. Also takes the address of a command port,
            such as '127.0.0.1', '192.0.2.1:323' or '[::1]:323', which needs no permission.
        timeout: The longest time that the call may take, in seconds or as a timedelta, greater than 0.

    Returns:
        list[Source]: A Source for each NTP server, peer and reference clock, in chronyd's order. Empty if no sources
            are configured.

    Raises:
        ChronyLibraryError: If libchrony is not installed or cannot be loaded.
        ChronyConnectionError: If chronyd is not running or unreachable, or does not answer in time.
        ChronyPermissionError: If insufficient permissions to access chronyd.
        ChronyDataError: If source data is invalid or incomplete.
        ValueError: If the timeout is not a finite number greater than 0.

    Example:
        >>> from pychrony import get_sources
        >>> for source in get_sources():
        ...     print(f"{source.address}: stratum {source.stratum}, {source.state_name}")
        192.0.2.1: stratum 2, selected
    """
    return _core.read(models.Source, socket_path, timeout)


def get_source_stats(socket_path: SocketPath = None, *, timeout: Seconds = 5.0) -> list[models.SourceStats]:
    """Get the statistics of all time sources from chronyd.

    Each call is a snapshot of its own. Match its records with those of `get_sources` by address.

    Args:
        socket_path: Path of chronyd's Unix socket, as a string or a path object. Defaults to
            '/run/chrony/chronyd.sock' or '/var/run/chrony/chronyd.sock'. Also takes the address of a command port,
            such as '127.0.0.1', '192.0.2.1:323' or '[::1]:323', which needs no permission.
        timeout: The longest time that the call may take, in seconds or as a timedelta, greater than 0.

    Returns:
        list[SourceStats]: A SourceStats for each source, in chronyd's order. Empty if no sources are configured.

    Raises:
        ChronyLibraryError: If libchrony is not installed or cannot be loaded.
        ChronyConnectionError: If chronyd is not running or unreachable, or does not answer in time.
        ChronyPermissionError: If insufficient permissions to access chronyd.
        ChronyDataError: If statistics data is invalid or incomplete.
        ValueError: If the timeout is not a finite number greater than 0.

    Example:
        >>> from pychrony import get_source_stats
        >>> for stats in get_source_stats():
        ...     print(f"{stats.address}: {stats.samples} samples, offset {stats.offset:.6f} s")
        192.0.2.1: 8 samples, offset 0.000123 s
    """
    return _core.read(models.SourceStats, socket_path, timeout)


def get_rtc_data(socket_path: SocketPath = None, *, timeout: Seconds = 5.0) -> models.RTCData:
    """Get the tracking of the real-time clock from chronyd.

    Args:
        socket_path: Path of chronyd's Unix socket, as a string or a path object. Defaults to
            '/run/chrony/chronyd.sock' or '/var/run/chrony/chronyd.sock'. Also takes the address of a command port,
            such as '127.0.0.1', '192.0.2.1:323' or '[::1]:323', which needs no permission.
        timeout: The longest time that the call may take, in seconds or as a timedelta, greater than 0.

    Returns:
        RTCData: The state of the real-time clock against the system clock.

    Raises:
        ChronyLibraryError: If libchrony is not installed or cannot be loaded.
        ChronyConnectionError: If chronyd is not running or unreachable, or does not answer in time.
        ChronyPermissionError: If insufficient permissions to access chronyd.
        ChronyDataError: If RTC tracking is not enabled or available, or if RTC data is invalid.
        ValueError: If the timeout is not a finite number greater than 0.

    Example:
        >>> from pychrony import get_rtc_data
        >>> rtc = get_rtc_data()
        >>> print(f"RTC offset: {rtc.offset:.6f} s, drift: {rtc.freq_offset:.2f} ppm")
        RTC offset: 0.012345 s, drift: -1.23 ppm
    """
    return _core.read(models.RTCData, socket_path, timeout)


def get_activity(socket_path: SocketPath = None, *, timeout: Seconds = 5.0) -> models.Activity:
    """Get the numbers of NTP sources that are online, offline, in a burst, or without an address.

    Args:
        socket_path: Path of chronyd's Unix socket, as a string or a path object. Defaults to
            '/run/chrony/chronyd.sock' or '/var/run/chrony/chronyd.sock'. Also takes the address of a command port,
            such as '127.0.0.1', '192.0.2.1:323' or '[::1]:323', which needs no permission.
        timeout: The longest time that the call may take, in seconds or as a timedelta, greater than 0.

    Returns:
        Activity: The numbers of sources that are online, offline, in a burst, and without an address.

    Raises:
        ChronyLibraryError: If libchrony is not installed or cannot be loaded.
        ChronyConnectionError: If chronyd is not running or unreachable, or does not answer in time.
        ChronyPermissionError: If insufficient permissions to access chronyd.
        ChronyDataError: If the data is invalid or incomplete.
        ValueError: If the timeout is not a finite number greater than 0.

    Example:
        >>> from pychrony import get_activity
        >>> activity = get_activity()
        >>> print(f"{activity.online_sources} online, {activity.offline_sources} offline")
        1 online, 0 offline
    """
    return _core.read(models.Activity, socket_path, timeout)


def get_select_data(socket_path: SocketPath = None, *, timeout: Seconds = 5.0) -> list[models.SelectData]:
    """Get the states of all time sources at the last selection.

    Args:
        socket_path: Path of chronyd's Unix socket, as a string or a path object. Defaults to
            '/run/chrony/chronyd.sock' or '/var/run/chrony/chronyd.sock'. Also takes the address of a command port,
            such as '127.0.0.1', '192.0.2.1:323' or '[::1]:323', which serves this report only with ``opencommands``.
        timeout: The longest time that the call may take, in seconds or as a timedelta, greater than 0.

    Returns:
        list[SelectData]: A SelectData for each source, in chronyd's order. Empty if no sources are configured.

    Raises:
        ChronyLibraryError: If libchrony is not installed or cannot be loaded.
        ChronyConnectionError: If chronyd is not running or unreachable, or does not answer in time.
        ChronyPermissionError: If insufficient permissions to access chronyd, or if its command port refuses the report.
        ChronyDataError: If the data is invalid or incomplete.
        ValueError: If the timeout is not a finite number greater than 0.

    Example:
        >>> from pychrony import get_select_data
        >>> for source in get_select_data():
        ...     print(f"{source.address}: score {source.score:.1f}")
        192.0.2.1: score 1.0
    """
    return _core.read(models.SelectData, socket_path, timeout)


def get_auth_data(socket_path: SocketPath = None, *, timeout: Seconds = 5.0) -> list[models.AuthData | None]:
    """Get the state of the authentication of all time sources.

    A record does not have an address. Index *i* means the same source here and in `get_sources`, unless sources come or
    go between the two calls. To be sure, compare the addresses of `get_sources` before and after.

    Args:
        socket_path: Path of chronyd's Unix socket, as a string or a path object. Defaults to
            '/run/chrony/chronyd.sock' or '/var/run/chrony/chronyd.sock'. Also takes the address of a command port,
            such as '127.0.0.1', '192.0.2.1:323' or '[::1]:323', which serves this report only with ``opencommands``.
        timeout: The longest time that the call may take, in seconds or as a timedelta, greater than 0.

    Returns:
        list[AuthData | None]: An AuthData for each source, in the order of `get_sources`; None for a reference clock.
            Empty if no sources are configured.

    Raises:
        ChronyLibraryError: If libchrony is not installed or cannot be loaded.
        ChronyConnectionError: If chronyd is not running or unreachable, or does not answer in time.
        ChronyPermissionError: If insufficient permissions to access chronyd, or if its command port refuses the report.
        ChronyDataError: If the data is invalid or incomplete.
        ValueError: If the timeout is not a finite number greater than 0.

    Example:
        >>> from pychrony import get_auth_data, get_sources
        >>> for source, auth in zip(get_sources(), get_auth_data()):
        ...     print(f"{source.address}: mode {auth.mode}" if auth else f"{source.address}: a reference clock")
        192.0.2.1: mode 0
    """
    return _core.read(models.AuthData, socket_path, timeout)


def get_ntp_data(socket_path: SocketPath = None, *, timeout: Seconds = 5.0) -> list[models.NTPData | None]:
    """Get the last valid answers of all time sources.

    Match a record with `get_sources` by `remote_address`. The list has None for a reference clock, at its index in
    `get_sources`, unless sources come or go between the two calls.

    Args:
        socket_path: Path of chronyd's Unix socket, as a string or a path object. Defaults to
            '/run/chrony/chronyd.sock' or '/var/run/chrony/chronyd.sock'. Also takes the address of a command port,
            such as '127.0.0.1', '192.0.2.1:323' or '[::1]:323', which serves this report only with ``opencommands``.
        timeout: The longest time that the call may take, in seconds or as a timedelta, greater than 0.

    Returns:
        list[NTPData | None]: An NTPData for each source, in the order of `get_sources`; None for a reference clock.
            Empty if no sources are configured.

    Raises:
        ChronyLibraryError: If libchrony is not installed or cannot be loaded.
        ChronyConnectionError: If chronyd is not running or unreachable, or does not answer in time.
        ChronyPermissionError: If insufficient permissions to access chronyd, or if its command port refuses the report.
        ChronyDataError: If the data is invalid or incomplete.
        ValueError: If the timeout is not a finite number greater than 0.

    Example:
        >>> from pychrony import get_ntp_data
        >>> for data in get_ntp_data():
        ...     if data is not None:
        ...         print(f"{data.remote_address}: delay {data.peer_delay:.6f} s")
        192.0.2.1: delay 0.000123 s
    """
    return _core.read(models.NTPData, socket_path, timeout)


def get_server_stats(socket_path: SocketPath = None, *, timeout: Seconds = 5.0) -> models.ServerStats:
    """Get the counts of requests that chronyd has served since its start.

    Args:
        socket_path: Path of chronyd's Unix socket, as a string or a path object. Defaults to
            '/run/chrony/chronyd.sock' or '/var/run/chrony/chronyd.sock'. Also takes the address of a command port,
            such as '127.0.0.1', '192.0.2.1:323' or '[::1]:323', which serves this report only with ``opencommands``.
        timeout: The longest time that the call may take, in seconds or as a timedelta, greater than 0.

    Returns:
        ServerStats: The numbers of requests that chronyd has received, served and dropped.

    Raises:
        ChronyLibraryError: If libchrony is not installed or cannot be loaded.
        ChronyConnectionError: If chronyd is not running or unreachable, or does not answer in time.
        ChronyPermissionError: If insufficient permissions to access chronyd, or if its command port refuses the report.
        ChronyDataError: If the data is invalid or incomplete.
        ValueError: If the timeout is not a finite number greater than 0.

    Example:
        >>> from pychrony import get_server_stats
        >>> stats = get_server_stats()
        >>> print(f"{stats.received_ntp_requests} NTP requests, {stats.dropped_ntp_requests} dropped")
        0 NTP requests, 0 dropped
    """
    return _core.read(models.ServerStats, socket_path, timeout)


def get_smoothing(socket_path: SocketPath = None, *, timeout: Seconds = 5.0) -> models.Smoothing:
    """Get the smoothing of the time that chronyd serves.

    Args:
        socket_path: Path of chronyd's Unix socket, as a string or a path object. Defaults to
            '/run/chrony/chronyd.sock' or '/var/run/chrony/chronyd.sock'. Also takes the address of a command port,
            such as '127.0.0.1', '192.0.2.1:323' or '[::1]:323', which needs no permission.
        timeout: The longest time that the call may take, in seconds or as a timedelta, greater than 0.

    Returns:
        Smoothing: The difference between the time that is served and chronyd's own.

    Raises:
        ChronyLibraryError: If libchrony is not installed or cannot be loaded.
        ChronyConnectionError: If chronyd is not running or unreachable, or does not answer in time.
        ChronyPermissionError: If insufficient permissions to access chronyd.
        ChronyDataError: If time smoothing is not enabled, or if the data is invalid.
        ValueError: If the timeout is not a finite number greater than 0.

    Example:
        >>> from pychrony import get_smoothing
        >>> smoothing = get_smoothing()
        >>> print(f"Offset of the time served: {smoothing.offset:.6f} s")
        Offset of the time served: 0.000000 s
    """
    return _core.read(models.Smoothing, socket_path, timeout)


def libchrony_path() -> str:
    """Return the path of the file that serves as libchrony.

    The candidates are, in this order: the file that the environment variable LIBCHRONY_PATH names, the system's
    libchrony.so.0, and the copy inside this package. The first call of any function decides, for the life of the
    process.

    Returns:
        str: The path of the file, as the dynamic loader found it.

    Raises:
        ChronyLibraryError: If libchrony is not installed or cannot be loaded.

    Example:
        >>> from pychrony import libchrony_path
        >>> print(libchrony_path())
        /usr/lib64/libchrony.so.0
    """
    return _core.libchrony_path()


annotate_timeout(
    get_tracking,
    get_sources,
    get_source_stats,
    get_rtc_data,
    get_activity,
    get_select_data,
    get_auth_data,
    get_ntp_data,
    get_server_stats,
    get_smoothing,
)
