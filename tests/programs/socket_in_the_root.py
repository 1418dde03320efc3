"""A program that calls a socket in the root folder by both spellings of its path."""

from __future__ import annotations

import socket

import pychrony

if __name__ == "__main__":
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind("/chronyd.sock")
        for path in ("/chronyd.sock", "//chronyd.sock"):
            try:
                pychrony.get_tracking(path, timeout=0.1)
            except pychrony.ChronyConnectionError as error:
                print(error.error_code, error.message)
