"""Host names. The loop's own resolver looks them up, within the timeout of the call."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import uvloop

import pychrony
from pychrony import ChronyConnectionError, aio

if TYPE_CHECKING:
    from tests.aio.conftest import Held, Run
    from tests.support.daemon import Daemon

KINDS = (asyncio.BaseEventLoop, uvloop.Loop)


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], list[Any]]:
    """Replace the resolver of loops by one that returns or awaits an answer, and records the questions."""

    def install(answer: Callable[[], object]) -> list[Any]:
        seen: list[Any] = []

        async def getaddrinfo(_loop: object, *arguments: object, **options: object) -> object:
            seen.append((arguments, options))
            try:
                found = answer()
                return await found if isinstance(found, asyncio.Future) else found
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise

        for kind in KINDS:
            monkeypatch.setattr(kind, "getaddrinfo", getaddrinfo)
        return seen

    return install


Resolver = Callable[[Callable[[], object]], list[Any]]


def never() -> asyncio.Future[object]:
    """Return an answer that never arrives."""
    return asyncio.get_running_loop().create_future()


def test_each_address_is_tried_in_order(scripted: Daemon, resolver: Resolver, run: Run) -> None:
    port = scripted.described["command_port"]
    found = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1%lo", port, 0, 1)),
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::2", port, 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
    ]
    seen = resolver(lambda: found)

    async def use() -> None:
        assert (await aio.get_tracking(f"some.example:{port}")).stratum == 2
        async with aio.ChronyConnection(f"Some.example:{port}") as connection:
            for _ in range(3):
                assert (await connection.get_tracking()).stratum == 2
            assert connection.address == scripted.udp

    run(use())
    # A kept session does not need another look-up.
    assert [arguments for arguments, _ in seen] == [(b"some.example", port), (b"Some.example", port)]
    assert all(options == {"type": socket.SOCK_STREAM} for _, options in seen)


@pytest.mark.parametrize(
    ("raised", "words"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "Name or service not known"),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), "Temporary failure"),
        (OSError(24, "Too many open files"), "Too many open files (os error 24)"),
        (RuntimeError("Executor shutdown has been called"), "Executor shutdown has been called"),
        (UnicodeError("label too long"), "label too long"),
    ],
)
def test_what_the_resolver_raises_is_reported(raised: Exception, words: str, resolver: Resolver, run: Run) -> None:
    def fail() -> None:
        raise raised

    seen = resolver(fail)
    with pytest.raises(ChronyConnectionError) as caught:
        run(aio.get_tracking("some.example"))
    assert caught.value.message.startswith("Failed to connect to chronyd at some.example:323: ")
    assert words in caught.value.message
    assert len(seen) == 1


def test_a_name_without_addresses_is_an_error(resolver: Resolver, run: Run) -> None:
    resolver(list)
    with pytest.raises(ChronyConnectionError):
        run(aio.get_tracking("some.example"))


def test_a_resolver_that_does_not_answer_ends_with_the_call(
    scripted: Daemon, hold: Callable[[], Held], resolver: Resolver, timed: Callable[..., Any], run: Run
) -> None:
    """Other tasks go on meanwhile."""
    seen = resolver(never)

    async def use() -> str:
        held = hold()
        task = asyncio.ensure_future(aio.get_tracking("some.example", timeout=0.3))
        assert (await aio.get_tracking(scripted.udp)).stratum == 2
        with pytest.raises(ChronyConnectionError) as caught:
            await task
        await asyncio.sleep(0)
        held.assert_none()
        return caught.value.message

    message = timed(lambda: run(use()), 0.3)
    assert message == (
        "Failed to connect to chronyd at some.example:323: Connection timed out (os error 110). "
        "The resolver has not answered. Does it work? An IP address needs none"
    )
    assert seen[-1] == "cancelled"


def test_cancelling_ends_the_look_up(scripted: Daemon, hold: Callable[[], Held], resolver: Resolver, run: Run) -> None:
    del scripted
    seen = resolver(never)

    async def use() -> None:
        held = hold()
        for call in (aio.get_tracking("some.example"), aio.ChronyConnection("some.example").__aenter__()):
            task = asyncio.ensure_future(call)
            while not seen:
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.sleep(0)
            assert seen.pop() == "cancelled"
            seen.clear()
            held.assert_none()

    run(use())


def test_the_loops_own_resolver_finds_what_the_systems_does(run: Run) -> None:
    """With a name that may be one for 127.0.0.1, and with names that do not exist."""
    for name in ("localhost.localdomain:1", "host.invalid:1", "a" * 64 + ".invalid", "xn--nxasmq6b.invalid"):
        with pytest.raises(ChronyConnectionError) as expected:
            pychrony.get_tracking(name)
        with pytest.raises(ChronyConnectionError) as caught:
            run(aio.get_tracking(name))
        assert caught.value.message == expected.value.message
