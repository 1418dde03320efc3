"""Any report by its name, as the libchrony of this machine describes it.

Nothing here knows a report: names, types, contents, units and words are libchrony's own. So the reports and
fields of a newer libchrony can be read without a newer pychrony.
"""

from collections.abc import Mapping
from typing import NamedTuple

from pychrony import _core
from pychrony.functions import Seconds, SocketPath, annotate_timeout


class ReportField(NamedTuple):
    """A field of a record that `pychrony.get_report` has read.

    Attributes:
        value: A bool if the content is "boolean", seconds since the epoch (UTC) if the type is "time", and "" if an
            address is absent; otherwise a number or text. None if the type is one that pychrony does not know.
        type: "unsigned", "signed", "float", "time" or "string"; "none" for any other.
        content: The meaning of the value, in libchrony's words: "count", "time", "interval", "offset", "measure",
            "ratio", "reference ID", "enum", "bits", "flags", "address", "port", "index", "length" or "boolean"; "none"
            if libchrony gives no meaning, and "unknown" for any other.
        unit: "s", "log2 s", "ppm", "ppm/s", "bits" or "bytes"; "" for none.
        words: libchrony's words for the constant, or for each flag that is set, from the lowest bit up. A number or a
            bit without a name has none.

    Example:
        >>> from pychrony import ReportField
        >>> ReportField(0, "unsigned", "enum", "", ("normal",)).words
        ('normal',)
    """

    value: int | float | str | bool | None
    type: str
    content: str
    unit: str
    words: tuple[str, ...]


def list_reports() -> list[str]:
    """Name the reports that the libchrony of this machine knows.

    Returns:
        list[str]: The names that `get_report` takes, in libchrony's order.

    Raises:
        ChronyLibraryError: If libchrony is not installed or cannot be loaded.

    Example:
        >>> from pychrony import list_reports
        >>> "tracking" in list_reports()
        True
    """
    return _core.list_reports()


def get_report(
    name: str, socket_path: SocketPath = None, *, timeout: Seconds = 5.0
) -> list[Mapping[str, ReportField] | None]:
    """Get the records of any report that libchrony knows, as libchrony itself describes them.

    The reports and fields of a newer libchrony are read as well. The checks follow from the contents: floats are
    finite, measures are not negative, and times are possible.

    Args:
        name: libchrony's name of the report, one of `list_reports`.
        socket_path: Path of chronyd's Unix socket, as a string or a path object. Defaults to
            '/run/chrony/chronyd.sock' or '/var/run/chrony/chronyd.sock'. Also takes the address of a command port,
            such as '127.0.0.1', '192.0.2.1:323' or '[::1]:323', which needs no permission.
        timeout: The longest time that the call may take, in seconds or as a timedelta, greater than 0.

    Returns:
        list[Mapping[str, ReportField] | None]: The records in chronyd's order; a list of one for a report that has one
            record. Each maps libchrony's names of the fields to the fields, in libchrony's order, including
            reserved ones. None for a reference clock, which has no record in "authdata" and "ntpdata".

    Raises:
        ChronyLibraryError: If libchrony is not installed or cannot be loaded.
        ChronyConnectionError: If chronyd is not running or unreachable, or does not answer in time.
        ChronyPermissionError: If insufficient permissions to access chronyd, or chronyd refuses the report.
        ChronyDataError: If libchrony knows no such report, or the data is invalid, incomplete or not available.
        ValueError: If the timeout is not a finite number greater than 0.

    Example:
        >>> from pychrony import get_report
        >>> for record in get_report("sources"):
        ...     print(record["address"].value, *record["state"].words)
        192.0.2.1 selected
    """
    return _core.read((name, ReportField), socket_path, timeout)


annotate_timeout(get_report)
