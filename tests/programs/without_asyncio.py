"""A program that uses pychrony and no event loop, and prints whether asyncio was imported."""

from __future__ import annotations

import contextlib
import sys

import pychrony

if __name__ == "__main__":
    print("asyncio" in sys.modules, "pychrony.aio" in sys.modules)
    with contextlib.suppress(pychrony.ChronyConnectionError):
        pychrony.get_tracking("127.0.0.1:1")
    print("asyncio" in sys.modules)
