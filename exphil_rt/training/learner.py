"""Learner: takes rollouts, improves a policy by PPO, survives NaN and leaps, saves and restores itself.

A plain object without a loop, a process or a socket in it; ``worker`` is the process around it. The loss is in
``ppo``, advantages in ``returns``, rewards in ``rewards``, files in ``generations``.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from exphil_rt.game.frames import FIRST_PLAYABLE_FRAME
from exphil_rt.messages.learner import LearnerConfig, LearnMetrics
from exphil_rt.policy.backbones.base import State
from exphil_rt.policy.device import pick_device
from exphil_rt.policy.embed import InputTensors, to_tensors
from exphil_rt.policy.encoder import Encoder
from exphil_rt.policy.inputs import Inputs, build_inputs
from exphil_rt.policy.policy import Policy
from exphil_rt.rollout.experience import IN_PLAY, Rollout
from exphil_rt.training import generations
from exphil_rt.training.generations import LearnerState, LearnerStateInvalid
from exphil_rt.training.ppo import Loss, Targets, ppo_loss
from exphil_rt.training.returns import edges, gae
from exphil_rt.training.rewards import RewardMix

__all__ = ("Learner", "LearnerConfig", "LearnerStateInvalid")

_FRAMES_A_SECOND: Final = 60
_SPREAD_FLOOR: Final = 1e-4
_RATE_FLOOR: Final = 1 / 16
"""How far undone updates may lower the learning rate."""


class _Sequences(NamedTuple):
    """All training sequences of a rollout, ``[B, L]`` each."""

    inputs: InputTensors
    actions: Tensor
    reset: Tensor
    targets: Targets
    states: State
    """Recurrent state before each sequence ``[B, ...]``, under the policy as it is before the update."""
    teacher: Tensor | None
    """The teacher's logits ``[B, L, *]``, where there is one."""

    def at(self, index: Tensor) -> _Sequences:
        """The sequences ``index``."""
        return _Sequences(
            self.inputs.at(index),
            self.actions[index],
            self.reset[index],
            Targets(*(part[index] for part in self.targets)),
            tuple(part[index] for part in self.states),
            None if self.teacher is None else self.teacher[index],
        )


class Learner:
    """PPO on rollouts.

    Args:
        config: settings of PPO and of the rewards.
        policy: what learns; changed in place.
        device: where it learns.
        teacher: a policy of the same schema, codec and delay, which it is kept near to by ``config.teacher_kl``.

    Raises:
        RewardInvalid: for a reward term that cannot be found.
    """

    def __init__(
        self, config: LearnerConfig, policy: Policy, *, device: str = "cpu", teacher: Policy | None = None
    ) -> None:
        if config.deterministic:
            torch.set_num_threads(1)
            torch.use_deterministic_algorithms(True)
        self.config = config
        self.device = pick_device(device)
        self.policy = policy.to(self.device)
        self.teacher = teacher.to(self.device).eval().requires_grad_(False) if teacher is not None else None
        self.update = 0
        """Updates so far, undone ones too: the stamp of the weights."""
        self.frames = 0
        """Game frames learned from."""
        self.rate_scale = 1.0
        """Share of the learning rate in use: halved by an undone update, won back by good ones."""
        self.return_spread = 0.0
        """Running variance of the returns; 0 before the first update."""
        self.encoder = Encoder(policy.config.schema)
        self._rewards = RewardMix(config.reward, config.reward_weights)
        self._parameters = list(self.policy.parameters())
        self._optimizer = torch.optim.Adam(
            self._parameters, lr=config.learning_rate, eps=1e-5, fused=self.device.type == "cpu"
        )
        for parameter in self._parameters:  # so that a fresh learner and a restored one have the same things
            self._optimizer.state[parameter] = {
                "step": torch.zeros(()),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }

    # Learning ---------------------------------------------------------------------------------------------------

    def learn(self, rollout: Rollout) -> LearnMetrics:
        """Improve the policy by one rollout.

        An update that gives NaN or leaps beyond ``kl_limit`` is undone and reported, and the learner goes on.
        """
        begin = time.perf_counter()
        config, steps = self.config, rollout.steps
        number = self.update
        self.update += 1
        self.frames += int((steps.ended[:-1] == IN_PLAY).sum())
        kinds = edges(steps.ended, steps.reset)
        rewards, parts, faults = self._rewards(steps.frames, steps.ended, kinds.valid)
        advantages, returns = gae(rewards, steps.value, kinds, config.gamma, config.gae_lambda)
        learn = (steps.learn[:-1] == 1) & kinds.valid[..., None]
        due = steps.frames.frame[:-1] + self.policy.config.delay + 1
        counts = learn & (due >= FIRST_PLAYABLE_FRAME)[..., None]
        samples = int(counts.sum())
        rate = config.learning_rate * self.rate_scale
        metrics = LearnMetrics(learning_rate=rate, samples=samples, faults=tuple(faults))
        if samples == 0:
            return msgspec.structs.replace(metrics, seconds=time.perf_counter() - begin)
        chosen = advantages[counts]
        if config.normalize_advantage:
            advantages = (advantages - chosen.mean()) / (chosen.std() + np.float32(1e-8))
        learned_returns = returns[learn]
        self._follow(learned_returns)
        sequences = self._sequences(rollout, advantages, returns, learn, counts)
        good = self._snapshot()
        self.policy.train()
        done, last, epochs, norm = self._epochs(sequences, number, rate)
        self.policy.eval()
        reason = _judge(done, last, config)
        if reason:
            self._return_to(good)
            self.rate_scale = max(_RATE_FLOOR, self.rate_scale / 2)
            word = "gave NaN" if reason == "nan" else f"moved the policy by a KL of {float(last.kl):.3g}"
            faults = [*faults, f"Update {self.update} {word} and was undone; the learning rate is halved for a while."]
        else:
            self.rate_scale = min(1.0, self.rate_scale * 1.02)
        second = _FRAMES_A_SECOND / max(1, int(learn.sum()))
        return msgspec.structs.replace(
            metrics,
            loss=_number(done.total),
            policy_loss=_number(done.policy),
            value_loss=_number(done.value),
            entropy=_number(done.entropy),
            kl=_number(last.kl),
            teacher_kl=_number(last.teacher),
            clip_fraction=_number(done.clipped),
            explained_variance=_explained(steps.value[:-1][learn], learned_returns),
            grad_norm=norm if np.isfinite(norm) else 0.0,
            reward=float(rewards[learn].sum() * second),
            terms={name: float(part[learn].sum() * second) for name, part in parts.items()},
            epochs=epochs,
            staleness=float(number - steps.version[:-1][learn].mean()),
            seconds=time.perf_counter() - begin,
            reverted=reason,
            faults=tuple(faults),
        )

    def _follow(self, returns: NDArray[np.float32]) -> None:
        """Move the running variance of the returns; what is not finite does not count."""
        seen = float(returns.var())
        if np.isfinite(seen):
            kept = min(0.98, self.update / (self.update + 10.0))  # the first updates count less: games begin in peace
            self.return_spread = max(_SPREAD_FLOOR, kept * self.return_spread + (1.0 - kept) * seen)

    def _epochs(self, sequences: _Sequences, number: int, rate: float) -> tuple[Loss, Loss, int, float]:
        """Run the epochs. Returns mean loss parts, those of a minibatch at the end, epochs begun and gradient norm."""
        config = self.config
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        count = sequences.actions.shape[0]
        minibatches = min(config.minibatches, count)
        seen: list[Loss] = []
        norms: list[float] = []
        part = torch.arange(count)
        epoch = 0
        for epoch in range(config.epochs):
            order = torch.from_numpy(np.random.default_rng([config.seed, number, epoch]).permutation(count))
            kls = []
            for part in order.tensor_split(minibatches):
                loss = self._loss(sequences.at(part))
                if not bool(torch.isfinite(loss.total)):
                    return _detached(loss), _detached(loss), epoch + 1, float("nan")
                self._optimizer.zero_grad()
                loss.total.backward()  # type: ignore[no-untyped-call]
                norm = torch.nn.utils.clip_grad_norm_(self._parameters, config.grad_norm)
                norms.append(float(norm))
                if not np.isfinite(norms[-1]):
                    return _detached(loss), _detached(loss), epoch + 1, norms[-1]
                self._optimizer.step()
                seen.append(_detached(loss))
                kls.append(float(loss.kl))
            if np.mean(kls) > config.target_kl:
                break
        with torch.no_grad():
            last = self._loss(sequences.at(part))
        means = Loss(*(torch.stack(values).mean() for values in zip(*seen, strict=True)))
        return means, last, epoch + 1, float(np.mean(norms))

    def _loss(self, part: _Sequences) -> Loss:
        hidden, value, _ = self.policy(part.inputs, part.states, part.reset)
        heads = self.policy.heads
        logits = heads.logits(hidden, part.inputs.previous, part.actions)
        logp, entropy, _ = heads.scores(logits, part.actions)
        away = None if part.teacher is None else heads.divergence(logits, part.teacher)
        return ppo_loss(logp, entropy, value, part.targets, self.config, self.return_spread, away)

    # Sequences --------------------------------------------------------------------------------------------------

    def _sequences(
        self,
        rollout: Rollout,
        advantages: NDArray[np.float32],
        returns: NDArray[np.float32],
        learn: NDArray[np.bool_],
        counts: NDArray[np.bool_],
    ) -> _Sequences:
        """Cut the learning sides ``(game, port)`` into sequences ``[B, L]`` and find the state before each."""
        steps, total = rollout.steps, rollout.shape.steps
        games, ports = np.nonzero(learn.any(axis=0))  # [K]
        length = self.config.sequence if total % self.config.sequence == 0 else total
        pieces = total // length
        inputs = self._inputs(rollout, games, ports)  # [K, T]

        def tensor(array: NDArray[Any]) -> Tensor:
            """``[T, N, 2, ...]`` to ``[K, T, ...]``."""
            picked = array[:total, games, ports]
            return torch.from_numpy(np.ascontiguousarray(np.moveaxis(picked, 0, 1))).to(self.device)

        def cut(whole: Tensor) -> Tensor:
            """``[K, T, ...]`` to ``[K * pieces, L, ...]``."""
            return whole.reshape(whole.shape[0] * pieces, length, *whole.shape[2:])

        reset = torch.from_numpy(np.ascontiguousarray(steps.reset[:total, games].T)).to(self.device)
        first = torch.from_numpy(rollout.state[games, ports]).to(self.device)  # [K, S]
        states = self._states(inputs, first, reset, length)
        targets = Targets(
            logp=cut(tensor(steps.logp)),
            advantage=cut(tensor(advantages)),
            returns=cut(tensor(returns)),
            policy_mask=cut(tensor(counts.astype(np.float32))),
            value_mask=cut(tensor(learn.astype(np.float32))),
        )
        actions = tensor(steps.actions[..., : self.policy.config.codec.num_heads])
        taught = self._taught(inputs, reset, actions)
        every = _Sequences(
            InputTensors(*(cut(part) for part in inputs)),
            cut(actions),
            cut(reset),
            targets,
            states,
            None if taught is None else cut(taught),
        )
        used = targets.value_mask.any(dim=1).nonzero()[:, 0]
        return every if len(used) == len(targets.value_mask) else every.at(used)

    def _inputs(self, rollout: Rollout, games: NDArray[np.intp], ports: NDArray[np.intp]) -> InputTensors:
        """Inputs ``[K, T]`` of the learning sides, built as in play."""
        total, config = rollout.shape.steps, self.policy.config
        frames = rollout.frames[:total]
        built = build_inputs(
            self.encoder,
            config.codec,
            frames,
            None,
            rollout.committed[:total, ..., : config.codec.num_heads],
            rollout.mask[:total],
            config.delay,
        )  # [T, N, 2]
        parts: tuple[NDArray[Any], ...] = (
            built.floats,
            built.ids,
            built.committed,
            built.mask,
            built.delay,
            built.previous,
        )
        chosen = (np.ascontiguousarray(np.moveaxis(part[:, games, ports], 0, 1)) for part in parts)
        return to_tensors(Inputs(*chosen), self.device)

    @torch.no_grad()
    def _taught(self, inputs: InputTensors, reset: Tensor, actions: Tensor) -> Tensor | None:
        """The teacher's logits ``[K, T, *]``.

        Its state begins at zero with every rollout, as with the pieces of games that it learned from: the learner's
        own would lead it astray as soon as their networks differ.
        """
        if self.teacher is None:
            return None
        hidden, _, _ = self.teacher(inputs, self.teacher.init_state(reset.shape[0]), reset)
        return self.teacher.heads.logits(hidden, inputs.previous, actions)

    @torch.no_grad()
    def _states(self, inputs: InputTensors, first: Tensor, reset: Tensor, length: int) -> State:
        """State before each sequence, ``[K * pieces, ...]``: the rollout's own at its start, then recomputed."""
        widths = [part.shape[1] for part in self.policy.init_state(1)]
        if not widths:
            return ()
        state: State = torch.split(first, widths, dim=1)
        found = [state]
        for start in range(0, reset.shape[1] - length, length):
            part = slice(start, start + length)
            _, _, state = self.policy(inputs.at((slice(None), part)), state, reset[:, part])
            found.append(state)
        return tuple(torch.stack(parts, 1).flatten(0, 1) for parts in zip(*found, strict=True))

    # Last good state --------------------------------------------------------------------------------------------

    def _snapshot(self) -> list[Tensor]:
        return [tensor.detach().clone() for tensor in self._tensors()]

    def _return_to(self, snapshot: list[Tensor]) -> None:
        with torch.no_grad():
            for tensor, good in zip(self._tensors(), snapshot, strict=True):
                tensor.copy_(good)

    def _tensors(self) -> list[Tensor]:
        found = list(self.policy.state_dict().values())
        for parameter in self._parameters:
            state = self._optimizer.state[parameter]
            found += [state["step"], state["exp_avg"], state["exp_avg_sq"]]
        return found

    # Files ------------------------------------------------------------------------------------------------------

    def weights(self) -> dict[str, Tensor]:
        """The policy's weights by name, on the CPU, without a copy where they lie there already."""
        return {name: tensor.detach().cpu().contiguous() for name, tensor in self.policy.state_dict().items()}

    def save(self, folder: Path | str) -> Path:
        """Write the next generation into ``folder``, whole or not at all, and keep the last ``config.keep``.

        Raises:
            OSError: disk full and the like.
        """
        optimizer: dict[str, Tensor] = {}
        for index, parameter in enumerate(self._parameters):
            for name, tensor in self._optimizer.state[parameter].items():
                optimizer[f"{index}.{name}"] = tensor
        state = LearnerState(
            update=self.update, frames=self.frames, rate_scale=self.rate_scale, return_spread=self.return_spread
        )
        number = generations.write(
            Path(folder), state, {"policy": self.weights(), "optimizer": optimizer}, self.config.keep
        )
        return generations.path_of(Path(folder), number)

    def restore(self, path: Path | str) -> Path:
        """Go on from a generation, or from the newest good one of a folder of generations.

        Returns:
            The generation that was restored.

        Raises:
            LearnerStateInvalid: where there is none that is whole and of this policy; nothing is changed then.
        """
        path = Path(path)
        candidates = list(generations.newest_first(path)) or [path]
        problems = []
        for candidate in candidates:
            try:
                self._restore(candidate)
                return candidate
            except LearnerStateInvalid as error:
                problems.append(error)
        raise problems[0]

    def _restore(self, path: Path) -> None:
        state, tensors = generations.read(path)
        names = list(self.policy.state_dict())
        sources = [tensors.get("policy", {}).get(name) for name in names]
        for index in range(len(self._parameters)):
            sources += [
                tensors.get("optimizer", {}).get(f"{index}.{part}") for part in ("step", "exp_avg", "exp_avg_sq")
            ]
        good: list[Tensor] = []
        for source, target in zip(sources, self._tensors(), strict=True):
            if source is None or source.shape != target.shape or not bool(torch.isfinite(source.float()).all()):
                raise LearnerStateInvalid(
                    f"The learner state {path} does not fit the policy.",
                    hint="It is of another architecture, or damaged; remove it or start another run.",
                )
            good.append(source)
        self._return_to(good)
        self.update, self.frames = state.update, state.frames
        self.rate_scale, self.return_spread = state.rate_scale, state.return_spread


def _judge(mean: Loss, last: Loss, config: LearnerConfig) -> Literal["", "nan", "kl"]:
    if not bool(torch.isfinite(mean.total)) or not bool(torch.isfinite(last.total)):
        return "nan"
    return "kl" if float(last.kl) > config.kl_limit else ""


def _detached(loss: Loss) -> Loss:
    return Loss(*(value.detach() for value in loss))


def _number(value: Tensor) -> float:
    number = float(value)
    return number if np.isfinite(number) else 0.0


def _explained(values: NDArray[np.float32], returns: NDArray[np.float32]) -> float:
    spread = float(returns.var())
    return 0.0 if spread < 1e-8 else 1.0 - float((returns - values).var()) / spread
