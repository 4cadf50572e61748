"""A game under the test's hands: one lane of one slot, driven frame by frame."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from exphil_rt.game import states as st
from exphil_rt.game.frames import FIRST_PLAYABLE_FRAME, Controllers, PlayerColumns
from exphil_rt.game.ids import Character, Stage
from exphil_rt.game.lane import GameEnd, GameSetup
from exphil_rt.sim import EmbeddedLane

SLOT = np.zeros(1, np.int32)
SCRIPTS = Path(__file__).parents[3] / "scripts"


class Game:
    """One game; pads stay as they were left."""

    def __init__(self, setup: GameSetup) -> None:
        self.lane = EmbeddedLane(1)
        self.lane.start(0, setup)
        self.pads = Controllers.allocate((1, 2))
        self.over: list[GameEnd] = []

    @property
    def frame(self) -> int:
        return int(self.lane.frames(SLOT).frame[0])

    def player(self, port: int = 0) -> PlayerColumns:
        return self.lane.frames(SLOT).players[0, port]

    def state(self, port: int = 0) -> int:
        return int(self.player(port).state)

    def pad(self, port: int = 0, x: float = 0.0, y: float = 0.0, buttons: int = 0, cx: float = 0.0, cy: float = 0.0,
            trigger: float = 0.0) -> None:  # fmt: skip
        pads = self.pads[0, port]
        for name, value in (
            ("joystick_x", x), ("joystick_y", y), ("buttons", buttons), ("cstick_x", cx), ("cstick_y", cy),
            ("trigger", trigger),
        ):  # fmt: skip
            getattr(self.pads, name)[0, port] = value
        assert pads is not None

    def step(self, frames: int = 1) -> None:
        for _ in range(frames):
            self.lane.commit(SLOT, self.pads, np.array([self.frame + 1], np.int32))
            self.over += self.lane.ended()

    def until(self, what: Callable[[], bool], limit: int = 600) -> int:
        """Step until ``what`` holds; how many frames that took."""
        for n in range(limit):
            if what():
                return n
            self.step()
        raise AssertionError(f"not within {limit} frames")

    def put(self, port: int, x: float, facing: float = 1.0) -> None:
        """Move a standing fighter along the main floor of Final Destination."""
        body = self.lane.players[0, port]
        body["x"], body["facing"], body["line"] = x, facing, self.floor()

    def tap(self, port: int = 0, **pushed: float) -> None:
        """Hold what ``pad`` takes for a frame, then nothing."""
        self.pad(port, **pushed)  # type: ignore[arg-type]
        self.step()
        self.pad(port)

    def enter(self, state: int, port: int = 0, **fields: float) -> NDArray[Any]:
        """Put a fighter into ``state`` at its first age; its record."""
        body = self.lane.players[0, port]
        body["state"], body["age"], body["t"], body["rate"] = state, 0.0, 0, 1.0
        for name, value in fields.items():
            body[name] = value
        return body

    def floor(self) -> int:
        return int(self.lane.players[0, 0]["line"])


@pytest.fixture
def new_game() -> Callable[..., Game]:
    """Make a game in which both fighters stand on Final Destination, ready to act."""

    def make(
        characters: tuple[int, int] = (Character.FOX, Character.MEWTWO), stage: int = Stage.FINAL_DESTINATION,
        ready: bool = True, **setup: int,
    ) -> Game:  # fmt: skip
        game = Game(GameSetup(game_id=1, stage=stage, characters=characters, **setup))
        if ready:
            game.until(
                lambda: game.frame > FIRST_PLAYABLE_FRAME and game.state(0) == st.WAIT and game.state(1) == st.WAIT
            )
        return game

    return make


@pytest.fixture(scope="module")
def script() -> Iterator[Callable[[str], ModuleType]]:
    """A script by its name, loaded as a module; scripts that it imports have to be loaded before it."""
    loaded: list[str] = []

    def load(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        loaded.append(name)
        spec.loader.exec_module(module)
        return module

    yield load
    for name in loaded:
        del sys.modules[name]
