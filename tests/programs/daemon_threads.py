"""A program that ends while its daemon threads are in the middle of calls."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

import pychrony

if __name__ == "__main__":
    address, barrier = sys.argv[1], threading.Barrier(5)

    def read(call: Callable[[], object]) -> None:
        call()
        barrier.wait()
        while True:
            call()

    connection = pychrony.ChronyConnection(address).__enter__()
    for call in (connection.get_tracking, lambda: pychrony.get_sources(address)) * 2:
        threading.Thread(target=read, args=(call,), daemon=True).start()
    barrier.wait()
    print(len(connection.get_sources()))
