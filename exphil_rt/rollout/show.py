"""The process that plays what a terminal shows: framed msgpack of ``messages.watch`` on stdin and stdout.

A process of its own, because compiling and stepping the game would hold up whoever draws. It ends when its input does.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
import numpy as np

from exphil_rt.errors import ExphilError
from exphil_rt.game.frames import Controllers, Frames
from exphil_rt.game.ids import character_name
from exphil_rt.game.lane import GameEnd, GameSetup
from exphil_rt.messages.rollout import GameSpec, PlayerSpec
from exphil_rt.messages.watch import Answer, Ask, Failed, NewGame, Next, Shown, WatchSetup
from exphil_rt.rollout.pad import PadState, controllers_of, keyboard_state, read_gamepad
from exphil_rt.rollout.samples import sample

HUMAN: Final = "human"
MAX_ASK: Final = 1 << 16
MAX_STEP: Final = 3600
GAME: Final = "embedded game (approximate)"


def worth(characters: tuple[int, int]) -> str:
    """The game's name with what its fighters' fidelity was measured to be."""
    from exphil_rt.sim.scores import fidelity_of

    told = []
    for who in dict.fromkeys(characters):
        score = fidelity_of(who).score
        told.append(f"{character_name(who)} {'unmeasured' if score is None else f'{score:.2f}'}")
    return f"{GAME}, fidelity {', '.join(told)}"


class LiveGame:
    """A game of the embedded game between two players, one of whom may be a person.

    Args:
        setup: who plays where.
        read_pad: a person's gamepad now; by default the keys that the terminal says are held.
    """

    def __init__(self, setup: WatchSetup, read_pad: Callable[[], PadState] | None = None) -> None:
        import torch

        from exphil_rt.sim import EmbeddedLane

        torch.set_num_threads(1)  # so small a batch gains nothing by more
        self.setup = setup
        self.keys: tuple[str, ...] = ()
        self._read = read_pad
        if HUMAN in setup.players and read_pad is None and setup.gamepad >= 0:
            self._read = read_gamepad(setup.gamepad)
        from exphil_rt.rollout.player import Player, load_player

        self.players: list[Player | None] = [
            None if name == HUMAN else load_player(name, seed=setup.seed + port)
            for port, name in enumerate(setup.players)
        ]
        labels = [HUMAN if player is None else player.label for player in self.players]
        self.lane = EmbeddedLane(1)
        self.slots = np.zeros(1, np.int32)
        self.number = 0
        self.spec = GameSpec(
            game_id=0,
            kind="exhibition",
            stage=setup.stage,
            characters=setup.characters,
            players=(PlayerSpec(policy=labels[0]), PlayerSpec(policy=labels[1])),
            stocks=setup.stocks,
        )
        self.title = worth(setup.characters)
        self.end: GameEnd | None = None
        self.restart()

    def restart(self) -> None:
        """Begin another game."""
        setup, self.end = self.setup, None
        self.number += 1
        self.spec = msgspec.structs.replace(self.spec, game_id=self.number)
        self.lane.start(
            0,
            GameSetup(
                game_id=self.number,
                stage=setup.stage,
                characters=setup.characters,
                seed=setup.seed,
                stocks=setup.stocks,
            ),
        )

    def step(self) -> None:
        """One frame, unless the game is over."""
        if self.end is not None:
            return
        now = self.lane.frames(self.slots)
        pads = Controllers.allocate((1, 2))
        for port, player in enumerate(self.players):
            if player is not None:
                pads.assign((slice(None), port), player.act(now, port))
            else:
                state = self._read() if self._read is not None else keyboard_state(self.keys)
                pads.assign((0, port), controllers_of(state))
        self.lane.commit(self.slots, pads, now.frame + 1)
        ended = self.lane.ended()
        self.end = ended[0] if ended else None

    def shown(self) -> Shown:
        """The frame of the moment."""
        game = sample(0, self.spec, self.lane.frames(self.slots), 0)
        return Shown(game=game, title=self.title, over=self.end is not None, end=_how(self.end, self.spec))


class RecordedGame:
    """Frames of a file, shown one after another."""

    def __init__(self, setup: WatchSetup) -> None:
        path = Path(setup.path)
        self.frames, self.spec, self.title, self.how = _read_file(path)
        self.at = 0

    keys: tuple[str, ...] = ()

    def restart(self) -> None:
        """From the beginning."""
        self.at = 0

    def step(self) -> None:
        """One frame on, or the last one for ever."""
        self.at = min(self.at + 1, len(self.frames.frame) - 1)

    def shown(self) -> Shown:
        """The frame of the moment."""
        over = self.at == len(self.frames.frame) - 1
        game = sample(0, self.spec, self.frames, self.at)
        return Shown(game=game, title=self.title, over=over, end=self.how if over else "")


def _read_file(path: Path) -> tuple[Frames, GameSpec, str, str]:
    if path.suffix.lower() == ".slp":
        from exphil_rt.replays import read_replay

        replay = read_replay(path, rollback="last")
        first, second = (player.name or player.code or f"port {player.port + 1}" for player in replay.meta.players)
        fighters = tuple(player.character for player in replay.meta.players)
        spec = GameSpec(
            game_id=0,
            kind="exhibition",
            stage=replay.meta.stage,
            characters=(fighters[0], fighters[1]),
            players=(PlayerSpec(policy=first), PlayerSpec(policy=second)),
        )
        ours = replay.meta.played_on == "exphil_rt"
        title = worth(spec.characters) if ours else f"replay {path.name}"
        return replay.frames, spec, title, f"the replay ends ({replay.meta.end_method.replace('_', ' ')})"
    from exphil_rt.rollout.export import read_recording
    from exphil_rt.rollout.recording import replay as play_again
    from exphil_rt.sim import EmbeddedLane

    recording = read_recording(path)
    lane = EmbeddedLane(1)
    try:
        frames, end = play_again(recording, lane)
    finally:
        lane.close()
    return frames, recording.game, worth(recording.game.characters), _how(end, recording.game) or "the recording ends"


def _how(end: GameEnd | None, spec: GameSpec) -> str:
    if end is None:
        return ""
    by = {"stocks": "by stocks", "timer": "on time", "frame_limit": "at the frame limit"}.get(end.reason, end.reason)
    if end.winner is None:
        return f"a draw {by}"
    winner = spec.players[end.winner]
    return f"player {end.winner + 1} ({winner.label or winner.policy}) wins {by}"


def serve(asks: BinaryIO, answers: BinaryIO) -> None:
    """Answer until the input ends: the first ask is a WatchSetup."""
    shown: LiveGame | RecordedGame | None = None
    while (ask := _receive(asks)) is not None:
        try:
            match ask:
                case WatchSetup():
                    shown = RecordedGame(ask) if ask.path else LiveGame(ask)
                case NewGame() if shown is not None:
                    shown.restart()
                case Next() if shown is not None:
                    shown.keys = ask.keys
                    for _ in range(min(max(ask.frames, 0), MAX_STEP)):
                        shown.step()
            answer: Answer = Failed(text="Nothing is shown yet.") if shown is None else shown.shown()
        except ExphilError as error:
            answer = Failed(text=str(error))
        body = msgspec.msgpack.encode(answer)
        answers.write(struct.pack(">I", len(body)) + body)
        answers.flush()


def _receive(stream: BinaryIO) -> Ask | None:
    header = stream.read(4)
    if len(header) < 4:
        return None
    (size,) = struct.unpack(">I", header)
    if size > MAX_ASK:
        return None
    ask: Ask = msgspec.msgpack.decode(stream.read(size), type=Ask)
    return ask


def main() -> None:
    """Serve stdin and stdout; what libraries print goes to stderr."""
    import os
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the terminal's to handle; it closes our input
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
