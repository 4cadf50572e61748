"""The async client over real sockets, on asyncio (the TUI) and on trio."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
from anyio.abc import TaskStatus

from exphil_rt.control.client import connect_async
from exphil_rt.control.framing import DaemonGone, DaemonNotRunning, ProtocolError
from exphil_rt.control.server import Hub, serve
from exphil_rt.control.wire import (
    PROTOCOL,
    Answer,
    Checkpoint,
    Command,
    Done,
    EventsUpdate,
    ExhibitionUpdate,
    GetStatus,
    Hello,
    Refused,
    Subscribe,
)
from exphil_rt.messages.telemetry import Event

HELLO = Hello(protocol=PROTOCOL, version="0.1.0", run="test-run", pid=7)
pytestmark = pytest.mark.anyio


@pytest.fixture(params=["trio", "asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ert") as folder:  # short: a socket's path is limited
        yield Path(folder) / "socket"


async def handle(command: Command, author: str) -> Answer:
    if isinstance(command, Checkpoint):
        await anyio.sleep(0.05)
    return Done(f"done for {author}")


@asynccontextmanager
async def serving(path: Path) -> AsyncGenerator[Hub]:
    hub = Hub()
    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            await group.start(serve, path, HELLO, handle, hub)
            yield hub
            group.cancel_scope.cancel()


def talk_nonsense(listener: socket.socket) -> None:
    listener.settimeout(10)
    raw, _ = listener.accept()
    with raw:
        raw.sendall(b"SSH-2.0-OpenSSH_9.9\r\n")


def event(seq: int) -> Event:
    return Event(seq=seq, time_ns=0, level="info", actor="root", event="e", text="t")


async def test_requests_and_updates(path: Path) -> None:
    async with serving(path) as hub, connect_async(path, author="tester") as client:
        assert client.hello == HELLO
        assert await client.request(GetStatus()) == Done("done for tester")
        await client.subscribe("events", max_hz=60)
        await client.subscribe("exhibition", max_hz=60)
        hub.publish("exhibition", ExhibitionUpdate(None))
        hub.publish("events", EventsUpdate((event(1),)))
        hub.publish("events", EventsUpdate((event(2),)))
        seen = [await anext(client.updates()) for _ in range(2)]
        assert ExhibitionUpdate(None) in seen
        assert EventsUpdate((event(1), event(2))) in seen
        await client.unsubscribe("exhibition")
        assert not hub.wanted("exhibition")


async def test_requests_at_the_same_time_get_their_own_answers(path: Path) -> None:
    async with serving(path), connect_async(path) as client:
        answers = {}

        async def ask(number: int) -> None:
            answers[number] = await client.request(Subscribe("overview", number) if number else GetStatus())

        async with anyio.create_task_group() as group:
            for number in range(10):
                group.start_soon(ask, number)
        assert answers == {0: Done("done for tui")} | {n: Done(f"overview at up to {n} Hz") for n in range(1, 10)}
        assert isinstance(await client.request(Subscribe("overview", -1)), Refused)


async def test_leaving_in_the_middle_of_traffic_is_quiet(path: Path) -> None:
    async with serving(path) as hub, anyio.create_task_group() as group:

        async def publish() -> None:
            while True:
                hub.publish("exhibition", ExhibitionUpdate(None))
                await anyio.lowlevel.checkpoint()

        group.start_soon(publish)
        for _ in range(50):
            async with connect_async(path) as client:
                await client.subscribe("exhibition", max_hz=60)
                await anext(client.updates())
        group.cancel_scope.cancel()


async def test_no_daemon_and_a_lost_daemon(path: Path) -> None:
    with pytest.raises(DaemonNotRunning) as caught:
        async with connect_async(path):
            pass
    assert caught.value.exit_code == 3
    assert str(path) in str(caught.value)

    async with anyio.create_task_group() as group:
        scope = anyio.CancelScope()

        async def daemon(*, task_status: TaskStatus[None]) -> None:
            with scope:
                await serve(path, HELLO, handle, Hub(), task_status=task_status)

        await group.start(daemon)
        async with connect_async(path) as client:
            await client.subscribe("events")
            scope.cancel()
            with pytest.raises(DaemonGone) as gone:
                async for _ in client.updates():
                    pass
            assert gone.value.exit_code == 3
            assert not client.connected
            with pytest.raises(DaemonGone):
                await client.request(GetStatus())


async def test_a_request_has_a_deadline(path: Path) -> None:
    async with serving(path), connect_async(path) as client:
        with pytest.raises(DaemonGone, match=r"Checkpoint within 0\.01 s"):
            await client.request(Checkpoint(), timeout=0.01)
        assert await client.request(GetStatus()) == Done("done for tui")


async def test_a_peer_that_is_no_daemon(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.fspath(path))
        listener.listen()
        with pytest.raises(DaemonGone, match=r"within 0\.05 s"):
            async with connect_async(path, deadline=0.05):
                pass
        accepted, _ = listener.accept()
        accepted.close()
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.to_thread.run_sync, talk_nonsense, listener)
            with pytest.raises(ProtocolError):
                async with connect_async(path):
                    pass


async def test_an_error_in_the_block_comes_out_as_it_is(path: Path) -> None:
    async with serving(path):
        with pytest.raises(KeyError):
            async with connect_async(path):
                raise KeyError
