"""Write the corpus: the inputs that the fuzzer starts from, each named after its case.

src/chronyd.rs describes the format of an input. Run this after a change of either file: python fuzz/seeds.py
"""

from __future__ import annotations

import struct
from pathlib import Path

CORPUS = Path(__file__).resolve().parent / "corpus"

#: The numbers of the reports, in the order of `libchrony::REPORTS`.
TRACKING, SOURCES, SOURCESTATS, RTCDATA, ACTIVITY, SELECTDATA, AUTHDATA, NTPDATA, SERVERSTATS, SMOOTHING = range(10)
THREE_LANES, EIGHT_LANES, SENDS_FAIL = 0x08, 0x0C, 0x10
VALUES, CUT, LONGER, STATUS, CODE, HEADER, STRAY, ERROR, OLDER, AGAIN, LIST, ZEROS = (
    0,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    10,
    11,
    23,
)
SILENCE = 0xFF

IPV4 = bytes([192, 0, 2, 1]).ljust(16, b"\0") + bytes([0, 1, 0, 0])
IPV6 = bytes.fromhex("20010db8000000000000000000000001") + bytes([0, 2, 0, 0])
UNRESOLVED = bytes([0, 0, 0, 7]).ljust(16, b"\0") + bytes([0, 3, 0, 0])
NO_ADDRESS = bytes(20)
GPS = b"GPS\0".ljust(20, b"\0")
NEGATIVE = bytes.fromhex("f1a36e2f")
SMALL = bytes.fromhex("dcfb4e82")
TIME = struct.pack(">III", 0, 1_700_000_000, 123_456_789)
MARKED_TIME = struct.pack(">III", 0x7FFF_FFFF, 1_700_000_000, 0)


def tracking(
    address: bytes = IPV4, stratum: int = 2, leap: int = 0, time: bytes = TIME, floats: bytes = SMALL
) -> bytes:
    """Return the body of a tracking reply."""
    return address[:4] + address + struct.pack(">HH", stratum, leap) + time + SMALL * 2 + floats * 7


def source(address: bytes = IPV4, poll: int = 6, stratum: int = 1, state: int = 0, mode: int = 0) -> bytes:
    """Return the body of a sources reply."""
    numbers = struct.pack(">hHHHHHI", poll, stratum, state, mode, 0, 255, 12)
    return address + numbers + SMALL + NEGATIVE + SMALL


def stats(address: bytes = IPV4) -> bytes:
    """Return the body of a sourcestats reply."""
    return address[:4] + address + struct.pack(">III", 8, 4, 448) + SMALL + NEGATIVE + SMALL * 3


def rtc(time: bytes = TIME) -> bytes:
    """Return the body of an rtcdata reply."""
    return time + struct.pack(">HHI", 10, 5, 600) + NEGATIVE * 2


def given(*bodies: bytes) -> bytes:
    """Return valid replies with these bodies."""
    return b"".join(bytes([VALUES]) + body for body in bodies)


def listed(report: int, *bodies: bytes, options: int = 0) -> bytes:
    """Return a call that reads a list, with valid replies."""
    return bytes([report, options, LIST, len(bodies)]) + given(*bodies)


#: The body of the sourcestats reply for a reference clock.
NO_STATS = stats(NO_ADDRESS)


def by_address(report: int, *stats: bytes, options: int = 0) -> bytes:
    """Return a call that reads a list by address over one lane, with the sourcestats reply before each record."""
    check = given(stats[-1]) if len(stats) > 1 else b""
    records = b"".join(given(one) + (b"" if one == NO_STATS else bytes([ZEROS])) for one in stats)
    return bytes([report, options, LIST, len(stats)]) + check + records + check


FOUR_SOURCES = (source(), source(IPV6, poll=-2, state=4), source(GPS, stratum=0, mode=2), source(UNRESOLVED, state=1))

SEEDS = {
    "tracking": bytes([TRACKING, 0]) + given(tracking()),
    "tracking-ipv6": bytes([TRACKING, 0]) + given(tracking(IPV6, leap=1)),
    "tracking-not-synchronised": bytes([TRACKING, 0]) + given(tracking(NO_ADDRESS, 0, 3, bytes(12))),
    "tracking-reference-clock": bytes([TRACKING, 0]) + given(b"GPS\0" + tracking(NO_ADDRESS)[4:]),
    "tracking-32-bit-time": bytes([TRACKING, 0]) + given(tracking(time=MARKED_TIME)),
    "tracking-time-before-1970": bytes([TRACKING, 0]) + given(tracking(time=b"\xff" * 8 + bytes(4))),
    "tracking-time-without-nanoseconds": bytes([TRACKING, 0]) + given(tracking(time=b"\0" * 8 + b"\xff" * 4)),
    "tracking-stratum-17": bytes([TRACKING, 0]) + given(tracking(stratum=17)),
    "tracking-leap-4": bytes([TRACKING, 0]) + given(tracking(leap=4)),
    "tracking-negative": bytes([TRACKING, 0]) + given(tracking(floats=NEGATIVE)),
    "tracking-unknown-family": bytes([TRACKING, 0]) + given(tracking(bytes(17) + b"\x09\0\0")),
    "tracking-cut": bytes([TRACKING, 0, CUT]) + tracking() + bytes([60]),
    "tracking-longer": bytes([TRACKING, 0, LONGER]) + tracking() + bytes([7, 255]),
    "tracking-refused": bytes([TRACKING, 0, STATUS, 2]),
    "tracking-other-code": bytes([TRACKING, 0, CODE, 3]) + given(tracking()),
    "tracking-other-version": bytes([TRACKING, 0, HEADER, 1, 0, 5]) + tracking() + given(tracking()),
    "tracking-after-strays": bytes([TRACKING, 0, STRAY, 3, 1, 2, 3, STRAY, 0, AGAIN, OLDER]) + given(tracking()),
    "tracking-after-interruptions": bytes([TRACKING, 0, ERROR, 0, ERROR, 1]) + given(tracking()),
    "tracking-gone": bytes([TRACKING, 0, ERROR, 2, ERROR, 3]),
    "tracking-silence": bytes([TRACKING, 0, SILENCE, TRACKING, 0]) + given(tracking()),
    "tracking-unsent": bytes([TRACKING, SENDS_FAIL, 1, 2, 0]) + given(tracking()),
    "sources": listed(SOURCES, *FOUR_SOURCES),
    "sources-none": listed(SOURCES),
    "sources-three-lanes": listed(SOURCES, *FOUR_SOURCES, *FOUR_SOURCES, options=THREE_LANES),
    "sources-eight-lanes": listed(SOURCES, *FOUR_SOURCES, *FOUR_SOURCES, *FOUR_SOURCES, options=EIGHT_LANES),
    "sources-bad-state": listed(SOURCES, source(state=6)),
    "sources-bad-mode": listed(SOURCES, source(mode=3)),
    "sources-count-negative": bytes([SOURCES, 0]) + given(b"\xff\xff\xff\xff"),
    "sources-count-huge": bytes([SOURCES, 0]) + given(b"\x7f\xff\xff\xff"),
    "sources-fewer-than-said": bytes([SOURCES, 0, LIST, 2])
    + given(source())
    + bytes([STATUS, 4, LIST, 1])
    + given(source()),
    "sourcestats": listed(SOURCESTATS, stats(), stats(IPV6), stats(NO_ADDRESS)),
    "sourcestats-eight-lanes": listed(SOURCESTATS, *[stats()] * 9, options=EIGHT_LANES),
    "rtcdata": bytes([RTCDATA, 0]) + given(rtc()),
    "rtcdata-not-tracked": bytes([RTCDATA, 0, STATUS, 13]),
    "activity": bytes([ACTIVITY, 0]) + given(bytes(range(20))),
    "selectdata": bytes([SELECTDATA, 0, LIST, 2, ZEROS, ZEROS, ZEROS]),
    "authdata": by_address(AUTHDATA, stats(), NO_STATS, stats(IPV6)),
    "ntpdata": by_address(NTPDATA, stats(), NO_STATS, stats(IPV6), options=1),
    "ntpdata-older": by_address(NTPDATA, stats()),
    "ntpdata-reference-clocks": by_address(NTPDATA, NO_STATS, NO_STATS),
    "serverstats": bytes([SERVERSTATS, 0, ZEROS]),
    "serverstats-newest": bytes([SERVERSTATS, 3]) + given(bytes(168)),
    "smoothing": bytes([SMOOTHING, 0]) + given(bytes([0, 0, 0, 3]) + NEGATIVE * 3 + SMALL * 2),
    "smoothing-not-enabled": bytes([SMOOTHING, 0, STATUS, 6]),
    "every-report": bytes([TRACKING, 0])
    + given(tracking())
    + listed(SOURCES, *FOUR_SOURCES)
    + listed(SOURCESTATS, stats())
    + bytes([RTCDATA, 0])
    + given(rtc())
    + bytes([TRACKING, 0, ZEROS]),
}
#: The number of reports. Added to the number of a report, it means that the report is read by its name.
REPORTS = 10
SEEDS |= {
    f"{name}-by-name": bytes([SEEDS[name][0] + REPORTS]) + SEEDS[name][1:]
    for name in ("tracking", "tracking-time-before-1970", "sources", "sources-eight-lanes", "sourcestats", "rtcdata")
}

if __name__ == "__main__":
    CORPUS.mkdir(exist_ok=True)
    for old in CORPUS.iterdir():
        old.unlink()
    for name, seed in SEEDS.items():
        (CORPUS / name).write_bytes(seed)
