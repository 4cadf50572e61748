"""``export onnx``: a policy's whole step as one ONNX file, and the proof that it is the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter
from cyclopts.validators import Number

from exphil_rt.cli.config import resolve
from exphil_rt.cli.options import Flag, Json
from exphil_rt.cli.output import save_file, say, show, show_json, size
from exphil_rt.errors import ExphilError

if TYPE_CHECKING:
    from exphil_rt.policy.config import PolicyConfig
    from exphil_rt.policy.inputs import Inputs

MAX_FILES: Final = 64


class ExportDiffers(ExphilError):
    """An exported graph that is not the policy."""


def onnx(
    policy: str,
    /,
    *,
    output: Annotated[Path, Parameter(name=("--output", "-o"))],
    int8: Flag = False,
    check: Flag = False,
    replays: Path | None = None,
    frames: Annotated[int, Parameter(validator=Number(gte=1, lte=1_000_000))] = 2000,
    json: Json = False,
) -> None:
    """Write a policy's whole step as ONNX: inputs, noise and state in; action, logits, value and state out.

    Args:
        policy: NAME, NAME@vN, NAME@best or a path.
        output: the file to write.
        int8: with 8-bit weights, for batches of one; its error is reported.
        check: run it beside torch on recorded frames and fail unless they agree to 5e-6 and choose the same actions.
        replays: where --check takes frames from: a folder of .slp files or one; else the embedded game.
        frames: how many frames --check compares.
        json: print the result as JSON.
    """
    resolve(None, (), ())  # which packages are trusted
    import torch

    from exphil_rt.inference.compare import compare
    from exphil_rt.inference.export import quantise, to_onnx
    from exphil_rt.policy.bundle import load_bundle
    from exphil_rt.policy.ref import resolve_bundle

    torch.set_num_threads(1)
    folder = resolve_bundle(policy)
    network, manifest = load_bundle(folder)
    text = (folder / "manifest.json").read_bytes()
    model = to_onnx(network, text)
    if int8:
        model = quantise(model)
    result: dict[str, object] = {"policy": manifest.ref, "file": str(output), "bytes": len(model), "int8": int8}
    if check:
        sequences, source = _frames(network.config, replays, frames)
        say(f"Comparing on {sum(len(part.delay) for part in sequences)} frames of {source} ...")
        found = compare(network, model, sequences, manifest.temperature)
        result |= {"source": source, "check": found}
        if not int8 and not found.same:
            raise ExportDiffers(
                f"The exported graph is not {manifest.ref}: {found.other_actions} of {found.frames} actions differ, "
                f"logits by {found.logit_error:.2g}, values by {found.value_error:.2g}. Nothing was written."
            )
    save_file(output, model)
    if json:
        show_json(result)
        return
    show(f"{manifest.ref}: {size(len(model))} in {output}{', 8-bit weights' if int8 else ''}")
    if check:
        agree = 1.0 - found.other_actions / max(found.frames, 1)
        show(
            f"{found.frames} frames of {source}: {agree:.2%} same actions, logits differ by at most "
            f"{found.logit_error:.2g}, values by {found.value_error:.2g}, KL {found.kl:.2g} nats a frame"
        )


def _frames(config: PolicyConfig, folder: Path | None, frames: int) -> tuple[Sequence[Inputs], str]:
    """Inputs ``[T]`` of several stretches, ``frames`` in all, and where they are from."""
    return _simulated(config, frames) if folder is None else _recorded(config, folder, frames)


def _recorded(config: PolicyConfig, folder: Path, frames: int) -> tuple[Sequence[Inputs], str]:
    from exphil_rt.policy.encoder import Encoder
    from exphil_rt.policy.inputs import sequence_inputs
    from exphil_rt.replays import Replay, find_replays, read_many, replay_folder

    paths = find_replays(replay_folder(folder))[:MAX_FILES]
    encoder, found, each = Encoder(config.schema), [], max(1, frames // (2 * len(paths)))
    for replay in read_many(paths, rollback="first"):
        if isinstance(replay, Replay):
            for player in (0, 1):
                some = replay.frames[: each + config.delay + 1]
                found.append(sequence_inputs(encoder, config.codec, some, player, config.delay, config.dmax)[0])
    if not found:
        raise ExportDiffers(f"No replay in {folder} can be read.", hint="Name another folder with --replays.")
    return found, f"{len(found) // 2} replays"


def _simulated(config: PolicyConfig, frames: int) -> tuple[Sequence[Inputs], str]:
    import numpy as np

    from exphil_rt.game.frames import Frames
    from exphil_rt.game.lane import GameSetup
    from exphil_rt.policy.encoder import Encoder
    from exphil_rt.policy.inputs import sequence_inputs
    from exphil_rt.policy.noise import ACTION_DOMAIN, keyed_uniform
    from exphil_rt.policy.random_play import CODEC, random_actions
    from exphil_rt.sim import EmbeddedLane

    steps = frames // 2 + config.delay + 1
    seen = Frames.allocate((steps,))
    lane, slots = EmbeddedLane(1), np.array([0], np.int32)
    lane.start(0, GameSetup(game_id=1, stage=32, characters=(1, 9), seed=1, stocks=99))
    for t in range(steps):
        now = lane.frames(slots)
        seen.assign(slice(t, t + 1), now)
        noise = keyed_uniform(0, ACTION_DOMAIN, 1, now.frame[0], np.arange(2), CODEC.num_logits)
        lane.commit(slots, CODEC.decode(random_actions(noise)[None]), now.frame + 1)
    lane.close()
    encoder = Encoder(config.schema)
    return [
        sequence_inputs(encoder, config.codec, seen, player, config.delay, config.dmax)[0] for player in (0, 1)
    ], "the embedded game"
