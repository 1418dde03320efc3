"""Fleets: each address has its own result, in time, and a failure does not affect the other addresses."""

from __future__ import annotations

import asyncio
import functools
import gc
import os
import resource
import threading
import time
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.reports import REPORTS
from tests.support.waiting import assert_unanswered

import pychrony
from pychrony import ChronyConnectionError, ChronyDataError, ChronyError, TrackingStatus, aio

if TYPE_CHECKING:
    from tests.aio.conftest import Held, Run
    from tests.support.daemon import Daemon, Start

COUNT = 300


@pytest.fixture(scope="module")
def daemons(start_shared: Start) -> Daemon:
    """Many chronyds in one process."""
    return start_shared("fleet", "--count", str(COUNT), "--sources", "3")


@pytest.fixture
def addresses(daemons: Daemon) -> list[str]:
    """The addresses of the daemons, which all answer at once."""
    for command in ("come all", "delay 0 all", "loss 0"):
        daemons.say(command)
    first = IPv4Address(daemons.described["first"])
    return [f"{first + number}:{daemons.described['command_port']}" for number in range(COUNT)]


def is_own(result: aio.FleetResult[TrackingStatus | ChronyError]) -> bool:
    """Return True if the daemon at this address has sent the status."""
    status = result.value
    return isinstance(status, TrackingStatus) and status.reference_ip == str(result.address).partition(":")[0]


async def rest(
    round_: aio.Round[TrackingStatus | ChronyError],
) -> list[aio.FleetResult[TrackingStatus | ChronyError]]:
    """Return the remaining results of a round."""
    return [one async for one in round_]


def test_each_address_comes_once_with_its_own_values_round_after_round(
    run: Run, addresses: list[str], hold: Callable[[], Held], daemons: Daemon
) -> None:
    async def main() -> None:
        held = hold()
        async with aio.Fleet(addresses, timeout=20) as fleet:
            assert fleet.descriptors is not None
            assert fleet.descriptors.needed == 2 * COUNT + 2
            assert repr(fleet) == f"<Fleet of {COUNT} addresses>"
            costs = []
            for _ in range(3):
                answers = daemons.say("tally")["answers"]
                found = await rest(fleet.read(aio.get_tracking))
                assert sorted(result.index for result in found) == list(range(COUNT))
                assert all(result.address == addresses[result.index] for result in found)
                assert all(map(is_own, found))
                opened = held.sockets()
                assert opened == COUNT
                costs.append(daemons.say("tally")["answers"] - answers)
            # A delay on a busy machine may look like a loss, but not in each round.
            assert min(costs) == COUNT
        held.assert_none()
        assert fleet.descriptors is None

    run(main())


def test_several_reports_are_a_tuple_with_a_result_each(run: Run, scripted: Daemon, server: Daemon) -> None:
    expected = tuple(report.function(scripted.socket) for report in REPORTS)

    async def main() -> None:
        # The results have the addresses as they were given.
        addresses: list[str | Path] = [Path(server.socket), server.udp]
        async with aio.Fleet(iter(addresses)) as fleet:
            for _ in range(2):
                functions: tuple[Any, ...] = tuple(report.aio for report in REPORTS)
                found = {result.address: result.value async for result in fleet.read(*functions)}
                assert found == dict.fromkeys(addresses, expected)
            assert scripted.leftovers() != []
        assert scripted.leftovers() == []

    run(main())


def test_a_failure_is_the_result_of_its_address(run: Run, addresses: list[str], daemons: Daemon) -> None:
    async def main() -> dict[object, ChronyError]:
        daemons.say("leave 7,100-109")
        async with aio.Fleet([*addresses, "127.0.0.1:1", "/nowhere/chronyd.sock"], timeout=2) as fleet:
            start = time.monotonic()
            found = await rest(fleet.read(aio.get_tracking))
            # All addresses share one timeout.
            assert time.monotonic() - start < 2 * 2
            errors: dict[object, ChronyError] = {}
            errors |= {result.address: result.value for result in found if isinstance(result.value, ChronyError)}
            assert all(is_own(result) for result in found if result.address not in errors)
            daemons.say("come all")
            assert sum([is_own(one) async for one in fleet.read(aio.get_tracking)]) == COUNT
        return errors

    errors = run(main())
    silent = {addresses[number] for number in (7, *range(100, 110))}
    assert set(errors) == {*silent, "127.0.0.1:1", "/nowhere/chronyd.sock"}
    for address in silent:
        assert isinstance(errors[address], ChronyConnectionError)
        assert_unanswered(errors[address].message, "2s", f"chronyd at {address}")


def test_a_round_ends_at_its_deadline(run: Run, addresses: list[str], daemons: Daemon) -> None:
    daemons.say("leave 0-9")

    async def main() -> None:
        async with aio.Fleet(addresses, timeout=20, deadline=0.5, in_flight=10) as fleet:
            found = {result.address: result.value async for result in fleet.read(aio.get_tracking)}
            assert set(found) == set(addresses)
            assert all(isinstance(found[address], ChronyConnectionError) for address in addresses[:10])

    run(main())


def test_results_come_as_they_end_while_other_tasks_go_on(run: Run, addresses: list[str], daemons: Daemon) -> None:
    daemons.say("delay 0.8 0")
    daemons.say("delay 1.8 1")

    async def main() -> None:
        turns = 0

        async def others() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(others())
        async with aio.Fleet(addresses, timeout=20) as fleet:
            order = [str(result.address) async for result in fleet.read(aio.get_tracking)]
        task.cancel()
        assert order[-2:] == addresses[:2]
        assert turns > COUNT // 64

    run(main())


def test_a_cancelled_task_loses_nothing_and_the_round_goes_on(run: Run, addresses: list[str], daemons: Daemon) -> None:
    daemons.say("delay 1 all")

    async def main() -> None:
        async with aio.Fleet(addresses, timeout=20) as fleet:
            round_ = fleet.read(aio.get_tracking)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(round_.__anext__(), 0.05)
            # Two tasks may share a round.
            found = await asyncio.gather(rest(round_), rest(round_))
            assert sorted(str(result.address) for one in found for result in one) == sorted(addresses)

    run(main())


def test_tasks_that_share_a_round_sleep_while_nothing_comes(run: Run, addresses: list[str], daemons: Daemon) -> None:
    daemons.say("leave all")

    async def main() -> None:
        async with aio.Fleet(addresses[:3], timeout=1) as fleet:
            round_ = fleet.read(aio.get_tracking)
            cancelled, *tasks = (asyncio.create_task(rest(round_)) for _ in range(3))
            await asyncio.sleep(0)
            cancelled.cancel()
            # Collect the garbage of earlier tests now, and not while this one measures.
            gc.collect()
            wall, cpu = time.monotonic(), time.process_time()
            assert sum(map(len, await asyncio.gather(*tasks))) == 3
            assert time.process_time() - cpu < (time.monotonic() - wall) / 4

    run(main())


def test_a_round_that_is_left_is_ended_by_the_next(
    run: Run, addresses: list[str], hold: Callable[[], Held], daemons: Daemon
) -> None:
    async def main() -> None:
        held = hold()
        async with aio.Fleet(addresses, timeout=20) as fleet:
            for left in (1, 5, 80):
                first = fleet.read(aio.get_tracking)
                for _ in range(left):
                    assert is_own(await first.__anext__())
                assert sum([is_own(one) async for one in fleet.read(aio.get_tracking)]) == COUNT
                with pytest.raises(RuntimeError, match="begun another one"):
                    await rest(first)
            daemons.say("leave all")
            waiting = asyncio.create_task(fleet.read(aio.get_tracking).__anext__())
            await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="the round has ended"):
            await waiting
        held.assert_none()

    run(main())


def test_wrong_addresses_settings_and_uses_are_errors(run: Run, addresses: list[str]) -> None:
    wrong: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
        ("127.0.0.1", {}, TypeError, "an iterable of addresses, not a single one"),
        ([323], {}, TypeError, "each address must be a str or an os.PathLike.* not int"),
        ([None], {}, TypeError, "each address must be a str or an os.PathLike.* not NoneType"),
        ([], {"timeout": 0}, ValueError, "timeout must be a finite number of seconds greater than 0, not 0"),
        ([], {"deadline": -1}, ValueError, "deadline must be a finite number of seconds greater than 0, not -1"),
        ([], {"in_flight": 0}, ValueError, "in_flight must be at least 1"),
        ([], {"parallel": 0}, ValueError, "parallel must be at least 1"),
    ]
    for given, options, error, words in wrong:
        with pytest.raises(error, match=words):
            aio.Fleet(given, **options)

    async def main() -> None:
        fleet = aio.Fleet(addresses)
        await fleet.aclose()
        assert fleet.closed
        with pytest.raises(RuntimeError, match="is closed; open it again"):
            fleet.read(aio.get_tracking)
        await fleet.open()
        assert fleet.descriptors is not None
        async with fleet:

            @functools.wraps(aio.get_tracking)
            async def decorated() -> None: ...

            unfit: list[tuple[Any, ...]] = [
                (),
                (print,),
                (decorated,),
                (functools.partial(aio.get_tracking),),
                (pychrony.get_tracking,),
            ]
            for reports in unfit:
                with pytest.raises(TypeError, match=r"get_tracking"):
                    fleet.read(*reports)
            with pytest.raises(TypeError, match="either all by functions or all by names"):
                fleet.read(aio.get_tracking, "sources")  # type: ignore[call-overload]
            with pytest.raises(RuntimeError, match="is open already"):
                await fleet.__aenter__()
        async with aio.Fleet([]) as empty:
            assert [one async for one in empty.read(aio.get_tracking)] == []

    run(main())


def test_another_loop_is_refused(run: Run, addresses: list[str]) -> None:
    async def elsewhere(fleet: aio.Fleet) -> None:
        with pytest.raises(RuntimeError, match="opened in another event loop"):
            fleet.read(aio.get_tracking)

    async def main() -> None:
        async with aio.Fleet(addresses) as fleet:
            await asyncio.to_thread(run, elsewhere(fleet))
            assert sum([is_own(one) async for one in fleet.read(aio.get_tracking)]) == COUNT

    run(main())


def test_a_child_opens_its_own_sockets(run: Run, addresses: list[str], daemons: Daemon) -> None:
    # Long enough that both processes have to wait.
    daemons.say("delay 0.1 all")

    async def main() -> None:
        async with aio.Fleet(addresses) as fleet:
            round_ = fleet.read(aio.get_tracking)
            assert is_own(await round_.__anext__())
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    thread = threading.Thread(target=lambda: asyncio.run(inside(fleet)))
                    thread.start()
                    thread.join()
                    status = 0 if done else 1
                finally:
                    os._exit(status)
            assert os.waitpid(child, 0)[1] == 0
            assert len([one async for one in round_]) == COUNT - 1

    done: list[bool] = []

    async def inside(fleet: aio.Fleet) -> None:
        assert sum([is_own(one) async for one in fleet.read(aio.get_tracking)]) == COUNT
        await fleet.aclose()
        done.append(True)

    run(main())


def test_a_child_that_leaves_the_block_does_not_disturb_its_parent(
    run: Run, scripted: Daemon, timed: Callable[..., Any]
) -> None:
    """The parent gets the answer when it arrives, and not when its timer fires, a second after the request."""
    scripted.say("fault delay 0.3")

    async def main() -> None:
        async with aio.Fleet([scripted.socket]) as fleet:
            answer = asyncio.create_task(rest(fleet.read(aio.get_tracking)))
            await asyncio.sleep(0)
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    fleet.__aexit__(None, None, None).send(None)
                except StopIteration:
                    status = 0
                finally:
                    os._exit(status)
            assert os.waitpid(child, 0)[1] == 0
            [found] = await answer
            assert isinstance(found.value, TrackingStatus)

    timed(lambda: run(main()), 0.3)


def test_a_fleet_that_is_not_left_is_reported_and_closed(
    run: Run, addresses: list[str], hold: Callable[[], Held]
) -> None:
    async def main() -> Any:  # noqa: ANN401
        fleet = await aio.Fleet(addresses).__aenter__()
        assert sum([is_own(one) async for one in fleet.read(aio.get_tracking)]) == COUNT
        return fleet

    held = hold()
    fleet = run(main())
    with pytest.warns(ResourceWarning, match="^unclosed <Fleet of"):
        del fleet
    gc.collect()
    held.assert_none()


def test_few_descriptors_are_enough_and_the_limit_is_raised_only_when_asked(run: Run, addresses: list[str]) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)

    async def main(raise_limit: bool) -> None:  # noqa: FBT001
        async with aio.Fleet(addresses, timeout=20, raise_descriptor_limit=raise_limit) as fleet:
            assert fleet.descriptors is not None
            assert (fleet.descriptors.available >= fleet.descriptors.needed) == raise_limit
            for _ in range(2):
                assert sum([is_own(one) async for one in fleet.read(aio.get_tracking)]) == COUNT

    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, before[1]))
        run(main(raise_limit=False))
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 200
        run(main(raise_limit=True))
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 2 * COUNT
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_rounds_keep_nothing(run: Run, addresses: list[str], daemons: Daemon, hold: Callable[[], Held]) -> None:
    """Daemons come and go, but the number of sockets does not grow."""

    async def main() -> None:
        held = hold()
        async with aio.Fleet(addresses, timeout=1.2) as fleet:
            sockets = []
            for number in range(5):
                daemons.say(f"leave {10 * number}-{10 * number + 9}")
                assert sum([is_own(one) async for one in fleet.read(aio.get_tracking)]) == COUNT - 10
                daemons.say("come all")
                sockets.append(held.sockets())
            assert max(sockets) <= COUNT
        held.assert_none()

    run(main())


def test_a_fleet_whose_loop_was_closed_is_entered_again(run: Run, scripted: Daemon, hold: Callable[[], Held]) -> None:
    fleet = aio.Fleet([scripted.socket])
    held = hold()

    async def leave_open() -> None:
        await fleet.__aenter__()
        assert len(await rest(fleet.read(aio.get_tracking))) == 1

    async def use() -> None:
        async with fleet:
            [result] = await rest(fleet.read(aio.get_tracking))
            assert isinstance(result.value, TrackingStatus)

    run(leave_open())
    run(use())
    held.assert_none()


@pytest.mark.parametrize("name", ["add_reader", "call_later"])
def test_a_loop_that_fails_once_is_not_kept_busy(
    name: str, run: Run, addresses: list[str], daemons: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even while the task handles a result and other results arrive."""
    daemons.say("delay 0.1 all")
    daemons.say("delay 0.2 1-2")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    async def main() -> None:
        async with aio.Fleet(addresses[:3]) as fleet:
            round_ = fleet.read(aio.get_tracking)
            with monkeypatch.context() as patch:
                patch.setattr(asyncio.get_running_loop(), name, fail)
                with pytest.raises(OSError, match="No space left"):
                    await round_.__anext__()
            assert is_own(await round_.__anext__())
            wall, cpu = time.monotonic(), time.process_time()
            await asyncio.sleep(0.5)
            assert time.process_time() - cpu < (time.monotonic() - wall) / 10
            assert sum([is_own(one) for one in await rest(round_)]) == 2

    run(main())


def test_what_is_no_address_has_its_own_result(run: Run, scripted: Daemon) -> None:
    async def main() -> None:
        async with aio.Fleet(["127.0.0.1:0:0", scripted.socket, "127.0.0.1:0:0"]) as fleet:
            for _ in range(2):
                found = {result.index: result async for result in fleet.read(aio.get_tracking, aio.get_activity)}
                assert sorted(found) == [0, 1, 2]
                for index in (0, 2):
                    assert found[index].address == "127.0.0.1:0:0"
                    for value in found[index].value:
                        assert isinstance(value, ChronyConnectionError)
                        assert "127.0.0.1:0:0" in value.message
                assert isinstance(found[1].value[0], TrackingStatus)

    run(main())


def test_reports_by_name_are_as_libchrony_describes_them(run: Run, scripted: Daemon) -> None:
    async def main() -> None:
        expected = [await aio.get_report(name, scripted.socket) for name in ("sources", "tracking")]
        async with aio.Fleet([scripted.socket]) as fleet:
            assert [result.value async for result in fleet.read("sources", "tracking")] == [tuple(expected)]
            assert [result.value async for result in fleet.read("sources")] == expected[:1]
            with pytest.raises(ChronyDataError, match="nonsense"):
                fleet.read("tracking", "nonsense")
            assert [result.value async for result in fleet.read("tracking")] == expected[1:]

    run(main())


def test_a_report_without_a_record_is_refused(run: Run, addresses: list[str]) -> None:
    async def main() -> None:
        async with aio.Fleet(addresses) as fleet:
            with pytest.raises(TypeError, match=r"such as get_tracking, .* not <function get_report"):
                fleet.read(aio.get_report)

    run(main())


def test_a_slow_task_does_not_use_up_the_time_of_the_addresses(run: Run, addresses: list[str], daemons: Daemon) -> None:
    """The round goes on while the task handles a result, and sleeps while nothing arrives."""
    daemons.say("delay 0.05 1-39")

    async def main() -> None:
        async with aio.Fleet(addresses[:40], timeout=0.5, in_flight=10) as fleet:
            own = 0
            async for result in fleet.read(aio.get_tracking, aio.get_sources):
                status, sources = result.value
                own += is_own(aio.FleetResult(result.index, result.address, status)) and isinstance(sources, list)
                if own < 3:
                    wall, cpu = time.monotonic(), time.process_time()
                    await asyncio.sleep(1)
                    assert time.process_time() - cpu < (time.monotonic() - wall) / 5
            assert own == 40

    run(main())


def test_a_round_that_was_dropped_stops_asking(run: Run, addresses: list[str], daemons: Daemon) -> None:
    daemons.say("delay 0.1 all")

    async def main() -> None:
        async with aio.Fleet(addresses, timeout=20, in_flight=10) as fleet:
            async for _ in fleet.read(aio.get_tracking):
                break
            asked = daemons.say("tally")["answers"]
            await asyncio.sleep(0.5)
            assert daemons.say("tally")["answers"] <= asked + 20

    run(main())


def test_a_fleet_that_is_not_left_in_the_middle_of_a_round_is_reported_and_closed(
    run: Run, addresses: list[str], daemons: Daemon, *, until: Callable[..., Awaitable[None]], hold: Callable[[], Held]
) -> None:
    daemons.say("delay 0.2 1-9")

    def answers() -> int:
        return int(daemons.say("tally")["answers"])

    async def main() -> None:
        held, before = hold(), answers()
        fleet = await aio.Fleet(addresses[:10]).__aenter__()
        async for _ in fleet.read(aio.get_tracking):
            break
        with pytest.warns(ResourceWarning, match="^unclosed <Fleet of"):
            del fleet
        held.assert_none()
        await until(lambda: answers() >= before + 10, "the late answers")

    run(main())
