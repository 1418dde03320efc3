"""Records for the tests of your own program. They need no chronyd and no libchrony.

    >>> from pychrony.testing import make_tracking
    >>> make_tracking().is_synchronized()
    True
    >>> make_tracking(reference_id=0, stratum=0).is_synchronized()
    False

Each function returns a record of a chronyd in good order, with the given fields in place of its own. A field that the
record does not have is a TypeError. The values are not validated.
"""

from dataclasses import replace
from typing import Any

from pychrony import models

__all__ = [
    "make_activity",
    "make_auth_data",
    "make_ntp_data",
    "make_rtc_data",
    "make_select_data",
    "make_server_stats",
    "make_smoothing",
    "make_source",
    "make_source_stats",
    "make_tracking",
]

#: The source of all records, as a reference ID and as an address.
_ID, _ADDRESS = 0xC0000201, "192.0.2.1"
_NEVER = 0xFFFFFFFF


def make_tracking(**fields: Any) -> models.TrackingStatus:
    """Return a TrackingStatus of a clock that follows a server of stratum 1."""
    record = models.TrackingStatus(
        reference_id=_ID,
        reference_id_name=_ADDRESS,
        stratum=2,
        leap_status=models.LeapStatus.NORMAL,
        offset=1.2e-05,
        last_offset=-3.4e-05,
        rms_offset=5.6e-05,
        frequency=-1.5,
        residual_freq=0.003,
        skew=0.05,
        root_delay=0.0012,
        root_dispersion=0.0034,
        update_interval=64.25,
        reference_ip=_ADDRESS,
        ref_time=1700000000.0,
    )
    return replace(record, **fields)


def make_source(**fields: Any) -> models.Source:
    """Return a Source that is selected, and has answered its last eight polls."""
    record = models.Source(
        address=_ADDRESS,
        poll=6,
        stratum=1,
        state=models.SourceState.SELECTED,
        mode=models.SourceMode.CLIENT,
        flags=0,
        reachability=255,
        last_sample_ago=12,
        orig_latest_meas=2.1e-05,
        latest_meas=-1.7e-05,
        latest_meas_err=0.00043,
    )
    return replace(record, **fields)


def make_source_stats(**fields: Any) -> models.SourceStats:
    """Return a SourceStats with eight samples."""
    record = models.SourceStats(
        reference_id=_ID,
        address=_ADDRESS,
        samples=8,
        runs=4,
        span=448,
        std_dev=9e-06,
        resid_freq=0.002,
        skew=0.07,
        offset=-1.1e-05,
        offset_err=1.3e-05,
    )
    return replace(record, **fields)


def make_rtc_data(**fields: Any) -> models.RTCData:
    """Return an RTCData that is calibrated."""
    record = models.RTCData(ref_time=1700000000.0, samples=10, runs=5, span=3600, offset=0.25, freq_offset=-2.5)
    return replace(record, **fields)


def make_activity(**fields: Any) -> models.Activity:
    """Return an Activity of four sources that are online."""
    record = models.Activity(
        online_sources=4, offline_sources=0, burst_online_sources=0, burst_offline_sources=0, unresolved_sources=0
    )
    return replace(record, **fields)


def make_select_data(**fields: Any) -> models.SelectData:
    """Return a SelectData of the source that chronyd follows."""
    record = models.SelectData(
        reference_id=_ID,
        address=_ADDRESS,
        state=models.SelectState.BEST,
        authentication=False,
        leap_status=models.LeapStatus.NORMAL,
        configured_options=models.SelectOption(0),
        effective_options=models.SelectOption(0),
        last_sample_ago=12,
        score=1.0,
        low_limit=-0.0002,
        high_limit=0.0002,
    )
    return replace(record, **fields)


def make_auth_data(**fields: Any) -> models.AuthData:
    """Return an AuthData of a source without authentication."""
    record = models.AuthData(
        mode=models.AuthMode.NONE,
        key_type=models.KeyType(0),
        key_id=0,
        key_length=0,
        key_establishment_attempts=0,
        last_key_establishment_ago=_NEVER,
        cookies=0,
        cookie_length=0,
        nak=False,
    )
    return replace(record, **fields)


def make_ntp_data(**fields: Any) -> models.NTPData:
    """Return an NTPData of a source that has answered all requests."""
    record = models.NTPData(
        remote_address=_ADDRESS,
        local_address="192.0.2.200",
        remote_port=123,
        leap_status=models.LeapStatus.NORMAL,
        version=4,
        mode=models.NTPMode.SERVER,
        stratum=1,
        poll=6,
        precision=-24,
        root_delay=0.0,
        root_dispersion=1e-06,
        reference_id=0x47505300,
        ref_time=1700000000.0,
        offset=1.7e-05,
        peer_delay=0.0012,
        peer_dispersion=1e-06,
        response_time=2e-05,
        jitter_asymmetry=0.0,
        flags=models.NTPFlag(0x3FF),
        transmit_timestamping=models.Timestamping.KERNEL,
        receive_timestamping=models.Timestamping.KERNEL,
        transmitted_messages=60,
        received_messages=60,
        received_valid_messages=60,
        received_good_messages=60,
        kernel_transmit_timestamps=60,
        kernel_receive_timestamps=60,
        hardware_transmit_timestamps=0,
        hardware_receive_timestamps=0,
    )
    return replace(record, **fields)


def make_server_stats(**fields: Any) -> models.ServerStats:
    """Return a ServerStats of a chronyd of version 4.4 or later that has served a few clients."""
    record = models.ServerStats(
        received_ntp_requests=1000,
        accepted_nts_ke_connections=0,
        received_command_requests=50,
        dropped_ntp_requests=0,
        dropped_nts_ke_connections=0,
        dropped_command_requests=0,
        dropped_client_log_records=0,
        received_authenticated_ntp_requests=0,
        received_interleaved_ntp_requests=0,
        held_ntp_timestamps=0,
        ntp_timestamp_span=0,
        served_daemon_rx_timestamps=0,
        served_daemon_tx_timestamps=1000,
        served_kernel_rx_timestamps=1000,
        served_kernel_tx_timestamps=0,
        served_hardware_rx_timestamps=0,
        served_hardware_tx_timestamps=0,
    )
    return replace(record, **fields)


def make_smoothing(**fields: Any) -> models.Smoothing:
    """Return a Smoothing that is not active."""
    record = models.Smoothing(
        flags=models.SmoothingFlag(0),
        offset=0.0,
        freq_offset=0.0,
        wander=0.0,
        last_update_ago=0.0,
        remaining_time=0.0,
    )
    return replace(record, **fields)
