"""An imitation through all that can happen to it: its learner killed, saved, stopped, gone on with; bit for bit.

The tests build on one another, in the order in which they stand here.
"""

from __future__ import annotations

import os
import signal

import msgspec
import pytest
import torch

from exphil_rt.config import load_config
from exphil_rt.control.wire import Checkpoint, Pause, RestartActor, Resume
from exphil_rt.policy.bundle import load_bundle
from exphil_rt.policy.config import new_config
from exphil_rt.policy.policy import Policy
from exphil_rt.training.dataset import Dataset
from exphil_rt.training.imitation import fit
from exphil_rt.training.imitation_config import of_settings

RUN = "shiner"
EPOCHS = 12
LEARN = ("--epochs", str(EPOCHS), "--patience", "99", "--hidden", "16", "--batch", "4", "--report-games", "0")


@pytest.fixture(scope="module")
def folder(place, replays_dir):
    made = place.folder / "replays"
    made.mkdir()
    for name in ("fox_multishine.slp", "fox_multishine_closed.slp"):
        (made / name).symlink_to(replays_dir / "matches" / name)
    return made


@pytest.fixture(scope="module")
def terminal(place, folder):
    """The command line; it has no terminal, and so tells lines."""
    return place.start("train", "imitation", str(folder), "--character", "fox", "--policy-out", RUN, *LEARN)


@pytest.fixture(scope="module")
def live(place, terminal):
    found = place.live(RUN)
    yield found
    found.client.close()


def epochs(live) -> int:
    status = live.status.imitation
    return len(status.done) if status is not None else 0


def test_it_shows_where_it_is(place, live):
    place.until(lambda: epochs(live) >= 1, "an epoch")
    overview = live.overview
    status = overview.status
    assert status.origin == "learning from replays"
    assert status.target_frames == status.imitation.epochs * status.target_frames // EPOCHS
    assert status.imitation.held_out_games == 1
    assert status.imitation.previous.nll > 0
    assert "of Fox" in status.imitation.data
    assert {"nll", "loss", "held_out", "held_out_changed", "frames_per_s", "waited"} <= {
        s.name for s in overview.series
    }
    assert [node.name for node in overview.tree][:2] == ["root", "store"]
    done = place.do("status", "--run", RUN)
    assert "P(a | previous a)" in done.stdout


def test_it_is_paused_saved_and_publishes_on_demand(place, live):
    assert live.client.do(Pause()) == "the run is paused"
    place.until(lambda: live.node("imitator").detail == "paused", "the learner waits")
    assert "is on disk" in live.client.do(Checkpoint())
    assert live.status.policy == f"{RUN}@v1"
    assert (place.home.policies / f"{RUN}@v1" / "manifest.json").is_file()


@pytest.mark.parametrize("name", ["telemetry", "run_manager"])
def test_what_shows_and_steers_it_may_be_restarted(place, live, name):
    before = live.status
    assert live.client.do(RestartActor(f"root/desk/{name}")) == f"root/desk/{name} was restarted"
    place.until(lambda: live.status.imitation is not None, "it is shown again")
    assert live.status.imitation.done == before.imitation.done
    assert live.status.policy == before.policy
    if name == "run_manager":  # a person's pause is not kept: the run goes on
        place.until(lambda: live.status.state == "running", "running")
        live.client.do(Pause())
    place.until(lambda: live.status.state == "paused", "paused")


def test_a_killed_learner_waits_as_the_one_before_it_and_goes_on(place, live):
    before = live.node("imitator")
    os.kill(before.os_pid, signal.SIGKILL)
    place.until(lambda: live.node("imitator").os_pid not in (0, before.os_pid), "a new learner")
    place.until(lambda: live.node("imitator").detail == "paused", "it waits, too")
    assert live.client.do(Resume()) == "the run goes on"
    place.until(lambda: live.events("learner_restored") and epochs(live) >= 2, "one more epoch")
    assert [event.level for event in live.events("child_exit")] == ["warn"]


def test_ctrl_c_saves_and_stops_it(place, live, terminal):
    assert live.status.imitation.epoch < EPOCHS, "too quick to be interrupted"
    terminal.signal(signal.SIGINT)
    assert terminal.wait() == 130, terminal.output
    assert f"go on with: exphil-rt train imitation --resume {RUN}" in terminal.output
    assert "epoch 1  train NLL" in terminal.output
    assert "interrupted" in terminal.output
    shown = place.do("runs", "list")
    assert "stopped" in shown.stdout


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (("train", "imitation", "--policy-out", RUN), f"An unfinished training of {RUN} lies in"),
        (("train", "imitation", "--resume", RUN, "--steps", "32"), "imitation.steps is 64"),
        (("train", "imitation", "--resume", RUN, "--heads", "grouped"), "--heads is 'autoregressive'"),
        (("train", "imitation", "--resume", RUN, "--character", "marth"), "Other sides (characters)"),
        (("train", "imitation", "--resume", RUN, "--restart"), "contradict each other"),
        (("self-play", "--headless", "--resume", RUN), f"The run {RUN} is an imitation."),
    ],
)
def test_what_cannot_be_is_one_sentence(place, live, folder, argv, sentence):
    done = place.do(*argv, *([str(folder)] if "--resume" not in argv else []))
    assert done.returncode == 2, done.stderr
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.slow  # half a minute; the same is held without a daemon in test_imitation_run of training
def test_it_goes_on_to_the_end_and_equals_an_undisturbed_training(place, live, folder):
    done = place.do("train", "imitation", "--resume", RUN, "--character", "fox", "--report-games", "0", "--json")
    assert done.returncode == 0, done.stderr
    outcome = msgspec.json.decode(done.stdout)
    assert outcome["result"]["ended"] == "epochs"
    assert len(outcome["result"]["epochs"]) == EPOCHS
    assert not live.run.learner.exists(), "there is nothing to go on from"
    torch.set_num_threads(1)
    (made,) = place.home.datasets.iterdir()
    config = load_config(files=[live.run.config_file], env={}).config
    torch.manual_seed(config.run.seed)
    policy = Policy(new_config("gru", hidden=16))
    data = Dataset.open(made).split(config.imitation.held_out, config.run.seed)
    expected = fit(policy, data, of_settings(config.imitation, config.run.seed))
    found, manifest = load_bundle(outcome["path"])
    for name, tensor in policy.state_dict().items():
        assert torch.equal(tensor, found.state_dict()[name]), name
    assert outcome["result"]["score"]["nll"] == expected.score.nll
    assert manifest.training.frames == expected.frames
    assert place.do("train", "imitation", "--resume", RUN).returncode == 2
