"""Programs whose standard streams are closed: no descriptor of a connection takes the number of a stream.

Otherwise, output to stdout or stderr would be sent to chronyd, and a read of stdin would take chronyd's answers.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.daemon import Daemon
    from tests.support.programs import Finish

pytestmark = pytest.mark.blocking_only("an event loop has descriptors of its own")

TRANSPORTS = ["socket", "udp"]
CLOSED = [numbers for count in range(4) for numbers in itertools.combinations(range(3), count)]


def without(numbers: Sequence[int]) -> list[str]:
    """Return the beginning of a command line that runs with descriptors closed."""
    closing = " ".join(f"{number}<&-" for number in numbers)
    return ["sh", "-c", f'exec "$@" {closing}', "sh"]


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("closed", CLOSED, ids=str)
def test_a_closed_stream_stays_closed(
    closed: Sequence[int], transport: str, many: Daemon, finish: Finish, tmp_path: Path
) -> None:
    output = tmp_path / "output"
    printed = finish("streams.py", "read", getattr(many, transport), str(output), wrapper=without(closed))
    found, (before, during), uses, is_as_before, opened = json.loads(output.read_text())
    assert printed == ""
    assert found == [2, 40] * 3
    # The streams of the program were closed as intended.
    assert [name is None for name in before] == [number in closed for number in range(3)]
    assert during == before
    assert uses == {str(number): "EBADF" for number in closed}
    # Each of 8 lanes has /dev/urandom open, and shares one Unix socket. Over UDP, each lane has its own socket, and
    # lanes may open later on a busy machine.
    assert opened == 9 if transport == "socket" else opened in range(2, 17, 2)
    assert is_as_before
    assert many.leftovers() == []


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_what_is_printed_to_a_closed_stream_is_not_sent_to_chronyd(
    transport: str, many: Daemon, finish: Finish, tmp_path: Path
) -> None:
    """Daemons close the streams that they were started with, and may still print."""
    output = tmp_path / "output"
    finish("streams.py", "print_on", getattr(many, transport), str(output))
    assert json.loads(output.read_text()) == [["EBADF"] * 3, 2, True]
    assert many.leftovers() == []


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_call_does_not_use_the_numbers_of_streams(
    transport: str, many: Daemon, finish: Finish, tmp_path: Path
) -> None:
    """If no other number is free, the call fails."""
    output = tmp_path / "output"
    finish("streams.py", "leave_room_only_there", getattr(many, transport), str(output))
    message, stratum = json.loads(output.read_text())
    assert "Too many open files" in message
    assert stratum == 2
    assert many.leftovers() == []
