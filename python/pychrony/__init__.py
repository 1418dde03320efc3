"""Read the state of chronyd, the NTP daemon, through the system's libchrony.

The functions open a connection to chronyd, read one report, and close it again:

    >>> from pychrony import get_tracking
    >>> status = get_tracking()
    >>> print(f"{status.offset:+.9f} s off {status.reference_id_name}")
    +0.000012345 s off 192.0.2.1

A `ChronyConnection` is kept for many reads. Importing the package does not need libchrony or chronyd; if one is
missing, a call raises the error.
"""

from typing import TYPE_CHECKING as _TYPE_CHECKING

from pychrony._core import __version__
from pychrony.connection import ChronyConnection
from pychrony.exceptions import (
    ChronyAddressError,
    ChronyConnectionError,
    ChronyDataError,
    ChronyError,
    ChronyLibraryError,
    ChronyNotAvailableError,
    ChronyPermissionError,
    ChronyTimeoutError,
)
from pychrony.functions import (
    get_activity,
    get_auth_data,
    get_ntp_data,
    get_rtc_data,
    get_select_data,
    get_server_stats,
    get_smoothing,
    get_source_stats,
    get_sources,
    get_tracking,
    libchrony_path,
)
from pychrony.generic import ReportField, get_report, list_reports
from pychrony.models import (
    Activity,
    AuthData,
    AuthMode,
    KeyType,
    LeapStatus,
    NTPData,
    NTPFlag,
    NTPMode,
    Record,
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
    Transport,
)

if _TYPE_CHECKING:
    from pychrony._fleet import Descriptors, FleetResult
    from pychrony.fleet import Fleet, Round

__all__ = [
    "Activity",
    "AuthData",
    "AuthMode",
    "ChronyAddressError",
    "ChronyConnection",
    "ChronyConnectionError",
    "ChronyDataError",
    "ChronyError",
    "ChronyLibraryError",
    "ChronyNotAvailableError",
    "ChronyPermissionError",
    "ChronyTimeoutError",
    "Descriptors",
    "Fleet",
    "FleetResult",
    "KeyType",
    "LeapStatus",
    "NTPData",
    "NTPFlag",
    "NTPMode",
    "RTCData",
    "Record",
    "ReportField",
    "Round",
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
    "__version__",
    "get_activity",
    "get_auth_data",
    "get_ntp_data",
    "get_report",
    "get_rtc_data",
    "get_select_data",
    "get_server_stats",
    "get_smoothing",
    "get_source_stats",
    "get_sources",
    "get_tracking",
    "libchrony_path",
    "list_reports",
]


def __dir__() -> list[str]:
    """Return the names that completion offers, with those that are imported on first use."""
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> object:
    """Import the classes of fleets on first use, since most programs do not need them."""
    if name not in {"Descriptors", "Fleet", "FleetResult", "Round"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pychrony import fleet  # noqa: PLC0415

    return getattr(fleet, name)
