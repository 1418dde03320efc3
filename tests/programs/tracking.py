"""A program that prints the stratum of a chronyd, or the message of the error: `tracking.py ADDRESS TIMEOUT`."""

from __future__ import annotations

import sys

import pychrony

if __name__ == "__main__":
    try:
        print(pychrony.get_tracking(sys.argv[1], timeout=float(sys.argv[2])).stratum)
    except pychrony.ChronyConnectionError as error:
        print(error.message)
