"""A connection that is kept for many reads."""

from collections.abc import Mapping
from os import PathLike

from pychrony import _core, models
from pychrony.generic import ReportField


class ChronyConnection(_core.Connection):
    """A connection to chronyd for many reads, in a ``with`` block.

    The connection recovers: after chronyd restarts, the next call works. Threads may share it and take turns. After a
    fork, the child gets a socket of its own on its first call. Every call ends by its deadline. An exception that a
    signal handler raises leaves nothing open after the block. (Since Python 3.14, there is one exception: a handler
    that raises in the step of the ``with`` statement between entering and the block.)

    Entering a block connects to chronyd. On a Unix socket it sends nothing, and fails unless a process listens there.
    The first report shows whether that process is a chronyd that answers. Over UDP it sends a request, since only an
    answer shows that chronyd is there. A refusal is an answer.

    Args:
        address: The address of chronyd: the path of its Unix socket, as a string or a path object, or its
            command port: '127.0.0.1', '192.0.2.1:323', '::1', '[::1]:323', 'localhost' or a host name. By default
            '/run/chrony/chronyd.sock', '/var/run/chrony/chronyd.sock', '127.0.0.1' and '::1' are tried in this order
            until one is found. If that one does not answer a report, the others are tried. A connection stays with the
            address that answered, even if its host name has several addresses, as long as it answers. A refusal is an
            answer.
        timeout: The longest time that each call may take, in seconds, greater than 0.
        parallel: The largest number of sessions over which a long list of sources is read at once, 1 or more. 1
            reads one source after the other.

    Raises:
        ChronyLibraryError: If libchrony is not installed or cannot be loaded (on entering).
        ChronyConnectionError: If the address is malformed, or (on entering) chronyd is not running or unreachable.
        ChronyPermissionError: If insufficient permissions to access chronyd (on entering).
        ValueError: If the timeout is not a finite number greater than 0, or `parallel` is out of range.

    Example:
        >>> from pychrony import ChronyConnection
        >>> with ChronyConnection() as connection:
        ...     status = connection.get_tracking()
        ...     print(f"Offset: {status.offset:.6f} seconds, {len(connection.get_sources())} sources")
        Offset: 0.000123 seconds, 1 sources
    """

    def __init__(self, address: str | PathLike[str] | None = None, *, timeout: float = 5.0, parallel: int = 8) -> None:
        super().__init__(address, timeout, parallel)
        self._settings = f"{address!r}, timeout={timeout!r}, parallel={parallel!r}"

    def __repr__(self) -> str:
        """Return the arguments of the connection."""
        return f"ChronyConnection({self._settings})"

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
        """As `pychrony.get_tracking`, on this connection. Raises RuntimeError outside a ``with`` block."""
        return self._read(models.TrackingStatus)

    def get_sources(self) -> list[models.Source]:
        """As `pychrony.get_sources`, on this connection. Raises RuntimeError outside a ``with`` block."""
        return self._read(models.Source)

    def get_source_stats(self) -> list[models.SourceStats]:
        """As `pychrony.get_source_stats`, on this connection. Raises RuntimeError outside a ``with`` block."""
        return self._read(models.SourceStats)

    def get_rtc_data(self) -> models.RTCData:
        """As `pychrony.get_rtc_data`, on this connection. Raises RuntimeError outside a ``with`` block."""
        return self._read(models.RTCData)

    def get_activity(self) -> models.Activity:
        """As `pychrony.get_activity`, on this connection. Raises RuntimeError outside a ``with`` block."""
        return self._read(models.Activity)

    def get_select_data(self) -> list[models.SelectData]:
        """As `pychrony.get_select_data`, on this connection. Raises RuntimeError outside a ``with`` block."""
        return self._read(models.SelectData)

    def get_auth_data(self) -> list[models.AuthData | None]:
        """As `pychrony.get_auth_data`, on this connection. Raises RuntimeError outside a ``with`` block."""
        return self._read(models.AuthData)

    def get_ntp_data(self) -> list[models.NTPData | None]:
        """As `pychrony.get_ntp_data`, on this connection. Raises RuntimeError outside a ``with`` block."""
        return self._read(models.NTPData)

    def get_server_stats(self) -> models.ServerStats:
        """As `pychrony.get_server_stats`, on this connection. Raises RuntimeError outside a ``with`` block."""
        return self._read(models.ServerStats)

    def get_smoothing(self) -> models.Smoothing:
        """As `pychrony.get_smoothing`, on this connection. Raises RuntimeError outside a ``with`` block."""
        return self._read(models.Smoothing)

    def get_report(self, name: str) -> list[Mapping[str, ReportField] | None]:
        """As `pychrony.get_report`, on this connection. Raises RuntimeError outside a ``with`` block."""
        return self._read((name, ReportField))
