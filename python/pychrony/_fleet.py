"""The parts that `pychrony.Fleet` and `pychrony.aio.Fleet` share."""

import sys
from collections.abc import Callable
from os import PathLike
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar, get_args, get_type_hints

from pychrony.generic import ReportField

T = TypeVar("T")

Address: TypeAlias = str | PathLike[str]
#: A dataclass, or the name of a report and the class of its fields.
Wanted: TypeAlias = type[object] | tuple[str, type[object]]


class Descriptors(NamedTuple):
    """The numbers of file descriptors that a fleet needs, and that it may have."""

    needed: int
    """The number that keeps a session with each address: two for each, and two for all together."""
    available: int
    """The soft limit on open files, without the descriptors that were open before and a few that are left to the rest
    of the program."""


class FleetResult(Generic[T]):
    """The result of one address of a fleet.

    Attributes:
        index: The place of the address in the list that the fleet was given.
        address: The address, as it was given.
        value: The value that the report's function returns, or the exception that it raises. With several reports, a
            tuple of these.

    Example:
        >>> from pychrony import FleetResult
        >>> FleetResult(0, "192.0.2.1", "a value")
        FleetResult(index=0, address='192.0.2.1', value='a value')
    """

    __slots__ = ("address", "index", "value")
    __match_args__ = ("index", "address", "value")

    def __init__(self, index: int, address: Address, value: T) -> None:
        self.index: int = index
        self.address: Address = address
        self.value: T = value

    def __repr__(self) -> str:
        """Return the parts."""
        return f"FleetResult(index={self.index}, address={self.address!r}, value={self.value!r})"


def records_of(reports: tuple[Callable[..., object] | str, ...], package: str) -> list[Wanted]:
    """Return the records that these functions of a package read, or that these reports consist of."""
    if not reports:
        raise TypeError(
            f"a fleet reads at least one report; give functions of {package}, such as get_tracking, or names"
        )
    names: list[Wanted] = [(report, ReportField) for report in reports if isinstance(report, str)]
    functions: list[Wanted] = [_record_of(report, package) for report in reports if not isinstance(report, str)]
    if names and functions:
        raise TypeError("a fleet reads its reports either all by functions or all by names")
    return names or functions


def _record_of(report: Callable[..., object], package: str) -> type[object]:
    """Return the class of the records that a function of a package reads."""
    name = getattr(report, "__name__", "")
    # A decorated or partial function would do something else than the fleet.
    is_own = getattr(sys.modules[package], name, None) is report and not hasattr(report, "__wrapped__")
    record: Any = get_type_hints(report).get("return") if is_own else None
    while arguments := get_args(record):
        record = arguments[0]
    if not hasattr(record, "_report"):
        raise TypeError(
            f"a fleet reads the reports that have a function of their own in {package}, such as get_tracking, or "
            f"reports by name, but not {report!r}"
        )
    found: type[object] = record
    return found
