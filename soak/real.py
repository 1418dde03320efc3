"""Real chronyds, which others stop and change (`disturbances`), and what is known of them."""

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
    """The state of a real chronyd at a moment."""

    #: The number of times that its list of sources began or ended to change; odd while it changes.
    changes: int
    #: The number of times that it went away or came back; odd while it is away.
    outages: int
    #: The last numbers of its sources' addresses, in its order.
    numbers: tuple[int, ...]


def patiently(command: Callable[[], Result]) -> Result:
    """Do what chronyc does not do while chronyd's queue is full of other requests: ask again."""
    for _ in range(20):
        with contextlib.suppress(AssertionError):
            return command()
        time.sleep(0.05)
    return command()


class Real(Bed[State]):
    """A real chronyd with an address range of its own for its sources.

    What is known of it lies in memory that forked children share, for they read too.
    """

    def __init__(self, daemon: Daemon, index: int, configured: int, rest: int) -> None:
        """`configured` sources are in its configuration, and `rest` more numbers are for those that come and go."""
        super().__init__(daemon, {"unix": daemon.socket, "udp": daemon.udp})
        self.index = index
        self.configured = tuple(range(1, configured + 1))
        self.all = range(1, configured + rest + 1)
        self.changeable = rest > 0
        self.pids.add(daemon.pid)
        self._shared = mmap.mmap(-1, mmap.PAGESIZE)
        self._tell(State(0, 0, self.configured))

    def _tell(self, state: State) -> None:
        numbers = bytes(state.numbers)
        struct.pack_into(f"=QQH{len(numbers)}s", self._shared, 0, state.changes, state.outages, len(numbers), numbers)

    def now(self) -> State:
        """Return the present state."""
        changes, outages, length = struct.unpack_from("=QQH", self._shared)
        return State(changes, outages, tuple(self._shared[18 : 18 + length]))

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Surrounds a change of the list; chronyc tells what came of it."""
        state = self.now()
        self._tell(State(state.changes + 1, state.outages, state.numbers))
        yield
        self._tell(State(state.changes + 2, self.now().outages, self.listed()))

    def listed(self) -> tuple[int, ...]:
        """The numbers of the sources, as chronyc tells them."""
        return tuple(int(row[2].rpartition(".")[2]) for row in patiently(lambda: self.daemon.rows("sources")))

    def change_one(self, number: int) -> str:
        """Remove a source if it is there, or else add it."""
        is_there = number in self.now().numbers
        command = f"delete {address_of(self.index, number)}" if is_there else f"add {line_of(self.index, number)}"
        # A command that fails may have been carried out anyway.
        with self.changing(), contextlib.suppress(AssertionError):
            self.daemon.chronyc(command)
        return command

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """Surrounds the time in which it does not answer."""
        state = self.now()
        self._tell(State(state.changes, state.outages + 1, state.numbers))
        yield
        state = self.now()
        self._tell(State(state.changes, state.outages + 1, state.numbers))

    def keeps_changing(self, before: State, after: State) -> bool:
        """As long as one command, which may change it several times."""
        return before.changes != after.changes or before.changes % 2 == 1

    def was_away(self, before: State, after: State) -> bool:
        """In between, or all the time."""
        return before.outages != after.outages or before.outages % 2 == 1

    def had_time(self, _: str, left: float, *__: State) -> bool:
        """Return True if there was time: a real chronyd answers at once."""
        return left >= AMPLE

    def check_tracking(self, record: TrackingStatus, *_: State) -> None:
        """Fail unless the record is of a chronyd that is not synchronised."""
        assert known(record) == UNSYNCHRONISED, f"tracking {known(record)}"
        assert record.ref_time == 0.0, f"reference time {record.ref_time}"

    def check_list(self, records: list[Any], before: State, after: State) -> None:
        """All records are of its sources, and all sources are there if nothing has changed."""
        numbers = []
        for record in records:
            number = self.number_of(record)
            assert number in self.all, f"{record.address}, which was never there"
            numbers.append(number)
        if before == after and before.changes % 2 == before.outages % 2 == 0:
            assert tuple(numbers) == before.numbers, f"{numbers} in place of {before.numbers}"

    def number_of(self, record: Source | SourceStats) -> int:
        """Which source it is of; fail if its other fields are of another one."""
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


def known(record: TrackingStatus) -> tuple[object, ...]:
    """The fields that tell what it is synchronised to."""
    return record.reference_id, record.reference_ip, record.reference_id_name, record.stratum, record.leap_status


class Synchronised(Real):
    """The client of a pair: its one source is the server, and it has a reference most of the time."""

    def __init__(self, daemon: Daemon, index: int) -> None:
        super().__init__(daemon, index, 1, 0)
        self._server = daemon.described["server"]
        self.pids.add(int(self._server["pid"]))

    @property
    def folders(self) -> list[Path]:
        """The server's too."""
        return [*super().folders, Path(self._server["folder"])]

    def listed(self) -> tuple[int, ...]:
        """Always the one."""
        return self.configured

    def check_tracking(self, record: TrackingStatus, *_: State) -> None:
        """Fail unless the record is of a chronyd that is synchronised to the server, or not synchronised."""
        assert known(record) in (UNSYNCHRONISED, SYNCHRONISED), f"tracking {known(record)}"
        assert (record.ref_time == 0.0) == (record.reference_id == 0), f"reference time {record.ref_time}"

    def number_of(self, record: Source | SourceStats) -> int:
        """Always the one."""
        assert record.address == "127.0.0.1", f"{record.address} in place of 127.0.0.1"
        return 1


class Resized(Real):
    """A chronyd whose list is long or short, by a file that it reads again."""

    LONG, SHORT = 200, 8

    def __init__(self, daemon: Daemon, index: int, folder: Path) -> None:
        super().__init__(daemon, index, self.LONG, 0)
        self._folder = folder
        # The order differs from that of the file.
        self._tell(State(0, 0, self.listed()))

    @classmethod
    def write(cls, folder: Path, index: int, length: int) -> None:
        """Write the file that it reads when it starts, and on command."""
        lines = [line_of(index, number) for number in range(1, length + 1)]
        (folder / "soak.sources").write_text("\n".join(lines) + "\n")

    def resize(self, length: int) -> None:
        """Set the length of its list."""
        with self.changing():
            self.write(self._folder, self.index, length)
            patiently(lambda: self.daemon.chronyc("reload sources"))


def address_of(index: int, number: int) -> str:
    """The address of a source of the chronyd of this index."""
    return f"127.{10 + index}.0.{number}"


def poll_of(number: int) -> int:
    """The polling interval of a source."""
    return number % 11


def line_of(index: int, number: int) -> str:
    """The directive for a source; it sends nothing, and its polling interval depends on its address."""
    return f"server {address_of(index, number)} offline minpoll {poll_of(number)}"


def start_real(stack: contextlib.ExitStack) -> tuple[list[Real], Resized]:
    """A list that changes, a long one, a short one, a chronyd that is synchronised; and one for the crowd."""

    def start(*arguments: str) -> Daemon:
        daemon = Daemon(*arguments, "--command-port")
        stack.callback(daemon.close)
        return daemon

    beds: list[Real] = []
    for index, (configured, rest) in enumerate(((40, 20), (120, 0), (5, 3))):
        lines = [f"--line={line_of(index, number)}" for number in range(1, configured + 1)]
        beds.append(Real(start("chronyd", *lines), index, configured, rest))
    beds.append(Synchronised(start("pair"), len(beds)))
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    Resized.write(folder, len(beds), Resized.LONG)
    return beds, Resized(start("chronyd", f"--line=sourcedir {folder}"), len(beds), folder)
