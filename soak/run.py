"""The state that the reading and disturbing threads share."""

from __future__ import annotations

import contextlib
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
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
    """All chronyds."""

    real: list[Real]
    crowded: Resized
    scripted: list[Scripted]

    @property
    def disturbed(self) -> list[Real]:
        """Those that are killed, stopped, and changed."""
        return [*self.real, self.crowded]

    def __iter__(self) -> Iterator[Bed[Any]]:
        """Those and the scripted ones."""
        return iter([*self.disturbed, *self.scripted])

    @classmethod
    def start(cls, stack: contextlib.ExitStack, rng: random.Random) -> Beds:
        """Start them; they end with the stack."""
        real, crowded = start_real(stack)
        scripted = []
        for transport in ("unix", "udp"):
            daemon = Daemon("scripted")
            stack.callback(daemon.close)
            scripted.append(Scripted(daemon, transport, random.Random(rng.getrandbits(64))))
        return cls(real, crowded, scripted)


@dataclass
class Run:
    """One run: the connections, what has happened, and when to end."""

    beds: Beds
    log: Callable[[str], None]
    events: Counter[str]
    #: By how much a call may miss its deadline.
    slack: float
    #: Connections to real chronyds that threads share, and to scripted ones.
    shared: list[Connected]
    bad_paths: list[Connected]
    crowd: Crowd
    #: The disturbances end first, and then the readers.
    calm: threading.Event = field(default_factory=threading.Event)
    stop: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def of(cls, beds: Beds, log: Callable[[str], None], events: Counter[str], slack: float, rng: random.Random) -> Run:
        """With connections that are not yet entered."""
        shared = [Connected(bed, *how) for bed in beds.real for how in (("unix", 1.0, 8), ("udp", 5.0, 4))]
        shared.append(Connected(beds.real[0], "unix", 0.3, 1))
        # Another thread may have the connection there for as long as it likes.
        bad_paths = [Connected(bed, bed.transport, 5.0, 4, excuse=is_busy) for bed in beds.scripted]
        crowd = Crowd(Connected(beds.crowded, rng.choice(("unix", "udp")), TIMEOUT, 8))
        return cls(beds, log, events, slack, shared, bad_paths, crowd)

    @property
    def connections(self) -> list[Connected]:
        """All that are entered before the threads begin, and left after they have ended."""
        return [*self.shared, *self.bad_paths, self.crowd.connected]
