"""A match on the stand-in, through the command line, plays what an offline replay of its own recording says.

The recording holds the states that the policy saw and the inputs that the game took. From the states alone, the queue
is replayed without a console, and by the embedded game's loop: on each frame, both must give the inputs that were
taken. What a console's parts do alone is shown in ``tests/exphil_rt/dolphin/test_delay_parity``.
"""

from __future__ import annotations

import pytest
import torch
from dolphin_parts import CODEC, Tape, manifest_of, offline
from rollout_parts import small_policy

from exphil_rt.dolphin.echo import pad_of, same_pad
from exphil_rt.inference import Engine
from exphil_rt.messages.rollout import CURRENT, RANDOM, GameSpec, PlayerSpec
from exphil_rt.policy.bundle import save_bundle
from exphil_rt.replays import read_replay
from exphil_rt.rollout.loop import RolloutLoop

SEED = 11


@pytest.mark.slow
@pytest.mark.parametrize(("delay", "console", "frames"), [(18, 2, 600), (18, 0, 600), (2, 1, 600), (2, 0, 600)])
def test_a_match_plays_what_its_recording_says(place, delay, console, frames):
    torch.set_num_threads(1)
    name = f"d{delay}c{console}"
    policy = small_policy(seed=3, delay=delay)
    save_bundle(place.home.policies / f"{name}@v1", policy, manifest_of(policy, name))
    place.start(
        "play", "stand-in", name, "--opponent", "cpu3", "--source", "still", "--headless", "--run", name,
        "--console-delay", str(console), "--seed", str(SEED), "--set", "play.late=wait",
    )  # fmt: skip
    live = place.live(name)
    place.until(lambda: live.status.match and live.status.match.frames > frames, "it plays")
    match, game = live.status.match, live.overview.exhibition.game_id
    live.client.close()
    assert place.do("daemon", "stop", "--run", name).returncode == 0
    (replay,) = (live.run.replays / "console").glob("*.slp")
    played = read_replay(replay, rollback="last").frames
    count = match.frames  # what was counted until then
    assert played.lead[0] >= count > frames
    played = played[:count]
    taken = [pad_of(played.controllers[t, 0]) for t in range(count)]
    first = int(played.frame[0])
    if match.late or match.skipped:
        pytest.skip(f"this machine is too busy: {match.late} actions were late, {match.skipped} frames were skipped")

    decided = offline(policy, played, 0, SEED, game)
    assert len({pad_of(CODEC.decode(action)) for action in decided.values()}) > 20
    for t in range(delay + 1, count):
        assert same_pad(taken[t], pad_of(CODEC.decode(decided[first + t]))), first + t
    rest = pad_of(CODEC.decode(CODEC.neutral()))
    assert all(same_pad(pad, rest) for pad in taken[: delay + 1])

    tape = Tape(played)
    players = (PlayerSpec(policy=CURRENT), PlayerSpec(policy=RANDOM))
    spec = GameSpec(game_id=game, kind="training", stage=32, characters=(1, 18), players=players, seed=SEED)
    loop = RolloutLoop(tape, Engine(2), policy, games=1, seed=SEED, supply=lambda slot: spec, sample_hz=0)
    while tape.at < count:
        assert loop.tick()
    for t in range(1, count):
        assert same_pad(taken[t], pad_of(tape.committed[first + t][0])), first + t
