"""Places that lack something, or forbid it: a kernel that only says yes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import Daemon
    from tests.environments.conftest import Finish

#: Tells how each kind of call at an address ends. Only a call that hangs takes as long as it may.
TELL = """
import json, os, pychrony, sys
from pathlib import Path
from pychrony import ChronyConnection

def connect(address, timeout):
    with ChronyConnection(address, timeout=timeout) as connection:
        return connection.get_tracking()

def tell(call, address):
    try:
        return ["", call(address, timeout=600).stratum, "", ""]
    except pychrony.ChronyError as error:
        return [type(error).__name__, error.error_code, error.message, type(error.__cause__).__name__]

CALLS = [pychrony.get_tracking, connect]
"""
#: A system call that is answered with an error without being done; with success if the error is 0.
ANSWER = """
import ctypes, platform, struct

NUMBERS = {"x86_64": {"madvise": 28, "sendto": 44}, "aarch64": {"madvise": 233, "sendto": 206}}

def answer(call, errno):
    number = NUMBERS[platform.machine()][call]
    # Load the number; if it is this one, return the error; else allow.
    lines = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x50000 | errno), (0x06, 0, 0, 0x7FFF0000)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in lines))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(lines), ctypes.addressof(code)))
    libc, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = ctypes.CDLL(None), 38, 22, 2
    assert libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    assert libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program) == 0
"""


def test_a_kernel_that_takes_any_advice_is_not_believed_to_heed_it(scripted: Daemon, finish: Finish) -> None:
    """Some sandboxes and emulators take it. A child would take itself for its parent, and use its parent's socket."""
    code = """
def sockets():
    links = [entry.readlink() for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
    return {str(link) for link in links if str(link).startswith("socket:")}

answer("madvise", 0)
with ChronyConnection(sys.argv[1]) as connection:
    connection.get_tracking()
    inherited = sockets()
    child = os.fork()
    if child == 0:
        connection.get_tracking()
        raise SystemExit(bool(sockets() & inherited) + 2 * (len(sockets()) != len(inherited)))
    status = os.waitpid(child, 0)[1]
    print(len(inherited), os.waitstatus_to_exitcode(status), connection.get_tracking().stratum)
"""
    assert finish(TELL + ANSWER + code, scripted.socket) == "1 0 2\n"
    assert scripted.leftovers() == []
