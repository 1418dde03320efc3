"""The state that the reading and disturbing threads share."""

from __future__ import annotations

import contextlib
import random
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from soak.bed import Bed
from soak.calls import Connected, is_busy
from soak.crowd import TIMEOUT, Crowd
from soak.real import Real, Resized, start_real
from soak.scripted import Scripted
from tests.support.daemon import Daemon


@dataclass
class Beds:
    """The chronyds of a run."""

    real: list[Real]
    crowded: Resized
    scripted: list[Scripted]

    @property
    def disturbed(self) -> list[Real]:
        """The real ones, which are killed, suspended and changed."""
        return [*self.real, self.crowded]

    def __iter__(self) -> Iterator[Bed[Any]]:
        """Yield all of them."""
        return iter([*self.disturbed, *self.scripted])

    @classmethod
    def start(cls, stack: contextlib.ExitStack, rng: random.Random) -> Beds:
        """Start all of them; they end with the stack."""
        real, crowded = start_real(stack)
        scripted = []
        for transport in ("unix", "udp"):
            daemon = Daemon("scripted")
            stack.callback(daemon.close)
            scripted.append(Scripted(daemon, transport, random.Random(rng.getrandbits(64))))
        return cls(real, crowded, scripted)


@dataclass
class Run:
    """The warm-up or the run itself: its connections, its events, and the signals to end."""

    beds: Beds
    events: Counter[str]
    #: The number of seconds that a call may end after its deadline.
    slack: float
    #: Connections to real chronyds that threads share.
    shared: list[Connected]
    #: Connections to scripted chronyds that threads share.
    bad_paths: list[Connected]
    crowd: Crowd
    #: Set to end the disturbances, which end first.
    calm: threading.Event = field(default_factory=threading.Event)
    #: Set to end the readers.
    stop: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def of(cls, beds: Beds, events: Counter[str], slack: float, rng: random.Random) -> Run:
        """Return a run whose connections are not entered yet."""
        shared = [Connected(bed, *how) for bed in beds.real for how in (("unix", 1.0, 8), ("udp", 5.0, 4))]
        shared.append(Connected(beds.real[0], "unix", 0.3, 1))
        # A call of another thread may keep the connection busy for any time there.
        bad_paths = [Connected(bed, bed.transport, 5.0, 4, excuse=is_busy) for bed in beds.scripted]
        crowd = Crowd(Connected(beds.crowded, rng.choice(("unix", "udp")), TIMEOUT, 8))
        return cls(beds, events, slack, shared, bad_paths, crowd)

    @property
    def connections(self) -> list[Connected]:
        """The connections to enter before the threads start, and to leave after they have ended."""
        return [*self.shared, *self.bad_paths, self.crowd.connected]
