"""One imitation under way: optimizer, schedule, running averages, and the step from a batch to better weights.

What an epoch is for, and when to stop, is said in ``imitation``; what is minimised in ``imitation_loss``.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import time
from collections.abc import Callable, Iterator
from typing import Final

import msgspec
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from exphil_rt.errors import ExphilError
from exphil_rt.policy.backbones.base import State
from exphil_rt.policy.policy import Policy
from exphil_rt.training.dataset import Batch, Loader, LoaderPosition, PlanConfig, Split
from exphil_rt.training.generations import LearnerStateInvalid
from exphil_rt.training.imitation_config import ImitationConfig
from exphil_rt.training.imitation_loss import Returns, edge_choices, head_losses
from exphil_rt.training.imitation_result import EpochReport
from exphil_rt.training.imitation_state import Files, ImitationState, copied
from exphil_rt.training.scoring import inputs_of

_GOOD_STEPS: Final = 100
"""Steps between two states to which a divergence returns."""
_UNDONE: Final = 5
"""Divergences in a row after which learning gives up."""
_LEAP: Final = 5.0
"""A batch this many times worse than its predecessors, and as many nats, is a divergence."""
_RATE_FLOOR: Final = 1 / 64


class ImitationDiverged(ExphilError):
    """The loss became infinite or not a number, and going back and slower did not help."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Where training is."""

    epoch: int
    epochs: int
    frames: int
    total_frames: int
    nll: float
    """Training NLL, a mean over about the last hundred batches."""
    loss: float
    """What is minimised, all terms together; the same mean."""
    frames_per_second: float
    """While training: time spent measuring does not count."""
    eta_s: float
    learning_rate: float
    waited: float
    """Share of the learning that went by waiting for data."""
    steady: bool = True
    """Whether everything may be saved here: no gradients wait for their step."""


class ImitationRun:
    """The optimizer and where it is.

    Args:
        policy: learns in place, on its device.
        data: what is learned from.
        config: how.
        on_event: told, in a sentence, what went wrong and was put right.
        clock: seconds, by which speed and ``max_seconds`` are measured.
    """

    def __init__(
        self,
        policy: Policy,
        data: Split,
        config: ImitationConfig,
        on_event: Callable[[str], None] = lambda text: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.policy, self.config, self._on_event, self._clock = policy, config, on_event, clock
        self.device = next(policy.parameters()).device
        delays = config.delays or (policy.config.delay,)
        plan = PlanConfig(
            batch=config.batch,
            steps=config.steps,
            seed=config.seed,
            delays=delays,
            mirror=config.mirror,
            hide_state=config.hide_state,
            balance_characters=config.balance_characters,
            balance_sticks=config.balance_sticks,
        )
        self.loader = Loader(data.dataset, data.train, policy.config.codec, plan, dmax=policy.config.dmax)
        self.data = data_digest(data)
        self.total = self.loader.frames * config.epochs
        self.frames = self.steps = 0
        self.seconds = self._seconds_before = 0.0
        """Spent learning; and of these, before this process."""
        self.rate_scale = 1.0
        """Share of the learning rate in use: halved by a divergence, won back by good steps."""
        self.ema: dict[str, Tensor] = copied(policy.state_dict()) if config.ema else {}
        self.recurrent: State = ()
        self._recent: float | None = None
        self._loss_lately: float | None = None
        self._summed = self._seen = 0.0
        self.pending = 0
        """Batches whose gradients wait for a step."""
        self._undone = 0
        self._edges = edge_choices(policy.config.codec).to(self.device)
        self._returns = Returns(data.dataset, data.train, config.gamma) if config.value else None
        self._next: nn.Linear | None = None
        if config.next_state:
            rows = {table.name: table.rows for table in policy.config.schema.tables}
            self._next = nn.Linear(policy.config.hidden, rows.get("action_state", 1)).to(self.device)
        self._value = list(policy.value.parameters())
        own = {id(parameter) for parameter in self._value}
        self._trunk = [parameter for parameter in policy.parameters() if id(parameter) not in own]
        self._trunk += list(self._next.parameters()) if self._next is not None else []
        groups = _parameter_groups(policy, self._next, config)
        # Fused: a third of the time, which small batches feel. (On an accelerator it wants its step counts there.)
        self.optimizer = torch.optim.AdamW(groups, lr=config.learning_rate, fused=self.device.type == "cpu")
        self._autocast = _autocasts(config, self.device)
        self._good = self._snapshot()

    # Learning ---------------------------------------------------------------------------------------------------

    def epoch(self, number: int) -> Iterator[Progress]:
        """Learn from every training frame once, from where the loader stands; then ``epoch_nll`` is the mean NLL.

        Args:
            number: from 0.

        Yields:
            After every batch, where training is.

        Raises:
            ImitationDiverged: going back did not help.
        """
        policy = self.policy
        policy.train()
        if self.loader.position.epoch != number or self.loader.position.batch == 0:
            self.recurrent, self._summed, self._seen = (), 0.0, 0.0
        began = self._clock()
        for batch in self.loader.epoch(number):
            if not self.recurrent:
                self.recurrent = policy.init_state(len(batch.reset))
            nll = self._batch(batch)
            frames = int(batch.weight.sum())
            self.frames += frames
            self.seconds += self._clock() - began
            if nll is not None:
                self._summed += nll * frames
                self._seen += frames
                self._recent = nll if self._recent is None else 0.98 * self._recent + 0.02 * nll
            yield self._progress(number)
            if self.out_of_time:
                break
            began = self._clock()
        if self.pending:
            self._apply()
        self.loader.position = LoaderPosition(epoch=number + 1)  # also where time was up

    @property
    def epoch_nll(self) -> float:
        """Mean NLL of the epoch so far."""
        return self._summed / max(self._seen, 1.0)

    def _progress(self, number: int) -> Progress:
        rate = self.frames / max(self.seconds, 1e-9)
        left = (self.total - self.frames) / rate
        if self.config.max_seconds:
            left = min(left, self.config.max_seconds - self.seconds)
        return Progress(
            epoch=number + 1,
            epochs=self.config.epochs,
            frames=self.frames,
            total_frames=self.total,
            nll=self._recent or 0.0,
            loss=self._loss_lately or 0.0,
            frames_per_second=rate,
            eta_s=max(left, 0.0),
            learning_rate=self._rate(),
            waited=self.waited,
            steady=not self.pending,
        )

    @property
    def waited(self) -> float:
        """Share of this process's learning that went by waiting for data."""
        return self.loader.waited_s / max(self.seconds - self._seconds_before, 1e-9)

    @property
    def out_of_time(self) -> bool:
        """Whether ``max_seconds`` of learning are over."""
        return 0.0 < self.config.max_seconds <= self.seconds

    def _batch(self, batch: Batch) -> float | None:
        """Learn from a batch: its NLL, or None where it was undone."""
        loss, nll, recurrent = self._loss(batch)
        if not self.pending:
            self.optimizer.zero_grad(set_to_none=True)
        (loss / self.config.accumulate).backward()  # type: ignore[no-untyped-call]
        found, whole = nll.item(), loss.item()
        leapt = self._recent is not None and found > _LEAP * self._recent + _LEAP
        if not math.isfinite(found) or not math.isfinite(whole) or leapt:
            self._undo(f"the NLL is {found:.4g}")
            return None
        self._loss_lately = whole if self._loss_lately is None else 0.98 * self._loss_lately + 0.02 * whole
        self.pending += 1
        self.recurrent = tuple(part.detach() for part in recurrent)
        if self.pending >= self.config.accumulate and not self._apply():
            return None
        return found

    def _loss(self, batch: Batch) -> tuple[Tensor, Tensor, State]:
        config, policy, device = self.config, self.policy, self.device
        inputs, reset = inputs_of(batch, device)
        with torch.autocast(device.type, torch.bfloat16, enabled=self._autocast):
            features, recurrent = policy.backbone(policy.embed(inputs), self.recurrent, reset)
        hidden = features.float()
        recurrent = tuple(part.float() for part in recurrent)
        weight = torch.from_numpy(batch.weight).to(device)
        total = weight.sum()
        flat = hidden.reshape(-1, hidden.shape[-1])
        targets = torch.from_numpy(batch.targets).to(device).reshape(flat.shape[0], -1).long()
        logits = policy.heads.logits(flat, inputs.previous.reshape(flat.shape[0], -1), targets)
        per_head, logp = head_losses(policy.heads, logits, targets, self._edges, config)
        spread = weight.reshape(-1) / total
        loss = (per_head.sum(-1) * spread).sum()
        nll = -(logp.sum(-1) * spread).sum()
        if self._returns is not None:
            # Of the value head alone: what is on screen says who wins long before it says what one presses, and a
            # trunk that listens to both imitates worse.
            value = policy.value(hidden.detach())[..., 0]
            returns = torch.from_numpy(self._returns.batch(batch.side, batch.start, weight.shape[1])).to(device)
            shown = weight * inputs.floats.any(-1)
            miss = ((value - returns).square() * shown).sum() / shown.sum().clamp_min(1.0)
            loss = loss + config.value * 0.5 * miss / self._returns.spread
        if self._next is not None:
            after = torch.from_numpy(batch.next_state).to(device).reshape(-1)
            missed = F.cross_entropy(self._next(flat), after, reduction="none")
            known = spread * (after > 0)
            loss = loss + config.next_state * (missed * known).sum()
        return loss, nll, recurrent

    def _apply(self) -> bool:
        """Make a step of the gradients at hand; False where they were not finite, and all was undone."""
        rate = self._rate()
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        norm = torch.nn.utils.clip_grad_norm_(self._trunk, self.config.clip)
        aside = torch.nn.utils.clip_grad_norm_(self._value, self.config.clip)
        if not math.isfinite(norm.item() + aside.item()):
            self._undo(f"the gradient is {norm.item()}")
            return False
        self.optimizer.step()
        self.pending = self._undone = 0
        self.steps += 1
        self.rate_scale = min(1.0, self.rate_scale * 1.002)
        if self.ema:
            decay = min(self.config.ema, (1 + self.steps) / (10 + self.steps))
            for name, tensor in self.policy.state_dict().items():
                kept = self.ema[name]
                if kept.is_floating_point():
                    kept.lerp_(tensor.detach().cpu(), 1.0 - decay)
        if self.steps % _GOOD_STEPS == 0:
            self._good = self._snapshot()
        return True

    def _rate(self) -> float:
        config = self.config
        done = self.frames / max(self.total, 1)
        if config.max_seconds:
            done = max(done, self.seconds / config.max_seconds)
        if done < config.warmup:
            return self.rate_scale * config.learning_rate * (0.05 + 0.95 * done / config.warmup)
        along = (done - config.warmup) / max(1 - config.warmup, 1e-9)
        return self.rate_scale * config.learning_rate * (0.05 + 0.475 * (1 + math.cos(math.pi * min(along, 1.0))))

    # The last good state ----------------------------------------------------------------------------------------

    def _undo(self, reason: str) -> None:
        """Return to the last good state and learn more slowly.

        Raises:
            ImitationDiverged: that was done too often in a row, or the good state is none.
        """
        self._undone += 1
        hopeless = not all(bool(torch.isfinite(t).all()) for t in self._good if t.is_floating_point())
        if hopeless or self._undone > _UNDONE:
            raise ImitationDiverged(
                f"Training diverged at batch {self.steps + 1}: {reason}.",
                hint="Try again with a smaller --learning-rate.",
            )
        with torch.no_grad():
            for tensor, good in zip(self._tensors(), self._good, strict=True):
                tensor.copy_(good)
        self.optimizer.zero_grad(set_to_none=True)
        self.pending = 0
        self.recurrent = tuple(torch.zeros_like(part) for part in self.recurrent)
        self.rate_scale = max(_RATE_FLOOR, self.rate_scale / 2)
        self._on_event(
            f"Step {self.steps + 1} was undone ({reason}); learning goes on from the last good state at "
            f"{self.rate_scale:.3g} of its rate."
        )

    def _parameters(self) -> list[Tensor]:
        return [parameter for group in self.optimizer.param_groups for parameter in group["params"]]

    def _tensors(self) -> list[Tensor]:
        for parameter in self._parameters():  # made here, so that a fresh optimizer and a restored one are alike
            if not self.optimizer.state[parameter]:
                self.optimizer.state[parameter] = {
                    "step": torch.zeros(()),
                    "exp_avg": torch.zeros_like(parameter),
                    "exp_avg_sq": torch.zeros_like(parameter),
                }
        states = [self.optimizer.state[parameter] for parameter in self._parameters()]
        own = list(self._next.state_dict().values()) if self._next is not None else []
        moments = [state[name] for state in states for name in ("step", "exp_avg", "exp_avg_sq")]
        return [*self.policy.state_dict().values(), *own, *moments, *self.ema.values()]

    def _snapshot(self) -> list[Tensor]:
        return [tensor.detach().clone() for tensor in self._tensors()]

    # Weights to be measured and kept ------------------------------------------------------------------------------

    @contextlib.contextmanager
    def measured(self) -> Iterator[Policy]:
        """The policy with the weights that are measured and kept: the running average, where there is one."""
        if not self.ema:
            yield self.policy
            return
        raw = copied(self.policy.state_dict())
        self.policy.load_state_dict(self.ema)
        try:
            yield self.policy
        finally:
            self.policy.load_state_dict(raw)

    # Files --------------------------------------------------------------------------------------------------------

    def export(
        self, reports: tuple[EpochReport, ...], best_epoch: int, weights: dict[str, dict[str, Tensor]]
    ) -> tuple[ImitationState, Files]:
        """Everything from which this run goes on, as copies; ``weights`` are kept beside it as they are."""
        position = self.loader.position
        state = ImitationState(
            config=self.config,
            data=self.data,
            epoch=position.epoch,
            batch=position.batch,
            frames=self.frames,
            steps=self.steps,
            seconds=self.seconds,
            recent=self._recent,
            summed=self._summed,
            seen=self._seen,
            rate_scale=self.rate_scale,
            best_epoch=best_epoch,
            reports=reports,
        )
        tensors = {f"{number:05d}": tensor for number, tensor in enumerate(self._tensors())}
        drawn = {"torch": torch.get_rng_state()}
        if self.device.type == "cuda":
            drawn["cuda"] = torch.cuda.get_rng_state(self.device)
        files = {"learner": copied(tensors), "random": drawn, **weights}
        if self.recurrent:
            files["recurrent"] = copied({f"{n:05d}": part for n, part in enumerate(self.recurrent)})
        return state, files

    def restore(self, state: ImitationState, files: Files) -> None:
        """Go on from there.

        Raises:
            LearnerStateInvalid: it is of another policy or of other data; nothing is changed then.
        """
        if state.data != self.data:
            raise LearnerStateInvalid(
                "The training was of other replays than these.", hint="Give the same ones, or start it again."
            )
        named, targets = files.get("learner", {}), self._tensors()
        sources = [named.get(f"{number:05d}") for number in range(len(targets))]
        if len(named) != len(targets) or any(
            source is None or source.shape != target.shape for source, target in zip(sources, targets, strict=True)
        ):
            raise LearnerStateInvalid("The training was of another network than this.", hint="Start it again.")
        with torch.no_grad():
            for target, source in zip(targets, sources, strict=True):
                assert source is not None
                target.copy_(source)
        self.frames, self.steps, self.seconds = state.frames, state.steps, state.seconds
        self._seconds_before = state.seconds
        self._recent, self._summed, self._seen = state.recent, state.summed, state.seen
        self.rate_scale = state.rate_scale
        self.loader.position = LoaderPosition(epoch=state.epoch, batch=state.batch)
        recurrent = files.get("recurrent", {})
        self.recurrent = tuple(recurrent[name].to(self.device) for name in sorted(recurrent))
        torch.set_rng_state(files["random"]["torch"])
        if self.device.type == "cuda" and "cuda" in files["random"]:
            torch.cuda.set_rng_state(files["random"]["cuda"], self.device)
        self._good = self._snapshot()


def data_digest(data: Split) -> str:
    """The same for the same sides to learn from, in the same order."""
    games = data.dataset.games
    sides = [(games[side.game].meta.digest, side.player, side.frames) for side in data.train]
    return hashlib.sha256(msgspec.json.encode(sides)).hexdigest()[:32]


def _autocasts(config: ImitationConfig, device: torch.device) -> bool:
    if config.precision == "auto":
        return device.type == "cuda" and torch.cuda.is_bf16_supported()
    return config.precision == "bf16"


def _parameter_groups(policy: Policy, aside: nn.Module | None, config: ImitationConfig) -> list[dict[str, object]]:
    """Weights of layers decay; biases, embeddings and the heads' tables do not."""
    decayed: list[Tensor] = []
    others: list[Tensor] = list(aside.parameters()) if aside is not None else []
    for name, parameter in policy.named_parameters():
        plain = parameter.ndim < 2 or "embedding" in name or "table" in name or name == "embed.actions"
        (others if plain else decayed).append(parameter)
    return [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
