"""A program that opens connections in many threads at once, and looks at the flags of their descriptors."""

from __future__ import annotations

import os
import resource
import sys
import threading
from pathlib import Path

from pychrony import ChronyConnection

THREADS = 64


def main(address: str) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    kept: list[ChronyConnection] = []
    ready = threading.Barrier(THREADS)

    def work() -> None:
        ready.wait()
        kept.extend(ChronyConnection(address).__enter__() for _ in range(4))

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entries = [entry for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
    opened = [entry for entry in entries if str(entry.readlink()).startswith(("socket:", "/dev/urandom"))]
    infos = [Path("/proc/self/fdinfo", entry.name).read_text() for entry in opened]
    flags = [int(info.partition("flags:")[2].split()[0], 8) for info in infos]
    print(len(kept), len(opened) >= 2 * len(kept), sum(not flag & os.O_CLOEXEC for flag in flags))


if __name__ == "__main__":
    main(sys.argv[1])
