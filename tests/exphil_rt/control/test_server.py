"""The control server over real sockets, on trio as in the daemon."""

from __future__ import annotations

import os
import random
import socket
import stat
import struct
import tempfile
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import TaskStatus

from exphil_rt.control import server as server_module
from exphil_rt.control.client import connect_async
from exphil_rt.control.framing import (
    Deframer,
    ProtocolError,
    decode_server_frame,
    encode_frame,
)
from exphil_rt.control.server import MAX_CLIENTS, AlreadyServing, Handler, Hub, SocketUnusable, serve
from exphil_rt.control.wire import (
    PROTOCOL,
    Answer,
    Checkpoint,
    Command,
    Done,
    EventsUpdate,
    ExhibitionUpdate,
    Fault,
    GetActor,
    GetOverview,
    GetStatus,
    Hello,
    Pause,
    Publish,
    Refused,
    Request,
    RestartActor,
    Resume,
    ServerFrame,
    Stop,
    Subscribe,
    Update,
)
from exphil_rt.errors import ExphilError
from exphil_rt.messages.telemetry import Event, GameSample, PlayerSample

HELLO = Hello(protocol=PROTOCOL, version="0.1.0", run="test-run", pid=7)
pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "trio"


@pytest.fixture
def path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ert") as folder:  # short: a socket's path is limited
        yield Path(folder) / "socket"


async def handle(command: Command, author: str) -> Answer:
    match command:
        case Pause():
            return Done(f"paused by {author}")
        case RestartActor(path):
            raise ExphilError(f"No actor at {path}.", hint="See `exphil-rt tree`.", exit_code=2)
        case GetActor():
            raise ZeroDivisionError("a bug")
        case Checkpoint():
            await anyio.sleep(0.05)
            return Done("saved")
        case GetOverview():
            return Done("x" * (9 * 1024 * 1024))
        case _:
            return Done("done")


@asynccontextmanager
async def serving(path: Path, handle: Handler = handle) -> AsyncGenerator[Hub]:
    hub = Hub()
    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            await group.start(serve, path, HELLO, handle, hub)
            yield hub
            group.cancel_scope.cancel()


def event(seq: int) -> Event:
    return Event(seq=seq, time_ns=0, level="info", actor="root", event="e", text="t" * 500)


def exhibition(frame: int) -> ExhibitionUpdate:
    player = PlayerSample(policy="p" * 2000, character=1, x=0, y=0, facing=1, percent=0, stocks=4, state=0)
    return ExhibitionUpdate(
        GameSample(slot=0, game_id=1, kind="exhibition", stage=32, frame=frame, players=(player, player))
    )


def raw_client(path: Path, hello: Hello | None = HELLO) -> socket.socket:
    """A client that does only what the test says, with a deadline of 10 s on each step."""
    raw = socket.socket(socket.AF_UNIX)
    raw.settimeout(10)
    raw.connect(os.fspath(path))
    if hello is not None:
        raw.sendall(encode_frame(hello))
    return raw


def read_all(raw: socket.socket) -> list[ServerFrame]:
    """Every frame until the server closes."""
    deframer, frames = Deframer(), []
    with raw:
        while True:
            try:
                data = raw.recv(65_536)
            except ConnectionResetError:  # closed with something of ours unread
                data = b""
            if not data:
                return frames
            frames += [decode_server_frame(body) for body in deframer.feed(data)]


def read_until_event(raw: socket.socket, last: int) -> list[Update]:
    """Updates until the event of number ``last``."""
    deframer, updates = Deframer(), []
    while True:
        for body in deframer.feed(raw.recv(65_536)):
            frame = decode_server_frame(body)
            if isinstance(frame, Publish):
                updates.append(frame.body)
                if isinstance(frame.body, EventsUpdate) and frame.body.events[-1].seq == last:
                    return updates


def talk_nonsense(listener: socket.socket) -> None:
    listener.settimeout(10)
    raw, _ = listener.accept()
    with raw:
        raw.sendall(b"SSH-2.0-OpenSSH_9.9\r\n")


async def until(condition: Callable[[], bool]) -> None:
    """Wait up to 10 s for ``condition()``."""
    for _ in range(5000):
        if condition():
            return
        await anyio.sleep(0.002)
    pytest.fail("it did not come to be within 10 s")


async def test_hello_request_and_reply(path: Path) -> None:
    async with serving(path), connect_async(path, author="tester") as client:
        assert client.hello == HELLO
        assert await client.request(Pause()) == Done("paused by tester")


async def test_the_socket_is_private_and_removed_at_the_end(path: Path) -> None:
    async with serving(path):
        mode = os.stat(path).st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o600
    assert not os.access(path, os.F_OK)


async def test_a_stale_socket_is_replaced_a_live_one_is_not(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(os.fspath(path))
    async with serving(path):
        with pytest.raises(AlreadyServing) as caught:
            await serve(path, HELLO, handle, Hub())
        assert caught.value.exit_code == 4
        async with connect_async(path) as client:
            assert await client.request(GetStatus()) == Done("done")


async def test_a_file_in_the_way_is_named_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "file"
    fd = os.open(file, os.O_CREAT)
    os.close(fd)
    with pytest.raises(SocketUnusable, match="in the way"):
        await serve(file, HELLO, handle, Hub())
    assert os.access(file, os.F_OK)


async def test_a_path_that_cannot_be_a_socket_is_named(path: Path) -> None:
    with pytest.raises(SocketUnusable, match="longer than 103 bytes"):
        await serve(path.parent / ("x" * 120), HELLO, handle, Hub())
    with pytest.raises(SocketUnusable, match="cannot be made"):
        await serve(path.parent / "missing" / "socket", HELLO, handle, Hub())


async def test_errors_of_the_handler_become_refusals(path: Path) -> None:
    async with serving(path), connect_async(path) as client:
        assert await client.request(RestartActor("root/x")) == Refused(
            "No actor at root/x.", "See `exphil-rt tree`.", 2
        )
        bug = await client.request(GetActor("root"))
        assert isinstance(bug, Refused)
        assert "ZeroDivisionError" in bug.message
        large = await client.request(GetOverview())
        assert isinstance(large, Refused)
        assert "over the limit" in large.message
        assert await client.request(GetStatus()) == Done("done")


async def test_a_slow_command_does_not_hold_up_others(path: Path) -> None:
    async with serving(path), connect_async(path) as client:
        order = []

        async def ask(command: Command) -> None:
            await client.request(command)
            order.append(type(command))

        async with anyio.create_task_group() as group:
            group.start_soon(ask, Checkpoint())
            await anyio.wait_all_tasks_blocked()
            group.start_soon(ask, GetStatus())
        assert order == [GetStatus, Checkpoint]


async def test_a_command_is_carried_out_when_its_client_leaves(path: Path) -> None:
    carried_out = anyio.Event()

    async def slow(command: Command, author: str) -> Answer:
        await anyio.sleep(0.05)
        carried_out.set()
        return Done()

    async with serving(path, slow):
        async with connect_async(path) as client, anyio.create_task_group() as group:
            group.start_soon(client.request, Stop())
            await anyio.sleep(0.02)
            group.cancel_scope.cancel()
        await carried_out.wait()


async def test_a_command_has_a_deadline(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "HANDLE_S", 0.05)

    async def never(command: Command, author: str) -> Answer:
        await anyio.sleep_forever()
        raise AssertionError

    async with serving(path, never), connect_async(path) as client:
        answer = await client.request(Checkpoint())
        assert isinstance(answer, Refused)
        assert "Checkpoint was not done" in answer.message


async def test_a_readonly_client_changes_nothing(path: Path) -> None:
    async with serving(path), connect_async(path, readonly=True) as client:
        for command in (Pause(), Resume(), RestartActor("root"), Checkpoint(), Stop()):
            answer = await client.request(command)
            assert isinstance(answer, Refused)
            assert "read-only" in answer.message
        assert await client.request(GetStatus()) == Done("done")


async def test_updates_reach_subscribers_only(path: Path) -> None:
    async with serving(path) as hub, connect_async(path) as watcher, connect_async(path) as other:
        assert not hub.wanted("exhibition")
        await watcher.subscribe("exhibition", max_hz=60)
        await other.subscribe("events")
        assert hub.wanted("exhibition")
        assert not hub.wanted("overview")
        hub.publish("exhibition", exhibition(1))
        async for update in watcher.updates():
            assert update == exhibition(1)
            break
        hub.publish("events", EventsUpdate((event(1),)))
        async for update in other.updates():
            assert update == EventsUpdate((event(1),))
            break
        await watcher.unsubscribe("exhibition")
        assert not hub.wanted("exhibition")


async def test_the_rate_is_bounded_and_the_last_value_arrives(path: Path) -> None:
    async with serving(path) as hub, connect_async(path) as client:
        await client.subscribe("exhibition", max_hz=50)
        start = anyio.current_time()

        async def publish() -> None:
            for frame in range(100):
                hub.publish("exhibition", exhibition(frame))
                await anyio.sleep(0.002)

        seen = []
        async with anyio.create_task_group() as group:
            group.start_soon(publish)
            async for update in client.updates():
                assert isinstance(update, ExhibitionUpdate)
                assert update.game is not None
                seen.append(update.game.frame)
                if seen[-1] == 99:
                    break
        assert seen == sorted(set(seen))
        assert len(seen) <= 2 + 50 * (anyio.current_time() - start)


@pytest.mark.parametrize("hz", [0.0, -1.0, float("nan"), float("inf")])
async def test_a_senseless_rate_is_refused(path: Path, hz: float) -> None:
    async with serving(path), connect_async(path) as client:
        assert isinstance(await client.request(Subscribe("events", hz)), Refused)


async def test_a_client_that_reads_nothing_pushes_nobody_back(path: Path) -> None:
    async with serving(path) as hub, connect_async(path) as quick:
        stuck = raw_client(path)
        for ident, topic in enumerate(("exhibition", "events")):
            stuck.sendall(encode_frame(Request(ident, "stuck", Subscribe(topic, 60.0))))  # type: ignore[arg-type]
        await until(lambda: hub.wanted("exhibition") and hub.wanted("events"))
        await quick.subscribe("exhibition", max_hz=60)
        for seq in range(5000):  # far more than a socket's buffer takes
            hub.publish("events", EventsUpdate((event(seq),)))
            hub.publish("exhibition", exhibition(seq))
            if seq % 100 == 0:
                await anyio.sleep(0.001)
        async for update in quick.updates():
            assert isinstance(update, ExhibitionUpdate)
            assert update.game is not None
            if update.game.frame == 4999:
                break
        # Once it reads again, it gets the newest of what it missed: the last 1000 events, the latest frame.
        frames = await anyio.to_thread.run_sync(read_until_event, stuck, 4999)
        stuck.close()
        events = [one.seq for frame in frames if isinstance(frame, EventsUpdate) for one in frame.events]
        assert events == sorted(set(events))
        assert events[-1000:] == list(range(4000, 5000))
        assert len(events) < 5000


async def test_a_client_that_never_reads_is_dropped(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "WRITE_S", 0.1)
    async with serving(path) as hub:
        stuck = raw_client(path)
        stuck.sendall(encode_frame(Request(1, "stuck", Subscribe("events", 60.0))))
        await until(lambda: hub.wanted("events"))
        hub.publish("events", EventsUpdate(tuple(map(event, range(1000)))))
        await until(lambda: hub.clients == 0)
        stuck.close()


async def test_many_clients_and_one_too_many(path: Path) -> None:
    async with serving(path) as hub, anyio.create_task_group() as group:
        served = 0
        leave = anyio.Event()

        async def visit() -> None:
            nonlocal served
            async with connect_async(path) as client:
                assert await client.request(Pause()) == Done("paused by tui")
                served += 1
                await leave.wait()

        for _ in range(MAX_CLIENTS):
            group.start_soon(visit)
        await until(lambda: served == MAX_CLIENTS)
        with pytest.raises(ProtocolError, match=f"already serves {MAX_CLIENTS} clients"):
            async with connect_async(path):
                pass
        leave.set()
        await until(lambda: hub.clients == 0)
        async with connect_async(path) as client:
            assert await client.request(GetStatus()) == Done("done")


async def test_another_protocol_gets_one_sentence(path: Path) -> None:
    async with serving(path) as hub:
        foreign = raw_client(path, Hello(protocol=99, version="9.9.9"))
        answer = await anyio.to_thread.run_sync(read_all, foreign)
        assert answer[0] == HELLO
        assert isinstance(answer[1], Fault)
        assert "protocol 1" in answer[1].message
        assert "9.9.9" in answer[1].message
        await until(lambda: hub.clients == 0)


async def test_a_client_notices_another_protocol_itself(path: Path) -> None:
    hub = Hub()
    async with anyio.create_task_group() as group:
        await group.start(serve, path, Hello(protocol=2, version="2.0.0"), handle, hub)
        with pytest.raises(ProtocolError, match=r"2\.0\.0"):
            async with connect_async(path):
                pass
        group.cancel_scope.cancel()


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x00" * 64,
        struct.pack(">I", 2**31),
        struct.pack(">I", 5) + b"\xc1\xc1\xc1\xc1\xc1",
        encode_frame(Request(1, "x", GetStatus())),  # before Hello
        encode_frame(HELLO) * 2,
        encode_frame(HELLO) + struct.pack(">I", 60_001) + b"\x91" * 60_000 + b"\xc0",
    ],
)
async def test_garbage_gets_a_fault_and_others_are_served_on(path: Path, garbage: bytes) -> None:
    async with serving(path) as hub, connect_async(path) as other:
        await other.subscribe("events")
        bad = raw_client(path, None)
        bad.sendall(garbage)
        answer = await anyio.to_thread.run_sync(read_all, bad)
        assert answer[0] == HELLO
        assert isinstance(answer[-1], Fault)
        assert len(answer) == 2
        await until(lambda: hub.clients == 1)
        hub.publish("events", EventsUpdate((event(1),)))
        async for update in other.updates():
            assert update == EventsUpdate((event(1),))
            break
        assert await other.request(GetStatus()) == Done("done")


async def test_a_silent_client_is_told_and_closed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "HELLO_S", 0.05)
    async with serving(path):
        answer = await anyio.to_thread.run_sync(read_all, raw_client(path, None))
        assert isinstance(answer[-1], Fault)
        assert "No Hello" in answer[-1].message


async def test_the_last_answer_goes_out_when_the_command_ends_the_daemon(path: Path) -> None:
    scope = anyio.CancelScope()

    async def stop(command: Command, author: str) -> Answer:
        scope.cancel()
        return Done("stopping")

    async def daemon(*, task_status: TaskStatus[None]) -> None:
        with scope:
            await serve(path, HELLO, stop, Hub(), task_status=task_status)

    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            await group.start(daemon)
            async with connect_async(path) as client:
                assert await client.request(Stop()) == Done("stopping")


async def test_no_noise_ends_the_daemon(path: Path) -> None:
    noise = random.Random(5)
    hello, command = encode_frame(HELLO), encode_frame(Request(1, "noise", Subscribe("events", 10.0)))

    def mangled() -> bytes:
        data = bytearray(noise.choice([b"", hello]) + noise.choice([command, noise.randbytes(40)]))
        for _ in range(noise.randrange(4)):
            data[noise.randrange(len(data))] = noise.randrange(256)
        return bytes(data[: noise.randrange(len(data) + 1)])

    async with serving(path) as hub:
        for _ in range(150):
            with raw_client(path, None) as raw:
                raw.sendall(mangled())
            hub.publish("events", EventsUpdate((event(1),)))
            await anyio.lowlevel.checkpoint()
        await until(lambda: hub.clients == 0)
        async with connect_async(path) as client:
            assert await client.request(GetStatus()) == Done("done")
