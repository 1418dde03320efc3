"""A program that leaves a connection open until stdin ends, or a signal ends it."""

import sys

from pychrony import ChronyConnection

if __name__ == "__main__":
    connection = ChronyConnection(sys.argv[1]).__enter__()
    print("open", flush=True)
    sys.stdin.read()
