"""Read the state of chronyd, the NTP daemon, through the system's libchrony.

The functions open a connection to chronyd, read one report, and close it again:

    >>> from pychrony import get_tracking
    >>> status = get_tracking()
    >>> print(f"{status.offset:+.9f} s off {status.reference_id_name}")
    +0.000012345 s off 192.0.2.1

A `ChronyConnection` is kept for many reads. Importing the package does not need libchrony or chronyd; if one is
missing, a call raises the error.
"""

from pychrony._core import __version__
from pychrony._fleet import Descriptors, FleetResult
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
from pychrony.fleet import Fleet, Round
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
