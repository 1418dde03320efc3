"""Real chronyds, and the models of their state. `disturbances` stops and changes them."""

from __future__ import annotations

import contextlib
import ipaddress
import mmap
import struct
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from soak.bed import AMPLE, Bed
from tests.support.daemon import Daemon

from pychrony import LeapStatus, Source, SourceStats, TrackingStatus

Result = TypeVar("Result")


@dataclass
class State:
    """The state of a real chronyd."""

    #: Incremented when a change of the list of sources begins, and when it ends: odd during a change.
    changes: int
    #: Incremented when an outage begins, and when it ends: odd during an outage.
    outages: int
    #: The last byte of each source's address, in chronyd's order.
    numbers: tuple[int, ...]


def with_retries(command: Callable[[], Result]) -> Result:
    """Run a command, and retry it if it fails: chronyc gives up while chronyd's queue is full of other requests."""
    for _ in range(20):
        with contextlib.suppress(AssertionError):
            return command()
        time.sleep(0.05)
    return command()


class Real(Bed[State]):
    """A real chronyd whose sources have an address range of their own.

    Its state is in memory that forked children share, because they read, too.
    """

    def __init__(self, daemon: Daemon, index: int, configured: int, rest: int) -> None:
        """`configured` sources are in its configuration, and up to `rest` others are added later."""
        super().__init__(daemon, {"unix": daemon.socket, "udp": daemon.udp})
        self.index = index
        self.configured = tuple(range(1, configured + 1))
        self.all = range(1, configured + rest + 1)
        self.changeable = rest > 0
        self.pids.add(daemon.pid)
        self._shared = mmap.mmap(-1, mmap.PAGESIZE)
        self._store(State(0, 0, self.configured))

    def _store(self, state: State) -> None:
        numbers = bytes(state.numbers)
        struct.pack_into(f"=QQH{len(numbers)}s", self._shared, 0, state.changes, state.outages, len(numbers), numbers)

    def now(self) -> State:
        """Return the current state."""
        changes, outages, length = struct.unpack_from("=QQH", self._shared)
        return State(changes, outages, tuple(self._shared[18 : 18 + length]))

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Mark the list as changing, and then store the list that chronyc reports."""
        state = self.now()
        self._store(State(state.changes + 1, state.outages, state.numbers))
        yield
        self._store(State(state.changes + 2, self.now().outages, self.list_numbers()))

    def list_numbers(self) -> tuple[int, ...]:
        """Return the numbers of the sources that chronyc reports."""
        return tuple(int(row[2].rpartition(".")[2]) for row in with_retries(lambda: self.daemon.rows("sources")))

    def toggle(self, number: int) -> str:
        """Remove a source if chronyd has it, and add it otherwise."""
        is_there = number in self.now().numbers
        command = f"delete {address_of(self.index, number)}" if is_there else f"add {directive_of(self.index, number)}"
        # chronyd may carry out a command although chronyc fails.
        with self.changing(), contextlib.suppress(AssertionError):
            self.daemon.chronyc(command)
        return command

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """Mark chronyd as away, until it answers again."""
        state = self.now()
        self._store(State(state.changes, state.outages + 1, state.numbers))
        yield
        state = self.now()
        self._store(State(state.changes, state.outages + 1, state.numbers))

    def keeps_changing(self, before: State, after: State) -> bool:
        """Return True if the list changed at all: one command may change it several times."""
        return before.changes != after.changes or before.changes % 2 == 1

    def was_away(self, before: State, after: State) -> bool:
        """Return True if an outage began or ended, or lasted all the time."""
        return before.outages != after.outages or before.outages % 2 == 1

    def had_time(self, _: str, left: float, *__: State) -> bool:
        """Return True if there was ample time. A real chronyd answers at once, so the report does not matter."""
        return left >= AMPLE

    def check_tracking(self, record: TrackingStatus, *_: State) -> None:
        """Fail unless the record is of a chronyd that is not synchronised."""
        assert reference_of(record) == UNSYNCHRONISED, f"tracking {reference_of(record)}"
        assert record.ref_time == 0.0, f"reference time {record.ref_time}"

    def check_list(self, records: list[Any], before: State, after: State) -> None:
        """Fail unless all records are of its sources and, if the state is unchanged, the list is complete."""
        numbers = []
        for record in records:
            number = self.number_of(record)
            assert number in self.all, f"{record.address}, which was never there"
            numbers.append(number)
        if before == after and before.changes % 2 == before.outages % 2 == 0:
            assert tuple(numbers) == before.numbers, f"{numbers} in place of {before.numbers}"

    def number_of(self, record: Source | SourceStats) -> int:
        """Return the number of a record's source, and fail if other fields belong to another source."""
        address = int(ipaddress.IPv4Address(record.address))
        number = address & 0xFF
        expected = address_of(self.index, number)
        assert record.address == expected, f"{record.address} in place of {expected}"
        if isinstance(record, Source):
            assert record.poll == poll_of(number), f"poll {record.poll} of {record.address}"
            assert record.reachability == 0, f"reachability {record.reachability} of {record.address}"
        else:
            assert record.reference_id == address, f"{record.reference_id:#x} of {record.address}"
        return number


UNSYNCHRONISED = (0, "", "", 0, LeapStatus.UNSYNC)
SYNCHRONISED = (0x7F000001, "127.0.0.1", "127.0.0.1", 2, LeapStatus.NORMAL)


def reference_of(record: TrackingStatus) -> tuple[object, ...]:
    """Return the fields that identify the reference."""
    return record.reference_id, record.reference_ip, record.reference_id_name, record.stratum, record.leap_status


class Synchronised(Real):
    """The client of a pair: its only source is the pair's server, to which it is synchronised most of the time."""

    def __init__(self, daemon: Daemon, index: int) -> None:
        super().__init__(daemon, index, 1, 0)
        self._server = daemon.described["server"]
        self.pids.add(int(self._server["pid"]))

    @property
    def folders(self) -> list[Path]:
        """The folders of both."""
        return [*super().folders, Path(self._server["folder"])]

    def list_numbers(self) -> tuple[int, ...]:
        """Return the number of the only source, which does not change."""
        return self.configured

    def check_tracking(self, record: TrackingStatus, *_: State) -> None:
        """Fail unless the record is of a chronyd that is synchronised to the server or not at all."""
        assert reference_of(record) in (UNSYNCHRONISED, SYNCHRONISED), f"tracking {reference_of(record)}"
        assert (record.ref_time == 0.0) == (record.reference_id == 0), f"reference time {record.ref_time}"

    def number_of(self, record: Source | SourceStats) -> int:
        """Return the number of the only source, and fail if the record is of another."""
        assert record.address == "127.0.0.1", f"{record.address} in place of 127.0.0.1"
        return 1


class Resized(Real):
    """A chronyd whose list is long or short, depending on a file that it reloads."""

    LONG, SHORT = 200, 8

    def __init__(self, daemon: Daemon, index: int, folder: Path) -> None:
        super().__init__(daemon, index, self.LONG, 0)
        self._folder = folder
        # chronyd does not keep the order of the file.
        self._store(State(0, 0, self.list_numbers()))

    @classmethod
    def write(cls, folder: Path, index: int, length: int) -> None:
        """Write the file that chronyd reads when it starts, and again on command."""
        lines = [directive_of(index, number) for number in range(1, length + 1)]
        (folder / "soak.sources").write_text("\n".join(lines) + "\n")

    def resize(self, length: int) -> None:
        """Set the length of its list."""
        with self.changing():
            self.write(self._folder, self.index, length)
            with_retries(lambda: self.daemon.chronyc("reload sources"))


def address_of(index: int, number: int) -> str:
    """Return the address of a source. The index of a chronyd selects its address range."""
    return f"127.{10 + index}.0.{number}"


def poll_of(number: int) -> int:
    """Return the polling interval of a source, as a power of 2."""
    return number % 11


def directive_of(index: int, number: int) -> str:
    """Return the directive for a source that is offline, with a polling interval that depends on its number."""
    return f"server {address_of(index, number)} offline minpoll {poll_of(number)}"


def start_real(stack: contextlib.ExitStack) -> tuple[list[Real], Resized]:
    """Start chronyds with a changing list, a long one and a short one, a synchronised one, and one for the crowd."""

    def start(*arguments: str) -> Daemon:
        daemon = Daemon(*arguments, "--command-port")
        stack.callback(daemon.close)
        return daemon

    beds: list[Real] = []
    for index, (configured, rest) in enumerate(((40, 20), (120, 0), (5, 3))):
        lines = [f"--line={directive_of(index, number)}" for number in range(1, configured + 1)]
        beds.append(Real(start("chronyd", *lines), index, configured, rest))
    beds.append(Synchronised(start("pair"), len(beds)))
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    Resized.write(folder, len(beds), Resized.LONG)
    return beds, Resized(start("chronyd", f"--line=sourcedir {folder}"), len(beds), folder)
