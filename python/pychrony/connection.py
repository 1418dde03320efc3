"""A connection that is kept for many reads."""

from collections.abc import Mapping
from os import PathLike

from pychrony import _core, models
from pychrony.functions import Seconds, annotate_timeout
from pychrony.generic import ReportField


class ChronyConnection(_core.Connection):
    """A connection to chronyd for many reads.

    It opens on the first call, or by `open`, or in a ``with`` block, which closes it. It recovers: a call works as soon
    as chronyd does, even if that was started later or restarted. Threads may share it and take turns. After a fork, the
    child gets a socket of its own on its first call. Every call ends by its deadline. After `close`, a call is an error
    until `open`.

    An exception that a signal handler raises leaves nothing open after a block. (Since Python 3.14, there is one
    exception: a handler that raises in the step of the ``with`` statement between entering and the block.)

    Args:
        address: The address of chronyd: the path of its Unix socket, as a string or a path object, or its
            command port: '127.0.0.1', '192.0.2.1:323', '::1', '[::1]:323', 'localhost' or a host name. By default
            '/run/chrony/chronyd.sock', '/var/run/chrony/chronyd.sock', '127.0.0.1' and '::1' are tried in this order
            until one is found. If that one does not answer a report, the others are tried. A connection stays with the
            address that answered, even if its host name has several addresses, as long as it answers. A refusal is an
            answer.
        timeout: The longest time that each call may take, in seconds or as a timedelta, greater than 0.
        parallel: The largest number of sessions over which a long list of sources is read at once, 1 or more. 1
            reads one source after the other.

    Raises:
        ChronyAddressError: If the address is malformed.
        TypeError: If an argument has the wrong type.
        ValueError: If the timeout is not a finite number greater than 0, or `parallel` is out of range.

    Example:
        >>> from pychrony import ChronyConnection
        >>> connection = ChronyConnection()
        >>> status = connection.get_tracking()
        >>> print(f"Offset: {status.offset:.6f} seconds, {len(connection.get_sources())} sources")
        Offset: 0.000123 seconds, 1 sources
        >>> connection.close()
    """

    def __init__(
        self, address: str | PathLike[str] | None = None, *, timeout: Seconds = 5.0, parallel: int = 8
    ) -> None:
        super().__init__(address, timeout, parallel)
        self._settings = f"{address!r}, timeout={timeout!r}, parallel={parallel!r}"

    def __repr__(self) -> str:
        """Return the arguments of the connection."""
        return f"ChronyConnection({self._settings})"

    def open(self) -> None:
        """Connect to chronyd, as entering a ``with`` block does.

        On a Unix socket it sends nothing, and fails unless a process listens there. The first report shows whether that
        process is a chronyd that answers. Over UDP it sends a request, since only an answer shows that chronyd is
        there. A refusal is an answer. If it fails, a later call tries again.

        Raises:
            ChronyLibraryError: If libchrony is not installed or cannot be loaded.
            ChronyConnectionError: If chronyd is not running or unreachable.
            ChronyPermissionError: If insufficient permissions to access chronyd.
        """
        self._open()

    def close(self) -> None:
        """Close the connection. A call of another thread ends first. `open`, or a ``with`` block, opens it again."""
        self._close()

    @property
    def closed(self) -> bool:
        """True if the connection was closed, and not opened again."""
        return self._is_closed

    @property
    def address(self) -> str | None:
        """The address that answered last, or to which it was opened since. None while the connection is not open."""
        return self._answered_at[0]

    @property
    def transport(self) -> models.Transport | None:
        """The transport to that address. None while the connection is not open."""
        is_command_port = self._answered_at[1]
        if is_command_port is None:
            return None
        return models.Transport.COMMAND_PORT if is_command_port else models.Transport.UNIX_SOCKET

    def get_tracking(self) -> models.TrackingStatus:
        """As `pychrony.get_tracking`, on this connection. Raises RuntimeError if it is closed."""
        return self._read(models.TrackingStatus)

    def get_sources(self) -> list[models.Source]:
        """As `pychrony.get_sources`, on this connection. Raises RuntimeError if it is closed."""
        return self._read(models.Source)

    def get_source_stats(self) -> list[models.SourceStats]:
        """As `pychrony.get_source_stats`, on this connection. Raises RuntimeError if it is closed."""
        return self._read(models.SourceStats)

    def get_rtc_data(self) -> models.RTCData:
        """As `pychrony.get_rtc_data`, on this connection. Raises RuntimeError if it is closed."""
        return self._read(models.RTCData)

    def get_activity(self) -> models.Activity:
        """As `pychrony.get_activity`, on this connection. Raises RuntimeError if it is closed."""
        return self._read(models.Activity)

    def get_select_data(self) -> list[models.SelectData]:
        """As `pychrony.get_select_data`, on this connection. Raises RuntimeError if it is closed."""
        return self._read(models.SelectData)

    def get_auth_data(self) -> list[models.AuthData | None]:
        """As `pychrony.get_auth_data`, on this connection. Raises RuntimeError if it is closed."""
        return self._read(models.AuthData)

    def get_ntp_data(self) -> list[models.NTPData | None]:
        """As `pychrony.get_ntp_data`, on this connection. Raises RuntimeError if it is closed."""
        return self._read(models.NTPData)

    def get_server_stats(self) -> models.ServerStats:
        """As `pychrony.get_server_stats`, on this connection. Raises RuntimeError if it is closed."""
        return self._read(models.ServerStats)

    def get_smoothing(self) -> models.Smoothing:
        """As `pychrony.get_smoothing`, on this connection. Raises RuntimeError if it is closed."""
        return self._read(models.Smoothing)

    def get_report(self, name: str) -> list[Mapping[str, ReportField] | None]:
        """As `pychrony.get_report`, on this connection. Raises RuntimeError if it is closed."""
        return self._read((name, ReportField))


annotate_timeout(ChronyConnection.__init__)
