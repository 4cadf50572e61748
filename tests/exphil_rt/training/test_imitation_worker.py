"""The process of an imitation, over a real port: what it tells, and what it does when it is told to."""

from __future__ import annotations

import socket
import threading

import msgspec
import pytest
import torch

from exphil_rt.actor import ChildPort
from exphil_rt.actor.process_wire import ARGS, HEARTBEAT, MESSAGE, READY, SHUTDOWN, FrameBuffer, pack
from exphil_rt.config import load_config
from exphil_rt.messages.imitation import (
    DataChosen,
    EpochDone,
    FromImitator,
    ImitationArgs,
    Learning,
    RunOver,
    TablesCounted,
)
from exphil_rt.messages.learner import Published, PublishNow, Saved
from exphil_rt.messages.rollout import PauseGames, ResumeGames
from exphil_rt.policy.bundle import load_bundle
from exphil_rt.policy.config import new_config
from exphil_rt.replays import SideFilter
from exphil_rt.store.home import Home
from exphil_rt.store.run import Run
from exphil_rt.training.imitation_plan import ImitationPlan
from exphil_rt.training.imitation_worker import main


class Daemon:
    """The other end: what is to be said beforehand, and what was heard."""

    def __init__(
        self, run: Run, *said: object, shutdown: bool = False, on: dict[type, tuple[object, ...]] | None = None
    ):
        self.run, self.on = run, on or {}
        self.heard: list[object] = []
        self.phases: list[str] = []
        self.ready = False
        self.ours, theirs = socket.socketpair()
        args = ImitationArgs(home=str(run.home.root), run=run.name, run_id="1")
        self.ours.sendall(pack(ARGS, args) + b"".join(pack(MESSAGE, one) for one in said))
        if shutdown:
            self.ours.sendall(pack(SHUTDOWN))
        listener = threading.Thread(target=self.listen, daemon=True)
        listener.start()
        before = torch.get_num_threads()
        try:
            main(ChildPort(theirs, []))
        finally:
            torch.set_num_threads(before)
            theirs.close()
            listener.join(10)
            self.ours.close()

    def listen(self) -> None:
        buffer = FrameBuffer()
        while data := self.ours.recv(65536):
            buffer.feed(data)
            for kind, body in buffer.frames():
                if kind == HEARTBEAT:
                    self.phases.append(msgspec.msgpack.decode(body, type=str))
                elif kind == READY:
                    self.ready = True
                elif kind == MESSAGE:
                    message = msgspec.msgpack.decode(body, type=FromImitator)
                    self.heard.append(message)
                    for answer in self.on.pop(type(message), ()):
                        self.ours.sendall(pack(MESSAGE, answer))
                    if isinstance(message, RunOver):
                        self.ours.sendall(pack(SHUTDOWN))

    def all(self, kind: type) -> list[object]:
        return [message for message in self.heard if type(message) is kind]


@pytest.fixture
def make(replays_dir, tmp_path):
    folder = tmp_path / "replays"
    folder.mkdir()
    for name in ("fox_multishine.slp", "fox_multishine_closed.slp"):
        (folder / name).symlink_to(replays_dir / "matches" / name)
    home = Home(tmp_path / "home").create()

    def made(character: str = "fox", **settings: object) -> Run:
        overrides = {"imitation.report_games": 0, "imitation.epochs": 2, "imitation.batch": 4, **settings}
        plan = ImitationPlan(
            policy_out="clone", replays=str(folder), sides=SideFilter.parse([character]), workers=1,
            policy=new_config("gru", hidden=8),
        )  # fmt: skip
        resolved = load_config(env={}, overrides=overrides)
        return Run.create(home, resolved, "clone", plan=plan.encode(), policy_name="clone")

    return made


def test_it_reads_learns_publishes_and_says_so_in_order(make):
    run = make()
    daemon = Daemon(run, PauseGames(), ResumeGames())
    assert daemon.ready
    (chosen,) = daemon.all(DataChosen)
    assert chosen.held_out_games == 1
    (tables,) = daemon.all(TablesCounted)
    epochs = daemon.all(EpochDone)
    assert [one.figures.epoch for one in epochs] == [1, 2]
    assert epochs[0].figures.held_out.nll < tables.previous.nll
    order = [type(message).__name__ for message in daemon.heard]
    firsts = [order.index(name) for name in ("DataChosen", "TablesCounted", "Learning", "EpochDone", "Published")]
    assert firsts == sorted(firsts)
    assert daemon.all(Learning)[0].first
    assert daemon.heard[-1] == RunOver()
    assert {"reading replays", "learning", "measuring", "over"} <= set(daemon.phases)
    policy, manifest = load_bundle(run.home.policies / "clone@v1")
    assert policy.config.hidden == 8
    assert manifest.run == "1"
    again = Daemon(run)  # killed behind the bundle, say: nothing is learned or written twice
    assert not again.all(Learning)
    assert [one.restored for one in again.all(EpochDone)] == [True, True]
    assert again.all(Published) == daemon.all(Published)
    assert not (run.home.policies / "clone@v2").exists()


def test_it_waits_while_it_is_paused_and_saves_when_it_is_asked(make):
    run = make()
    daemon = Daemon(run, PauseGames(), PublishNow(), on={Saved: (ResumeGames(),)})
    saved = daemon.all(Saved)
    assert [one.asked for one in saved] == [True]
    assert "paused" in daemon.phases
    assert daemon.heard[-1] == RunOver(), "it went on when it was told to"


def test_a_version_is_published_on_demand_between_two_epochs(make):
    run = make(**{"imitation.epochs": 3})
    daemon = Daemon(run, on={EpochDone: (PublishNow(),)})
    assert [one.version for one in daemon.all(Published)] == [1, 2]
    (saved,) = daemon.all(Saved)
    assert saved.asked
    assert saved.generation > 0
    assert load_bundle(run.home.policies / "clone@v1")[1].metrics["best_epoch"] == 1


def test_told_to_stop_it_ends_at_once(make):
    stopped = Daemon(make(), shutdown=True)
    assert not stopped.all(Learning)
    assert not stopped.all(RunOver)


def test_too_few_games_are_one_sentence(make):
    (over,) = Daemon(make("pichu")).all(RunOver)
    assert "training needs two at least" in over.failure
    assert over.exit_code == 2
