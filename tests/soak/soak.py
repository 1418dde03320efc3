"""Reads from several chronyds for minutes, while everything that goes wrong in years goes wrong; then tells what held.

    tools/run python tests/soak/soak.py --minutes 10

Threads share connections, own connections and call the functions, over Unix sockets and UDP, with short and long
timeouts. Meanwhile the chronyds are killed, restarted, suspended and given other sources, signals rain on the readers,
and the process forks: parent and child both go on, and the child ends by `os._exit`. The seed decides what happens, if
not when. Every record is checked; what each call may say depends on what happened to its chronyd meanwhile.

The program ends with status 1 if anything was wrong, late or left over. It is no pytest file: it is run by itself.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import ipaddress
import json
import math
import mmap
import os
import random
import re
import signal
import struct
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from tests.conftest import Daemon

import pychrony
from pychrony import (
    ChronyConnection,
    ChronyConnectionError,
    ChronyDataError,
    ChronyError,
    LeapStatus,
    Source,
    SourceMode,
    SourceState,
    SourceStats,
    TrackingStatus,
)

#: By how much a call may miss its deadline.
SLACK = 0.2
#: By how much resident memory may grow after the warm-up.
MEMORY = 1024 * 1024
#: A call with so much time has to succeed if nothing happens to its chronyd; a shorter one may time out on a busy
#: machine.
AMPLE = 4.0
TIMEOUTS = (0.05, 0.3, 1.0, AMPLE, 5.0)
#: A child that has not ended by then hangs.
CHILD_PATIENCE = 60
#: How many wrong records are shown, and how many kinds of errors are told apart.
SHOWN = 20
KINDS = 200

Report = Callable[[], Any]
Result = TypeVar("Result")


# --- What the readers may expect of a chronyd ----------------------------------------------------------------------


@dataclass
class State:
    """What is known of a chronyd at a moment."""

    #: How often its list of sources began or ended to change; odd while it changes.
    changes: int
    #: How often it went away or came back; odd while it is away.
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


class Bed:
    """A private chronyd with an address range of its own for its sources, and what is known of it.

    What is known lies in memory that forked children share, for they read too.
    """

    def __init__(self, daemon: Daemon, index: int, configured: int, rest: int) -> None:
        """`configured` sources are in its configuration, and `rest` more numbers are for those that come and go."""
        self.daemon = daemon
        self.index = index
        self.configured = tuple(range(1, configured + 1))
        self.all = frozenset(range(1, configured + rest + 1))
        self.changeable = rest > 0
        self.addresses = {"unix": daemon.socket, "udp": daemon.udp}
        self.pids = {daemon.pid, daemon.process.pid}
        self._shared = mmap.mmap(-1, mmap.PAGESIZE)
        self._tell(State(0, 0, self.configured))

    @staticmethod
    def line(index: int, number: int) -> str:
        """The directive for a source; it sends nothing, and its polling interval depends on its address."""
        return f"server {Bed.address_of(index, number)} offline minpoll {Bed.poll_of(number)}"

    @staticmethod
    def address_of(index: int, number: int) -> str:
        """The address of a source."""
        return f"127.{10 + index}.0.{number}"

    @staticmethod
    def poll_of(number: int) -> int:
        """The polling interval of a source."""
        return number % 11

    def _tell(self, state: State) -> None:
        numbers = bytes(state.numbers)
        struct.pack_into(f"=QQH{len(numbers)}s", self._shared, 0, state.changes, state.outages, len(numbers), numbers)

    def state(self) -> State:
        """What is known now."""
        changes, outages, length = struct.unpack_from("=QQH", self._shared)
        return State(changes, outages, tuple(self._shared[18 : 18 + length]))

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Surrounds a change of the list; chronyc tells what came of it."""
        state = self.state()
        self._tell(State(state.changes + 1, state.outages, state.numbers))
        yield
        numbers = self.configured if isinstance(self, Synchronised) else self._listed()
        self._tell(State(state.changes + 2, self.state().outages, numbers))

    def _listed(self) -> tuple[int, ...]:
        """The numbers of the sources, as chronyc tells them."""
        return tuple(int(row[2].rpartition(".")[2]) for row in patiently(lambda: self.daemon.rows("sources")))

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """Surrounds the time in which it does not answer."""
        state = self.state()
        self._tell(State(state.changes, state.outages + 1, state.numbers))
        yield
        state = self.state()
        self._tell(State(state.changes, state.outages + 1, state.numbers))


class Synchronised(Bed):
    """The client of a pair: its one source is the server, and it has a reference most of the time."""

    def __init__(self, daemon: Daemon, index: int) -> None:
        super().__init__(daemon, index, 1, 0)
        server = daemon.described["server"]
        self.pids.add(int(server["pid"]))
        self.server_folder = Path(server["folder"])


# --- Checks of records ---------------------------------------------------------------------------------------------


def whole(low: int, high: int) -> Callable[[object], bool]:
    """A check for integers of a range."""
    return lambda value: isinstance(value, int) and low <= value <= high


def real(value: object) -> bool:
    """Whether it is a finite number."""
    return isinstance(value, float) and math.isfinite(value)


def measure(value: object) -> bool:
    """Whether it is a finite number that is not negative."""
    return isinstance(value, float) and math.isfinite(value) and value >= 0.0


def text(value: object) -> bool:
    """Whether it is text."""
    return isinstance(value, str)


WORD = 2**32 - 1
FIELDS: dict[type, dict[str, Callable[[object], bool]]] = {
    TrackingStatus: {
        "reference_id": whole(0, WORD),
        "reference_id_name": text,
        "stratum": whole(0, 15),
        "leap_status": lambda value: isinstance(value, LeapStatus),
        "offset": real,
        "last_offset": real,
        "rms_offset": measure,
        "frequency": real,
        "residual_freq": real,
        "skew": measure,
        "root_delay": measure,
        "root_dispersion": measure,
        "update_interval": measure,
        "reference_ip": text,
        "ref_time": measure,
    },
    Source: {
        "address": text,
        "poll": whole(-32768, 32767),
        "stratum": whole(0, 15),
        "state": lambda value: isinstance(value, SourceState),
        "mode": lambda value: isinstance(value, SourceMode),
        "flags": whole(0, 65535),
        "reachability": whole(0, 255),
        "last_sample_ago": whole(0, WORD),
        "orig_latest_meas": real,
        "latest_meas": real,
        "latest_meas_err": measure,
    },
    SourceStats: {
        "reference_id": whole(0, WORD),
        "address": text,
        "samples": whole(0, WORD),
        "runs": whole(0, WORD),
        "span": whole(0, WORD),
        "std_dev": measure,
        "resid_freq": real,
        "skew": measure,
        "offset": real,
        "offset_err": measure,
    },
}


def check_fields(record: object, kind: type) -> None:
    """Fail unless the record is of this class, and each field of the type and in the range that is promised."""
    assert type(record) is kind, f"a {type(record).__name__} in place of a {kind.__name__}"
    fields = FIELDS[kind]
    assert vars(record).keys() == fields.keys(), f"fields {sorted(vars(record))}"
    for name, value in vars(record).items():
        assert fields[name](value), f"{name}: {value!r}"


def check_tracking(bed: Bed, record: TrackingStatus) -> None:
    """Fail unless it is synchronised to the server, if it has one, or not synchronised."""
    check_fields(record, TrackingStatus)
    found = (record.reference_id, record.reference_ip, record.reference_id_name, record.stratum, record.leap_status)
    known = [(0, "", "", 0, LeapStatus.UNSYNC)]
    if isinstance(bed, Synchronised):
        known.append((0x7F000001, "127.0.0.1", "127.0.0.1", 2, LeapStatus.NORMAL))
    assert found in known, f"tracking {found}"
    assert (record.ref_time == 0.0) == (record.reference_id == 0), f"reference time {record.ref_time}"


def check_list(bed: Bed, records: list[Any], kind: type, before: State, after: State) -> None:
    """Fail unless all records are of this chronyd's sources, and all sources are there if nothing has changed."""
    numbers = []
    for record in records:
        check_fields(record, kind)
        address = ipaddress.IPv4Address(record.address)
        if isinstance(bed, Synchronised):
            number, expected = 1, "127.0.0.1"
        else:
            number = int(address) & 0xFF
            expected = Bed.address_of(bed.index, number)
            if kind is Source:
                assert record.poll == Bed.poll_of(number), f"poll {record.poll} of {record.address}"
                assert record.reachability == 0, f"reachability {record.reachability} of {record.address}"
        assert record.address == expected, f"{record.address} in place of {expected}"
        assert number in bed.all, f"{record.address}, which was never there"
        if kind is SourceStats:
            assert record.reference_id == int(address), f"{record.reference_id:#x} of {record.address}"
        numbers.append(number)
    if before == after and before.changes % 2 == before.outages % 2 == 0:
        assert tuple(numbers) == before.numbers, f"{numbers} in place of {before.numbers}"


# --- Calls ---------------------------------------------------------------------------------------------------------


@dataclass
class Late:
    """A call that ended after its deadline."""

    what: str
    due: float
    ended: float


@dataclass
class Tally:
    """What a reader has seen; of constant size, however long it reads."""

    calls: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    violations: Counter[str] = field(default_factory=Counter)
    wrong: int = 0
    records: int = 0
    #: How much later than its deadline the latest call ended, in seconds; negative if none was late.
    worst: float = -math.inf
    worst_call: str = ""
    late: deque[Late] = field(default_factory=lambda: deque(maxlen=1000))

    def count(self, counter: Counter[str], key: str, number: int = 1) -> None:
        """Count, under another name once there are too many."""
        counter[key if key in counter or len(counter) < KINDS else "others"] += number

    def violation(self, what: str) -> None:
        """Note what must not happen."""
        self.count(self.violations, what)

    def add(self, other: Tally) -> None:
        """Add what another has seen."""
        for mine, theirs in (
            (self.calls, other.calls),
            (self.errors, other.errors),
            (self.violations, other.violations),
        ):
            for key, number in theirs.items():
                self.count(mine, key, number)
        self.wrong += other.wrong
        self.records += other.records
        self.late.extend(other.late)
        if other.worst > self.worst:
            self.worst, self.worst_call = other.worst, other.worst_call

    def to_json(self) -> bytes:
        """For the parent of a child."""
        late = [vars(call) for call in self.late]
        return json.dumps({**vars(self), "late": late}).encode()

    @classmethod
    def from_json(cls, told: bytes) -> Tally:
        """What a child has told."""
        values = json.loads(told)
        for name in ("calls", "errors", "violations"):
            values[name] = Counter(values[name])
        values["late"] = deque((Late(**call) for call in values["late"]), maxlen=1000)
        return cls(**values)


def head(error: BaseException) -> str:
    """The class of an error and its message without what differs from call to call."""
    message = re.sub(r"/\S*|\[::1\]:\d+|127\.\d+\.\d+\.\d+(:\d+)?", "ADDRESS", str(error))
    message = re.sub(r"\b\d+(\.\d+)?(e-\d+)? ?(ms|µs|s)\b", "N s", message).split(". ")[0]
    return f"{type(error).__name__}: {re.sub(r'[0-9]+ times', 'N times', message)[:110]}"


def timed_out(error: ChronyError) -> bool:
    """Whether it says that the time was over, while chronyd, or the thread whose turn it was, was still busy."""
    return isinstance(error, ChronyConnectionError) and bool(re.search(r"within|busy|time", error.message))


def call(tally: Tally, name: str, timeout: float, function: Report) -> tuple[Any, ChronyError | None]:
    """Call, and see to it that it ends by its deadline and raises nothing but this package's errors."""
    result, failure = None, None
    start = time.monotonic()
    try:
        result = function()
    except ChronyError as error:
        # Without the traceback, whose frames would keep records.
        failure = error.with_traceback(None)
    end = time.monotonic()
    tally.count(tally.calls, name)
    if failure is not None:
        tally.count(tally.errors, head(failure))
    late = end - start - timeout
    if late > tally.worst:
        tally.worst, tally.worst_call = late, f"{name}, timeout {timeout} s"
    if late > SLACK:
        tally.late.append(Late(f"{name}, timeout {timeout} s, {late:.3f} s late", start + timeout, end))
    return result, failure


REPORTS = ("get_tracking", "get_sources", "get_sources", "get_source_stats", "get_rtc_data")


def check(bed: Bed, name: str, result: Any, before: State, after: State) -> int:  # noqa: ANN401
    """Fail if a result cannot be right; return how many records it has."""
    assert name != "get_rtc_data", f"RTC data of a chronyd that has none: {result}"
    if name == "enter":
        return 0
    if name == "get_tracking":
        check_tracking(bed, result)
        return 1
    check_list(bed, result, Source if name == "get_sources" else SourceStats, before, after)
    return len(result)


def read(tally: Tally, bed: Bed, name: str, timeout: float, *, way: str, function: Report) -> None:
    """Read a report of a chronyd and check what comes, in view of what happened to the chronyd meanwhile."""
    before = bed.state()
    result, failure = call(tally, f"{name} {way}", timeout, function)
    after = bed.state()
    if failure is None:
        try:
            tally.records += check(bed, name, result, before, after)
        except AssertionError as error:
            tally.wrong += 1
            tally.violation(f"wrong record: {name} {way}: {error}")
        return
    if name == "get_rtc_data" and isinstance(failure, ChronyDataError) and failure.message.startswith("RTC tracking"):
        return
    undisturbed = before.outages == after.outages and before.outages % 2 == 0
    is_list = name in {"get_sources", "get_source_stats"}
    if is_list and isinstance(failure, ChronyDataError):
        undisturbed = undisturbed and before.changes == after.changes and before.changes % 2 == 0
    elif not isinstance(failure, ChronyConnectionError):
        tally.violation(f"unexpected: {name} {way}: {head(failure)}")
    if undisturbed and (timeout >= AMPLE or not timed_out(failure)):
        tally.violation(f"failed though nothing happened to chronyd: {name} {way}, {timeout} s: {head(failure)}")


class Connected:
    """A connection, where it leads, and its timeout."""

    def __init__(self, bed: Bed, transport: str, timeout: float, lanes: int) -> None:
        self.bed = bed
        self.timeout = timeout
        self.connection = ChronyConnection(bed.addresses[transport], timeout=timeout, lanes=lanes)
        self.way = f"connection {transport}"

    def enter(self, tally: Tally) -> bool:
        """Enter it; False if that failed."""
        entered = False

        def enter() -> None:
            nonlocal entered
            self.connection.__enter__()
            entered = True

        read(tally, self.bed, "enter", self.timeout, way=self.way, function=enter)
        return entered

    def read(self, tally: Tally, rng: random.Random) -> None:
        """Read some report."""
        name = rng.choice(REPORTS)
        read(tally, self.bed, name, self.timeout, way=self.way, function=getattr(self.connection, name))

    def leave(self) -> None:
        """Leave it."""
        self.connection.__exit__(None, None, None)


# --- Readers -------------------------------------------------------------------------------------------------------


class Soak:
    """The chronyds, the threads that read from them, and those that disturb them."""

    def __init__(self, beds: list[Bed], rng: random.Random, log: Callable[[str], None]) -> None:
        self.beds = beds
        self.rng = rng
        self.log = log
        self.tally = Tally()
        self.events: Counter[str] = Counter()
        self.delays: deque[tuple[float, float]] = deque(maxlen=4000)
        self.worst_delay = 0.0
        self.broken: list[str] = []
        self._stop = threading.Event()
        self._calm = threading.Event()

    def run(self, seconds: float) -> None:
        """Read and disturb for so long; nothing of it goes on after that."""
        self._stop.clear()
        self._calm.clear()
        shared = [
            Connected(bed, transport, timeout, lanes) for bed, transport, timeout, lanes in self._shared_settings()
        ]
        tallies: list[Tally] = []

        def thread(name: str, body: Callable[[Tally, random.Random], object]) -> threading.Thread:
            tally, rng = Tally(), random.Random(self.rng.getrandbits(64))
            tallies.append(tally)

            def run() -> None:
                try:
                    body(tally, rng)
                except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
                    self.broken.append(f"the thread {name} ended with {type(error).__name__}: {error}")

            return threading.Thread(target=run, name=name)

        setup = Tally()
        for connected in shared:
            if not connected.enter(setup):
                self.broken.append("a shared connection could not be opened, though nothing happened")
        readers = [
            *(thread(f"sharer {i}", lambda tally, rng: self._share(shared, tally, rng)) for i in range(3)),
            *(thread(f"owner {i}", self._own) for i in range(3)),
            *(thread(f"caller {i}", self._call_functions) for i in range(2)),
            thread("failing", self._fail),
            thread("forking", lambda tally, rng: self._fork(shared, tally, rng)),
        ]
        disturbers = [
            *(thread(f"disturber {bed.index}", partial(self._disturb, bed)) for bed in self.beds),
            thread("storm", lambda _, rng: self._storm(readers, rng)),
        ]
        watchdog = thread("watchdog", self._watch)
        for one in (watchdog, *readers, *disturbers):
            one.start()
        # The main thread reads too: it is the one that runs the handlers of signals.
        mine, rng = Tally(), random.Random(self.rng.getrandbits(64))
        tallies += [setup, mine]
        end = time.monotonic() + seconds
        judged = time.monotonic()
        try:
            while time.monotonic() < end:
                rng.choice(shared).read(mine, rng)
                if time.monotonic() > judged + 1.0:
                    judged = time.monotonic()
                    self._judge(tallies)
        finally:
            # Also when interrupted, or the threads would go on. Signals go to living threads only, so these end first.
            self._calm.set()
            for one in disturbers:
                one.join()
            self._stop.set()
            for one in (*readers, watchdog):
                one.join()
        for connected in shared:
            connected.leave()
        self._judge(tallies)
        for tally in tallies:
            self.tally.add(tally)

    def _shared_settings(self) -> Iterator[tuple[Bed, str, float, int]]:
        for bed in self.beds:
            yield bed, "unix", 1.0, 8
            yield bed, "udp", 5.0, 4
        yield self.beds[0], "unix", 0.3, 1

    def _share(self, shared: list[Connected], tally: Tally, rng: random.Random) -> None:
        while not self._stop.is_set():
            rng.choice(shared).read(tally, rng)

    def _own(self, tally: Tally, rng: random.Random) -> None:
        while not self._stop.is_set():
            connected = self._connected(rng)
            if connected.enter(tally):
                for _ in range(rng.randint(1, 50)):
                    connected.read(tally, rng)
                    if self._stop.is_set():
                        break
                connected.leave()

    def _connected(self, rng: random.Random) -> Connected:
        transport = rng.choice(("unix", "udp"))
        return Connected(rng.choice(self.beds), transport, rng.choice(TIMEOUTS), rng.choice((1, 2, 8)))

    def _call_functions(self, tally: Tally, rng: random.Random) -> None:
        while not self._stop.is_set():
            self._call_function(tally, rng)

    def _call_function(self, tally: Tally, rng: random.Random) -> None:
        bed, transport, timeout = rng.choice(self.beds), rng.choice(("unix", "udp")), rng.choice(TIMEOUTS)
        name = rng.choice(REPORTS)
        address, function = bed.addresses[transport], getattr(pychrony, name)
        one_shot = partial(function, address, timeout=timeout)
        read(tally, bed, name, timeout, way=f"function {transport}", function=one_shot)

    def _fail(self, tally: Tally, rng: random.Random) -> None:
        """Calls that fail whatever chronyd does, each with its own error."""
        folder = self.beds[0].daemon.folder
        known = (
            (str(folder / "nothing.sock"), ChronyConnectionError, -2),
            (str(folder / "chrony.conf"), ChronyConnectionError, -1),
            ("127.0.0.1:1", ChronyConnectionError, -1),
            ("[::1]:99999", ChronyConnectionError, -1),
        )
        while not self._stop.is_set():
            address, kind, code = rng.choice(known)
            name, timeout = rng.choice(REPORTS), rng.choice(TIMEOUTS)
            function = partial(getattr(pychrony, name), address, timeout=timeout)
            _, failure = call(tally, f"{name} nowhere", timeout, function)
            if type(failure) is not kind or failure.error_code != code:
                tally.violation(f"at {address}: {failure!r}")
            time.sleep(0.01)

    # --- Forks -----------------------------------------------------------------------------------------------------

    def _fork(self, shared: list[Connected], tally: Tally, rng: random.Random) -> None:
        own = Connected(self.beds[-1], "unix", 5.0, 8)
        entered = own.enter(tally)
        while not self._stop.is_set():
            inherited = [*shared, own] if entered else shared
            seed = rng.getrandbits(64)
            reader, writer = os.pipe()
            child = os.fork()
            if child == 0:
                self._child(inherited, writer, random.Random(seed))
            os.close(writer)
            self.events["fork"] += 1
            for _ in range(rng.randint(1, 10)):
                rng.choice(inherited).read(tally, rng)
            self._reap(child, reader, tally)
            time.sleep(rng.uniform(0.0, 0.2))
        if entered:
            own.leave()

    def _child(self, inherited: list[Connected], writer: int, rng: random.Random) -> NoReturn:
        """A few calls, on the parent's connections and by functions; then the end, without any clean-up of Python's.

        What the child has opened itself it has to close itself, hence the `leave`.
        """
        status = 1
        try:
            signal.alarm(CHILD_PATIENCE)
            tally = Tally()
            for _ in range(rng.randint(1, 10)):
                if rng.random() < 0.7:
                    rng.choice(inherited).read(tally, rng)
                else:
                    self._call_function(tally, rng)
            for connected in inherited:
                connected.leave()
            os.write(writer, tally.to_json())
            status = 0
        finally:
            os._exit(status)

    def _reap(self, child: int, reader: int, tally: Tally) -> None:
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.set_blocking(reader, False)
        told = os.read(reader, mmap.PAGESIZE * 16) if status == 0 else b""
        os.close(reader)
        if status:
            tally.violation(f"a child ended with status {status}")
        else:
            theirs = Tally.from_json(told)
            theirs.calls = Counter({f"{name}, in a child": number for name, number in theirs.calls.items()})
            tally.add(theirs)

    # --- Disturbances ----------------------------------------------------------------------------------------------

    def _disturb(self, bed: Bed, _: Tally, rng: random.Random) -> None:
        acts: list[Callable[[Bed, random.Random], str]] = [self._kill, self._restart, self._suspend]
        if bed.changeable:
            acts += [self._change] * 12
        while not self._calm.wait(rng.uniform(0.05, 1.0 if bed.changeable else 2.5)):
            act = rng.choice(acts)
            what = act(bed, rng)
            self.events[act.__name__.strip("_")] += 1
            self.log(f"{bed.daemon.folder.name}: {what}")

    def _kill(self, bed: Bed, rng: random.Random) -> str:
        seconds = rng.uniform(0.0, 0.5)
        with bed.away(), bed.changing():
            bed.daemon.say("kill" if rng.random() < 0.7 else "terminate")
            time.sleep(seconds)
            bed.pids.add(int(bed.daemon.say("restart")["pid"]))
        return f"killed for {seconds:.3f} s"

    def _restart(self, bed: Bed, _: random.Random) -> str:
        with bed.away(), bed.changing():
            bed.pids.add(int(bed.daemon.say("restart")["pid"]))
        return "restarted"

    def _suspend(self, bed: Bed, rng: random.Random) -> str:
        seconds = rng.choice((0.01, 0.1, 0.5, 2.0))
        with bed.away():
            bed.daemon.say("suspend")
            time.sleep(seconds)
            bed.daemon.say("resume")
        return f"suspended for {seconds} s"

    def _change(self, bed: Bed, rng: random.Random) -> str:
        """Add or remove up to five sources, one after the other."""
        done = []
        for _ in range(rng.randint(1, 5)):
            numbers = bed.state().numbers
            number = rng.choice(sorted(bed.all))
            if number in numbers:
                command = f"delete {Bed.address_of(bed.index, number)}"
            else:
                command = f"add {Bed.line(bed.index, number)}"
            # A command that fails may have been done all the same.
            with bed.changing(), contextlib.suppress(AssertionError):
                bed.daemon.chronyc(command)
            done.append(command)
        return "; ".join(done)

    def _storm(self, readers: list[threading.Thread], rng: random.Random) -> None:
        """Signals to every reader and to the process."""
        while not self._calm.wait(rng.uniform(0.0, 0.5)):
            for _ in range(rng.randint(1, 200)):
                target = rng.choice(readers)
                if target.ident is not None and target.is_alive() and rng.random() < 0.8:
                    signal.pthread_kill(target.ident, signal.SIGUSR1)
                else:
                    os.kill(os.getpid(), signal.SIGUSR1)
                self.events["signal"] += 1
                time.sleep(0.0005)

    def _watch(self, *_: object) -> None:
        """How late a thread gets to run that only sleeps."""
        while not self._stop.is_set():
            due = time.monotonic() + 0.01
            time.sleep(0.01)
            woken = time.monotonic()
            self.delays.append((due, woken))
            self.worst_delay = max(self.worst_delay, woken - due)

    def _judge(self, tallies: list[Tally]) -> None:
        """A call may be later than its deadline by the slack and by what the sleeper was late at that time."""
        # Those of this moment wait until the sleeper has woken, too.
        settled = time.monotonic() - (0.0 if self._stop.is_set() else 0.5)
        for tally in tallies:
            while tally.late and tally.late[0].ended < settled:
                late = tally.late.popleft()
                spans = [woken - due for due, woken in list(self.delays) if woken >= late.due and due <= late.ended]
                delay = max(spans, default=0.0)
                said = f"{late.what}; a plain sleep was {delay:.3f} s late at the time"
                self.log(said)
                if late.ended - late.due > SLACK + delay:
                    self.tally.violation(f"over the deadline: {said}")
                else:
                    self.events["call as late as the machine"] += 1


# --- What is left --------------------------------------------------------------------------------------------------


@dataclass
class Resources:
    """What the process holds while nobody reads and no connection is open."""

    descriptors: int
    resident: int
    folders: list[str]

    @classmethod
    def of(cls, beds: list[Bed]) -> Resources:
        """Look, once all garbage is collected and the allocator has given back what is free."""
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
        rollup = Path("/proc/self/smaps_rollup").read_text()
        resident = re.search(r"^Rss:\s+(\d+) kB", rollup, re.MULTILINE)
        assert resident is not None, rollup
        folders = [name for bed in beds for name in bed.daemon.leftovers()]
        return cls(sum(1 for _ in Path("/proc/self/fd").iterdir()), int(resident[1]) * 1024, folders)


def left_running(pids: set[int]) -> list[str]:
    """Those of the processes that still run, and all children of this one."""
    left = [f"{pid}" for pid in sorted(pids) if Path(f"/proc/{pid}").exists()]
    for task in Path("/proc/self/task").iterdir():
        left += (task / "children").read_text().split()
    return left


def start_beds(stack: contextlib.ExitStack) -> list[Bed]:
    """A list that changes, a long one, a short one, and a chronyd that is synchronised."""
    beds: list[Bed] = []
    for index, (configured, rest) in enumerate(((40, 20), (120, 0), (5, 3))):
        lines = [f"--line={Bed.line(index, number)}" for number in range(1, configured + 1)]
        daemon = Daemon("chronyd", "--command-port", *lines)
        stack.callback(daemon.close)
        beds.append(Bed(daemon, index, configured, rest))
    daemon = Daemon("pair", "--command-port")
    stack.callback(daemon.close)
    return [*beds, Synchronised(daemon, len(beds))]


def table(title: str, counter: Counter[str]) -> None:
    """Print what was counted, the most frequent first."""
    print(f"{title}: {sum(counter.values())}")
    for name, number in counter.most_common():
        print(f"  {number:>9}  {name}")


def soak(minutes: float, seed: int, log: Callable[[str], None]) -> list[str]:
    """Run it, print the report, and return what was wrong."""
    total = minutes * 60
    warm_up = min(max(total / 4, 3.0), 60.0)
    with contextlib.ExitStack() as stack:
        beds = start_beds(stack)
        soak = Soak(beds, random.Random(seed), log)
        soak.run(warm_up)
        before = Resources.of(beds)
        log(f"warm: {before}")
        soak.run(max(total - warm_up, 0.0))
        after = Resources.of(beds)
        log(f"end: {after}")
    pids = set().union(*(bed.pids for bed in beds))
    left = left_running(pids)
    paths = [bed.daemon.folder for bed in beds] + [bed.server_folder for bed in beds if isinstance(bed, Synchronised)]
    folders = [*before.folders, *after.folders, *(str(path) for path in paths if path.exists())]

    tally = soak.tally
    print(f"Soak of {minutes} min, {warm_up:.0f} s of which to warm up; seed {seed}")
    table("Calls", tally.calls)
    table("Errors of calls", tally.errors)
    table("Events", soak.events)
    growth = after.resident - before.resident
    print(f"Records read: {tally.records}")
    print(f"Wrong records: {tally.wrong}")
    print(f"Descriptors: {before.descriptors} after warm-up, {after.descriptors} at the end")
    print(
        f"Resident memory: {before.resident / 1024:.0f} KiB after warm-up, {after.resident / 1024:.0f} KiB at the end "
        f"({growth / 1024:+.0f} KiB)"
    )
    print(f"Folders left: {len(folders)}")
    print(f"Processes left: {len(left)} of {len(pids)} chronyds and test beds and {soak.events['fork']} children")
    print(
        f"Worst call: {tally.worst:+.3f} s from its deadline ({tally.worst_call}); "
        f"a plain sleep was up to {soak.worst_delay:.3f} s late"
    )

    wrong = [f"{number} x {what}" for what, number in tally.violations.items()] + soak.broken
    if after.descriptors != before.descriptors:
        wrong.append("the number of descriptors changed")
    if growth > MEMORY:
        wrong.append(f"resident memory grew by more than {MEMORY // 1024} KiB")
    wrong += [f"left: {folder}" for folder in folders]
    wrong += [f"left: process {process}" for process in left]
    return wrong


def main() -> int:
    """Parse the arguments, and end with status 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="how long it takes (default: 10)")
    parser.add_argument("--seed", type=int, default=None, help="what the choices depend on (default: any)")
    parser.add_argument("--log", action="store_true", help="tell on stderr what happens")
    arguments = parser.parse_args()
    seed = random.SystemRandom().getrandbits(32) if arguments.seed is None else arguments.seed

    begin = time.monotonic()

    def log(what: str) -> None:
        if arguments.log:
            os.write(2, f"{time.monotonic() - begin:9.3f} {what}\n".encode())

    signal.signal(signal.SIGUSR1, lambda _number, _frame: None)
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(1))
    wrong = soak(arguments.minutes, seed, log)
    for what in wrong[:SHOWN]:
        print(f"WRONG: {what}")
    print("Failed" if wrong else "Passed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
