from __future__ import annotations

import msgspec
import numpy as np
import pytest
import torch

from exphil_rt import inference
from exphil_rt.game.frames import FIRST_FRAME, Frames
from exphil_rt.inference import RANDOM, EngineError
from exphil_rt.inference.engine import Decision
from exphil_rt.inference.player import EngineKind
from exphil_rt.policy.codec import ActionCodec
from exphil_rt.policy.config import PolicyConfig
from exphil_rt.policy.embed import to_tensors
from exphil_rt.policy.encoder import Encoder
from exphil_rt.policy.inputs import Inputs, build_inputs
from exphil_rt.policy.noise import ACTION_DOMAIN, keyed_uniform
from exphil_rt.policy.observation import ObservationField
from exphil_rt.policy.policy import Policy

NOISE_SIZE = ActionCodec().num_logits

torch.set_num_threads(1)

CONFIG = PolicyConfig(hidden=24, layers=2)
ENCODER = Encoder(CONFIG.schema)
_kind: EngineKind = "torch"


@pytest.fixture(params=["torch", "onnx"], autouse=True)
def kind(request):
    """What the engines of a test run on."""
    global _kind
    _kind = request.param
    return request.param


def Engine(rows: int) -> inference.Engine:
    return inference.Engine(rows, kind=_kind)


def policy(seed: int, config: PolicyConfig = CONFIG) -> Policy:
    torch.manual_seed(seed)
    made = Policy(config)
    torch.nn.init.normal_(made.heads.weight, std=0.5)
    return made


def frames(rows: int, t: int) -> Frames:
    rng = np.random.default_rng(t)
    made = Frames.allocate((rows,))
    made.frame[:] = FIRST_FRAME + t
    made.players.exists[:] = 1
    made.players.position_x[:] = rng.normal(0, 40, (rows, 2))
    made.players.state[:] = rng.integers(0, 390, (rows, 2))
    return made


def inputs(rows: int, t: int) -> Inputs:
    nothing = np.zeros((rows, 0, 13), np.uint8)
    return build_inputs(ENCODER, CONFIG.codec, frames(rows, t), 0, nothing, nothing[..., 0], 0)


def noise(rows: np.ndarray, t: int) -> np.ndarray:
    return keyed_uniform(1, ACTION_DOMAIN, rows, FIRST_FRAME + t, 0, NOISE_SIZE)


def test_stepping_equals_training():
    """Rows of two policies and a game that restarts: the log-probs and values are those of one forward."""
    engine = Engine(6)
    policies = {"a": policy(1), "b": policy(2)}
    for key, made in policies.items():
        engine.load(key, made)
    engine.assign([0, 2, 4], "a")
    engine.assign([1, 3, 5], "b")
    rows, steps, reset = np.arange(6), 7, np.zeros((6, 7), np.uint8)
    reset[2, 4] = reset[1, 5] = 1
    seen, decided = [], []
    for t in range(steps):
        engine.reset(np.flatnonzero(reset[:, t]))
        seen.append(inputs(6, t))
        decided.append(engine.step(rows, seen[-1], noise(rows, t)))
    for key, mine in (("a", [0, 2, 4]), ("b", [1, 3, 5])):
        stacked = Inputs(*(np.stack([getattr(s, n)[mine] for s in seen], 1) for n in Inputs.__slots__))
        tensors = to_tensors(stacked)
        actions = torch.from_numpy(np.stack([d.actions[mine] for d in decided], 1))
        with torch.no_grad():
            made = policies[key]
            hidden, value, _ = made(tensors, made.init_state(3), torch.from_numpy(reset[mine]))
            logp, _, _ = made.heads.log_prob(hidden, tensors.previous, actions)
        np.testing.assert_allclose(np.stack([d.logp[mine] for d in decided], 1), logp, atol=5e-5)
        np.testing.assert_allclose(np.stack([d.value[mine] for d in decided], 1), value, atol=2e-5)


def test_a_row_does_not_care_who_is_asked_with_it():
    together, apart = Engine(8), Engine(8)
    for engine in (together, apart):
        engine.load("a", policy(1))
        engine.assign(np.arange(8), "a")
    order = np.array([5, 2, 7, 0, 1, 6, 4, 3])
    for t in range(4):
        every = inputs(8, t)
        for engine in (together, apart) if t == 2 else ():
            engine.reset([6])
        asked = order if t % 2 else np.arange(8)  # all rows, in their own order and in another one
        given = together.step(asked, every[asked], noise(asked, t))
        back = np.argsort(asked)
        first = Decision(given.actions[back], given.logp[back], given.value[back])
        for some in (order[:3], order[3:4], order[4:]):
            found = apart.step(some, every[some], noise(some, t))
            assert np.array_equal(found.actions, first.actions[some])
            np.testing.assert_allclose(found.logp, first.logp[some], atol=5e-5)
            np.testing.assert_allclose(found.value, first.value[some], atol=2e-5)


def test_policies_with_other_observations_and_delays_play_side_by_side():
    schema = msgspec.structs.replace(
        CONFIG.schema,
        fields=(
            ObservationField(name="x", source="own.position_x", scale=0.01, low=-5, high=5),
            ObservationField(name="s", source="own.state", kind="id", table="action_state"),
        ),
    )
    other = PolicyConfig(backbone="mlp", hidden=8, schema=schema, delay=2, dmax=2)
    engine = Engine(4)
    engine.load("a", policy(1))
    engine.load("b", policy(2, other))
    engine.assign([0, 3], "a")
    engine.assign([1], "b")
    assert [engine.assigned(r) for r in range(4)] == ["a", "b", RANDOM, "a"]
    shown = frames(4, 0)
    committed = np.tile(ActionCodec().neutral(), (4, 3, 1))
    committed[1, 1, 8] = 16
    mask = (np.arange(3) < np.array([0, 2, 0, 0])[:, None]).astype(np.uint8)
    draws = noise(np.arange(4), 0)
    port, delay = np.array([0, 1, 0, 1]), np.array([0, 2, 0, 0])
    decision = engine.step_frames(np.arange(4), shown, port, committed, mask, delay, draws)
    alone = build_inputs(Encoder(schema), other.codec, shown[1:2], 1, committed[1:2, :2], mask[1:2, :2], delay[1:2])
    assert alone.previous[0, 8] == 16
    made = policy(2, other).eval()
    action, logp, value, _ = made.act(to_tensors(alone), made.init_state(1), torch.from_numpy(draws[1:2]))
    assert np.array_equal(decision.actions[1], action[0].numpy())
    assert decision.logp[1] == pytest.approx(float(logp[0]), abs=2e-5)
    assert decision.value[1] == pytest.approx(float(value[0]), abs=2e-5)
    assert decision.logp[2] == decision.value[2] == 0.0


def test_random_rows_need_no_policy_and_are_keyed():
    engine = Engine(5)
    rows = np.arange(5)
    first = engine.step(rows, {}, noise(rows, 0)).actions
    assert np.array_equal(first, engine.step(rows, {}, noise(rows, 0)).actions)
    assert np.array_equal(first[[3, 1]], engine.step([3, 1], {}, noise(rows[[3, 1]], 0)).actions)
    assert not np.array_equal(first, engine.step(rows, {}, noise(rows, 1)).actions)


def test_a_new_version_under_the_same_key_keeps_the_rows_state():
    engine, still = Engine(2), Engine(2)
    for e in (engine, still):
        e.load("current", policy(1))
        e.assign([0, 1], "current")
        e.step([0, 1], inputs(2, 0), noise(np.arange(2), 0))
    before = engine.state([0, 1])["current"]
    engine.load("current", policy(9))
    assert all(np.array_equal(a, b) for a, b in zip(before, engine.state([0, 1])["current"], strict=True))
    after = engine.step([0, 1], inputs(2, 1), noise(np.arange(2), 1))
    unchanged = still.step([0, 1], inputs(2, 1), noise(np.arange(2), 1))
    assert not np.array_equal(after.value, unchanged.value)
    engine.load("current", policy(1, PolicyConfig(hidden=8)))
    assert not any(part.any() for part in engine.state([0, 1])["current"])
    engine.step([0, 1], inputs(2, 2), noise(np.arange(2), 2))


def test_loading_leaves_the_given_policy_to_its_owner():
    """What a learner goes on training is not what the engine plays."""
    made = policy(1)
    engine = Engine(1)
    engine.load("current", made)
    engine.assign(0, "current")
    before = engine.step([0], inputs(1, 0), noise(np.arange(1), 0))
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(1.0)
    engine.reset(0)
    after = engine.step([0], inputs(1, 0), noise(np.arange(1), 0))
    assert np.array_equal(before.value, after.value)


def test_temperature_is_the_keys():
    engine = Engine(64)
    engine.load("cold", policy(1), temperature=0.0)
    engine.assign(np.arange(64), "cold")
    same = inputs(1, 0)[np.zeros(64, int)]
    found = engine.step(np.arange(64), same, noise(np.arange(64), 0)).actions
    assert (found == found[0]).all()


def test_keys_come_and_go():
    engine = Engine(2)
    with pytest.raises(EngineError, match="reserved"):
        engine.load(RANDOM, policy(1))
    with pytest.raises(EngineError, match="holds no policy 'ghost'"):
        engine.assign([0], "ghost")
    engine.load("a", policy(1))
    engine.assign([1], "a")
    with pytest.raises(EngineError, match="still plays 1 rows"):
        engine.unload("a")
    engine.assign([1], RANDOM)
    engine.unload("a")
    engine.unload("a")
    assert engine.keys == (RANDOM,)
    for n in range(5):
        engine.load(f"k{n}", policy(n))
        engine.assign([0], f"k{n}")
        assert engine.assigned(0) == f"k{n}"
        engine.assign([0], RANDOM)
        engine.unload(f"k{n}")
    assert engine.keys == (RANDOM,)


def test_no_rows_is_no_work():
    engine = Engine(2)
    engine.load("a", policy(1))
    engine.assign([0, 1], "a")
    decision = engine.step(np.zeros(0, int), inputs(2, 0)[:0], noise(np.zeros(0, int), 0))
    assert decision.actions.shape == (0, 13)
