"""The constants in records, with libchrony's words for them, and the transports to chronyd. `models` has them, too."""

from collections.abc import Callable
from enum import Enum, IntEnum, IntFlag
from typing import TypeVar

_C = TypeVar("_C", bound="_Constant")

#: libchrony's words for the members of each enum.
_WORDS: dict[type[Enum], dict[int, str]] = {}


class _Constant(IntEnum):
    """A number for which libchrony has words. One without words is a member, too, with a name like ``UNKNOWN_9``."""

    # As for an int. The methods of IntEnum differ between versions of Python.

    def __str__(self) -> str:
        """Return the number."""
        return int.__repr__(self)

    def __format__(self, format_spec: str) -> str:
        """Format the number."""
        return int.__format__(self, format_spec)

    @classmethod
    def _missing_(cls: type[_C], value: object) -> _C | None:
        if type(value) is not int or value < 0:
            return None
        member = int.__new__(cls, value)
        member._name_, member._value_ = f"UNKNOWN_{value}", value
        # chronyd's constants are bytes, and only those are kept.
        if value > 0xFF:
            return member
        # Another thread may have made it first. The extension makes members of its own, in the same way.
        return cls._value2member_map_.setdefault(value, member)  # type: ignore[return-value]

    @property
    def words(self) -> str:
        """libchrony's words for the number, or a placeholder if it has none."""
        return self.words_of(self)

    @classmethod
    def words_of(cls, number: int) -> str:
        """libchrony's words for a number, or a placeholder if it has none."""
        return _WORDS[cls].get(number, f"unknown({int(number)})")


class _Flags(IntFlag):
    """Bits for which libchrony has words. Bits without words are kept."""

    def __str__(self) -> str:
        """Return the number."""
        return int.__repr__(self)

    def __format__(self, format_spec: str) -> str:
        """Format the number."""
        return int.__format__(self, format_spec)


def _words(*words: str) -> Callable[[type[_C]], type[_C]]:
    """Give the members of an enum libchrony's words, in their order."""

    def give(constants: type[_C]) -> type[_C]:
        _WORDS[constants] = dict(zip(constants, words, strict=True))
        return constants

    return give


@_words("normal", "insert second", "delete second", "not synchronized")
class LeapStatus(_Constant):
    """The leap second to come, if any (chronyc ``tracking``, "Leap status").

    Attributes:
        NORMAL: No leap second is coming.
        INSERT: A second will be inserted at the end of the day, 23:59:60 UTC.
        DELETE: The last second of the day will be deleted, 23:59:59 UTC.
        UNSYNC: The clock is not synchronised.
    """

    NORMAL = 0
    INSERT = 1
    DELETE = 2
    UNSYNC = 3


@_words("selected", "nonselectable", "falseticker", "jittery", "unselected", "selectable")
class SourceState(_Constant):
    """The state that chronyd's selection gave a source (chronyc ``sources``, column S).

    Attributes:
        SELECTED: chronyd follows this source (``*``).
        NONSELECTABLE: The source cannot be selected, since it is unreachable or fails a check (``?``).
        FALSETICKER: The source disagrees with the majority (``x``).
        JITTERY: The time of the source is too variable (``~``).
        UNSELECTED: The source is acceptable, and combined with the selected one (``+``).
        SELECTABLE: The source is acceptable, but left out of the combination (``-``).
    """

    SELECTED = 0
    NONSELECTABLE = 1
    FALSETICKER = 2
    JITTERY = 3
    UNSELECTED = 4
    SELECTABLE = 5


@_words("client", "peer", "reference clock")
class SourceMode(_Constant):
    """The type of a source (chronyc ``sources``, column M).

    Attributes:
        CLIENT: chronyd is a client of this NTP server (``^``).
        PEER: An NTP peer (``=``).
        REFCLOCK: A reference clock on the machine (``#``).
    """

    CLIENT = 0
    PEER = 1
    REFCLOCK = 2


@_words(
    "ignored",
    "not synchronized",
    "missing samples",
    "unacceptable distance",
    "large distance",
    "jittery",
    "waiting for others",
    "missing selectable sources",
    "stale",
    "orphan",
    "not trusted",
    "not preferred",
    "waiting for update",
    "falseticker",
    "stratum out of range",
    "outlier",
    "combined",
    "best",
)
class SelectState(_Constant):
    """State of a source at a selection (chronyc ``selectdata``, column S).

    Attributes:
        IGNORED: The option ``noselect`` is set (``N``).
        NOT_SYNCHRONIZED: The source says that it is not synchronised (``s``).
        MISSING_SAMPLES: The source has too few samples (``M``).
        UNACCEPTABLE_DISTANCE: The root distance of the source is too large (``d``).
        LARGE_DISTANCE: The distance of the source is too large to be combined with others (``D``).
        JITTERY: The jitter of the source is too large (``~``).
        WAITING_FOR_OTHERS: The source waits until others have samples (``w``).
        MISSING_SELECTABLE_SOURCES: The source waits for more sources, or for a required one (``W``).
        STALE: Other sources have newer samples (``S``).
        ORPHAN: The source has the stratum of an orphan (``O``).
        NOT_TRUSTED: The source does not agree with trusted sources (``T``).
        NOT_PREFERRED: Another source is preferred (``P``).
        WAITING_FOR_UPDATE: The source waits for a new sample (``U``).
        FALSETICKER: The source disagrees with the majority (``x``).
        STRATUM_OUT_OF_RANGE: The stratum of the source is outside of ``minstratum`` and ``maxstratum`` (``r``, since
            chrony 4.9).
        OUTLIER: The source is an outlier, and not combined (``L``). No chrony up to 4.9 reports it.
        COMBINED: The source is combined with the best one (``+``).
        BEST: chronyd follows the source (``*``).
    """

    IGNORED = 78
    NOT_SYNCHRONIZED = 115
    MISSING_SAMPLES = 77
    UNACCEPTABLE_DISTANCE = 100
    LARGE_DISTANCE = 68
    JITTERY = 126
    WAITING_FOR_OTHERS = 119
    MISSING_SELECTABLE_SOURCES = 87
    STALE = 83
    ORPHAN = 79
    NOT_TRUSTED = 84
    NOT_PREFERRED = 80
    WAITING_FOR_UPDATE = 85
    FALSETICKER = 120
    STRATUM_OUT_OF_RANGE = 114
    OUTLIER = 76
    COMBINED = 43
    BEST = 42


class SelectOption(_Flags):
    """Options of the selection (chronyc ``selectdata``, columns Conf and Eff).

    Bits without a name are kept.

    Attributes:
        NOSELECT: The source is never selected (``N``).
        PREFER: The source is preferred to sources without the option (``P``).
        TRUST: The source is assumed to be right (``T``).
        REQUIRE: No selection is made without the source (``R``).
    """

    NOSELECT = 0x1
    PREFER = 0x2
    TRUST = 0x4
    REQUIRE = 0x8


@_words("none", "symmetric key", "NTS")
class AuthMode(_Constant):
    """The authentication of a source's packets (chronyc ``authdata``, "Mode").

    Attributes:
        NONE: No authentication.
        SYMMETRIC_KEY: A key that both sides have (SK).
        NTS: Network Time Security.
    """

    NONE = 0
    SYMMETRIC_KEY = 1
    NTS = 2


@_words(
    "MD5",
    "SHA1",
    "SHA256",
    "SHA384",
    "SHA512",
    "SHA3-224",
    "SHA3-256",
    "SHA3-384",
    "SHA3-512",
    "TIGER",
    "WHIRLPOOL",
    "AES128",
    "AES256",
    "AEAD-AES-SIV-CMAC-256",
    "AEAD-AES-128-GCM-SIV",
)
class KeyType(_Constant):
    """Type of a key (chronyc ``authdata``, "Type").

    Attributes:
        MD5: MD5.
        SHA1: SHA1.
        SHA256: SHA256.
        SHA384: SHA384.
        SHA512: SHA512.
        SHA3_224: SHA3-224.
        SHA3_256: SHA3-256.
        SHA3_384: SHA3-384.
        SHA3_512: SHA3-512.
        TIGER: Tiger.
        WHIRLPOOL: Whirlpool.
        AES128: AES-CMAC of 128 bits.
        AES256: AES-CMAC of 256 bits.
        AEAD_AES_SIV_CMAC_256: NTS, with AES-SIV-CMAC-256.
        AEAD_AES_128_GCM_SIV: NTS, with AES-128-GCM-SIV.
    """

    MD5 = 1
    SHA1 = 2
    SHA256 = 3
    SHA384 = 4
    SHA512 = 5
    SHA3_224 = 6
    SHA3_256 = 7
    SHA3_384 = 8
    SHA3_512 = 9
    TIGER = 10
    WHIRLPOOL = 11
    AES128 = 13
    AES256 = 14
    AEAD_AES_SIV_CMAC_256 = 15
    AEAD_AES_128_GCM_SIV = 30


@_words("active symmetric", "passive symmetric", "server")
class NTPMode(_Constant):
    """NTP mode of an answer (chronyc ``ntpdata``, "Mode").

    Attributes:
        ACTIVE_SYMMETRIC: A peer that is configured.
        PASSIVE_SYMMETRIC: A peer that is not configured.
        SERVER: A server.
    """

    ACTIVE_SYMMETRIC = 1
    PASSIVE_SYMMETRIC = 2
    SERVER = 4


@_words("daemon", "kernel", "hardware")
class Timestamping(_Constant):
    """The origin of a packet's timestamp (chronyc ``ntpdata``, "TX timestamping").

    Attributes:
        DAEMON: chronyd.
        KERNEL: The kernel.
        HARDWARE: The network card.
    """

    DAEMON = 68
    KERNEL = 75
    HARDWARE = 72


class NTPFlag(_Flags):
    """Tests that an answer has passed, and its mode (chronyc ``ntpdata``, "NTP tests").

    Bits without a name are kept.

    Attributes:
        TEST_D: Test D: no loop of synchronisation.
        TEST_C: Test C: the ratio of delay and deviation.
        TEST_B: Test B: the ratio of delays.
        TEST_A: Test A: the delay, and others.
        TEST_7: Test 7: root delay and dispersion.
        TEST_6: Test 6: the source is synchronised.
        TEST_5: Test 5: authentication.
        TEST_3: Test 3: timestamps are valid.
        TEST_2: Test 2: the packet answers the request.
        TEST_1: Test 1: the packet is not a duplicate.
        INTERLEAVED: The answer was in interleaved mode.
        AUTHENTICATED: The answer was authenticated.
    """

    TEST_D = 0x1
    TEST_C = 0x2
    TEST_B = 0x4
    TEST_A = 0x8
    TEST_7 = 0x10
    TEST_6 = 0x20
    TEST_5 = 0x40
    TEST_3 = 0x80
    TEST_2 = 0x100
    TEST_1 = 0x200
    INTERLEAVED = 0x4000
    AUTHENTICATED = 0x8000


class SmoothingFlag(_Flags):
    """State of the smoothing (chronyc ``smoothing``).

    Bits without a name are kept.

    Attributes:
        ACTIVE: Smoothing is active.
        LEAPONLY: Only leap seconds are smoothed.
    """

    ACTIVE = 0x1
    LEAPONLY = 0x2


class Transport(Enum):
    """The transport of requests to chronyd.

    Attributes:
        UNIX_SOCKET: chronyd's Unix socket, which serves all reports, but only to root and chronyd's user.
        COMMAND_PORT: chronyd's UDP command port, which serves the open reports to every host that ``cmdallow`` allows.
    """

    UNIX_SOCKET = "Unix socket"
    COMMAND_PORT = "command port"
