"""Judge whether the clock of chronyd is right, and say why not.

    >>> from pychrony import health
    >>> verdict = health.check()
    >>> print(f"The clock can be {verdict.bound:.6f} s wrong")
    The clock can be 0.000123 s wrong

The verdict is the one of the command ``chrony-report check``, and has the fields of its JSON. `pychrony.aio.health` is
for asyncio.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from functools import total_ordering
from os import PathLike
from typing import Any

from pychrony import _core
from pychrony.functions import Seconds

__all__ = [
    "Accept",
    "Advice",
    "Alternative",
    "Cause",
    "Diagnosis",
    "Level",
    "Measure",
    "Reason",
    "Step",
    "Verdict",
    "check",
]


@total_ordering
class Level(Enum):
    """The severity of a finding, in ascending order. A known fault is worse than an unknown value."""

    OK = "OK"
    UNKNOWN = "UNKNOWN"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"

    def __str__(self) -> str:
        """Return the name that monitoring plugins use."""
        return self.value

    def __lt__(self, other: object) -> bool:
        """Return true if this is less severe."""
        if not isinstance(other, Level):
            return NotImplemented
        order = list(Level)
        return order.index(self) < order.index(other)


class _Part:
    """A part of a verdict."""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, ready for JSON, as ``chrony-report schema verdict`` describes them."""
        return {item.name: _plain(getattr(self, item.name)) for item in fields(self)}  # type: ignore[arg-type]


def _plain(value: object) -> object:
    if isinstance(value, _Part):
        return value.to_dict()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value.value if isinstance(value, Level) else value


@dataclass(frozen=True)
class Step(_Part):
    """One of the next steps. At most one of the texts is there."""

    words: str
    """An instruction, without a full stop."""
    chronyc: str | None = None
    """A command of chronyc that carries it out, without its name: ``makestep``."""
    chrony_conf: str | None = None
    """A directive or an option in chrony.conf: ``maxdistance 5``."""
    shell: str | None = None
    """A command of the system's shell."""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that are there, ready for JSON."""
        return {name: text for name, text in super().to_dict().items() if text is not None}


@dataclass(frozen=True)
class Accept(_Part):
    """Limits that accept the present value of a measure, for those who have it on purpose."""

    measure: str
    """The name of the measure."""
    warning: str
    """The range of values that raise no warning, in the unit of the measure."""
    critical: str
    """The range of values that are not critical, in the unit of the measure."""


@dataclass(frozen=True)
class Advice(_Part):
    """The next steps, in the order in which they are best taken."""

    steps: tuple[Step, ...]
    """The steps. Empty if nothing is to be done."""
    accept: tuple[Accept, ...]
    """The limits of measures with which the state raises no alarm."""


@dataclass(frozen=True)
class Alternative(_Part):
    """Something else that has the same signs."""

    words: str
    """The other cause."""
    chronyc: str | None
    """The command of chronyc that tells the two apart, as root on chronyd's machine. None if none does."""


@dataclass(frozen=True)
class Cause(_Part):
    """A cause that holds. The document `causes.md` explains each."""

    name: str
    """The name, such as ``nts-no-keys``."""
    level: Level
    """The worst level of the measures that it explains, regardless of the grace period."""
    words: str
    """A sentence, without a full stop."""
    sources: tuple[str, ...]
    """The sources concerned. Empty if it concerns the clock."""
    explains: tuple[str, ...]
    """The names of the measures whose alarms it explains."""
    advice: Advice
    """The next steps."""
    alternatives: tuple[Alternative, ...]
    """Other causes with the same signs."""


@dataclass(frozen=True)
class Measure(_Part):
    """The result of one measure, with its limits.

    A range is in the syntax of monitoring plugins: ``10`` is 0 to 10, ``10:`` is 10 or more, ``~:10`` is 10 or less,
    ``~:`` is any value, and a value inside of ``@10:20`` raises the alarm.
    """

    name: str
    """The name of the measure, such as ``bound``. The document `judgement.md` lists them, with their units."""
    level: Level
    """The level of the value, regardless of the grace period."""
    value: float | None
    """The value, in the unit of the measure. None if it is unknown."""
    warning: str
    """The range of values that would raise no warning."""
    critical: str
    """The range of values that would not be critical."""
    words: str
    """The value in words, or the reason why it is unknown."""
    cause: str | None
    """The name of the first cause that explains the alarm. None without an alarm, or if none explains it."""
    advice: str
    """The advice, if no cause explains the alarm. Empty if the words already contain it."""


@dataclass(frozen=True)
class Reason(_Part):
    """The reason for the state of a source."""

    name: str
    """The name, such as ``never-answered``."""
    numbers: Mapping[str, float | str | None] = field(default_factory=dict, hash=False)
    """The values that decided it, by the names in the schema. Times are in seconds."""

    def to_dict(self) -> dict[str, Any]:
        """Return the name and the values, ready for JSON."""
        return {"name": self.name, **self.numbers}


@dataclass(frozen=True)
class Diagnosis(_Part):
    """One source, with the reason for its state."""

    source: str
    """The address of the source, or the reference ID of a reference clock."""
    mode: str
    """libchrony's name of the mode: client, peer or reference clock."""
    is_usable: bool
    """True if chronyd can use the source, and the source was sampled within its last eight polls."""
    state: str
    """The reason in a word or two, for a table."""
    reason: Reason
    """The reason for the state."""
    words: str
    """The reason in words that continue the name of the source: ``has never answered (12 requests)``."""
    advice: Advice
    """The next steps."""
    alternatives: tuple[Alternative, ...]
    """Other reasons with the same signs."""


@dataclass(frozen=True)
class Verdict(_Part):
    """The verdict on a clock."""

    level: Level
    """The level, without the findings that the grace period excuses."""
    worst: Level
    """The level of the worst finding, regardless of the grace period."""
    headline: str
    """A summary in one line."""
    accuracy: str | None
    """The accuracy of the clock in words, and whose time it has. None unless the clock follows a source."""
    bound: float | None
    """The greatest error that the clock can have, in seconds. None unless the clock follows a source."""
    time: float
    """The time of reading, in seconds since the epoch."""
    address: str | None
    """The address that answered. None if none did."""
    grace: float | None
    """The time until alarms begin, at least, in seconds. None unless the grace period excuses a finding."""
    causes: tuple[Cause, ...]
    """The causes of the alarms, the worst first."""
    measures: tuple[Measure, ...]
    """The measures, the worst first, without those that do not apply, such as the offset if there is no source."""
    sources: tuple[Diagnosis, ...]
    """The diagnoses of the sources, in the order of `get_sources`."""
    refused: tuple[str, ...]
    """The names of the reports that chronyd refused to give."""


#: The classes of the parts, by the names of their fields in JSON.
_PARTS: dict[str, type[_Part]] = {
    "accept": Accept,
    "advice": Advice,
    "alternatives": Alternative,
    "causes": Cause,
    "measures": Measure,
    "sources": Diagnosis,
    "steps": Step,
}


def _of_plain(name: str, value: object) -> Any:
    """Return the value of a field that has this name in JSON."""
    if isinstance(value, list):
        return tuple([_of_plain(name, item) for item in value])
    if isinstance(value, dict):
        if name == "reason":
            return Reason(value.pop("name"), value)
        return _PARTS[name](**{key: _of_plain(key, item) for key, item in value.items()})
    return Level(value) if name in {"level", "worst"} else value


def of_json(text: str) -> Verdict:
    """Return the verdict in a text of JSON."""
    return Verdict(**{name: _of_plain(name, value) for name, value in json.loads(text).items()})


def check(
    address: str | PathLike[str] | None = None, *, timeout: Seconds = 5.0, limits: Mapping[str, str] | None = None
) -> Verdict:
    """Read the reports of one chronyd, and judge its clock.

    If something is not in order, the reports that tell the cause are read, too. A failure to read is part of the
    verdict and does not raise an exception: the level is CRITICAL if chronyd does not answer, and UNKNOWN if libchrony
    is missing or this process may not ask. The cause says so.

    Args:
        address: The address of chronyd, as `ChronyConnection` takes it. By default the Unix sockets are tried, and then
            the command port. The command port does not tell why a source fails unless ``opencommands`` allows it.
        timeout: The longest time that the call may take, in seconds or as a timedelta, greater than 0.
        limits: Limits by the name of a measure, as ``WARN,CRIT`` in the syntax of `Measure`. An empty range keeps the
            default: ``{"bound": "10ms,100ms", "sources": "3:,"}``. A measure that is off by default is judged if it is
            here. The limits of the site, in /etc/chrony-health.toml, are not read.

    Returns:
        Verdict: The level, the causes with advice, the measures with their limits, and a diagnosis of each source.

    Raises:
        ChronyConnectionError: If the address is malformed.
        ValueError: If the timeout is not a finite number greater than 0, or the limits have the name of no measure or
            what is no range.
        TypeError: If the limits are not a mapping of strings to strings.

    Example:
        >>> from pychrony import health
        >>> for measure in health.check().measures:
        ...     if measure.name == "stratum":
        ...         print(f"{measure.words}, and may be {measure.warning}")
        the clock is at stratum 2, and may be 1:9
    """
    return of_json(_core.Policy(limits).check(_core.ConnectionSettings(address, timeout, 1)))
