"""Matches: who played what where, whose win it was, and the same match again; on a lane where the fox always wins."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from exphil_rt.game.frames import FIRST_FRAME, I32, PLAYERS, Controllers, Frames
from exphil_rt.game.ids import Character, UnknownName
from exphil_rt.game.lane import GameEnd, GameSetup
from exphil_rt.policy.bundle import Manifest, save_bundle
from exphil_rt.policy.codec import ActionCodec
from exphil_rt.policy.config import PolicyConfig
from exphil_rt.policy.policy import Policy
from exphil_rt.policy.ref import PolicyNotFound
from exphil_rt.rollout import match
from exphil_rt.rollout.match import MatchInvalid, play_match

FOX, MARTH = int(Character.FOX), int(Character.MARTH)


class ShortGames:
    """A lane whose games end in their second frame: a fox wins, two of a kind draw."""

    physics = "short-1"
    started: list[GameSetup] = []  # noqa: RUF012

    def __init__(self, num_slots: int) -> None:
        self.num_slots = num_slots
        self.setups: dict[int, GameSetup] = {}
        self.over: list[GameEnd] = []
        self.shown = Frames.allocate((num_slots,))
        self.shown.players.exists[:] = 1

    def start(self, slot: int, setup: GameSetup) -> None:
        self.started.append(setup)
        self.setups[slot] = setup
        self.shown.frame[slot] = FIRST_FRAME

    def ready(self) -> I32:
        return np.array(sorted(self.setups), np.int32)

    def frames(self, slots: I32) -> Frames:
        return self.shown[slots]

    def commit(self, slots: I32, controllers: Controllers, due_frame: I32) -> None:
        assert controllers.buttons.shape == (len(slots), PLAYERS)
        for slot in slots.tolist():
            setup = self.setups.pop(slot)
            foxes = [port for port in range(PLAYERS) if setup.characters[port] == FOX]
            winner = foxes[0] if len(foxes) == 1 else None
            left = tuple(4 if port == winner else 1 for port in range(PLAYERS))
            self.over.append(GameEnd(slot, setup, "stocks", winner, (left[0], left[1]), (0.0, 0.0), 1))

    def ended(self) -> list[GameEnd]:
        over, self.over = self.over, []
        return over

    def close(self) -> None:
        self.setups.clear()


@pytest.fixture
def games(monkeypatch: pytest.MonkeyPatch) -> list[GameSetup]:
    """Every game that is started."""
    started: list[GameSetup] = []
    monkeypatch.setattr(match, "EmbeddedLane", ShortGames)
    monkeypatch.setattr(ShortGames, "started", started)
    return started


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a fox player of delay 0 and a marth player of delay 2."""
    torch.manual_seed(1)
    monkeypatch.setenv("EXPHIL_RT_HOME", str(tmp_path))
    for name, character, delay in (("fox", FOX, 0), ("marth", MARTH, 2)):
        config = PolicyConfig(backbone="mlp", hidden=16, delay=delay, dmax=delay)
        manifest = Manifest(name=name, version=1, config=config, characters=(character,))
        save_bundle(tmp_path / "policies" / f"{name}@v1", Policy(config), manifest)
    return tmp_path


def test_the_winner_is_credited_whatever_port_it_had(home: Path, games: list[GameSetup]) -> None:
    heard: list[tuple[int, int, int, int]] = []
    won = play_match("fox", "marth", 10, progress=lambda *told: heard.append(told))
    assert (won.wins, won.draws, won.losses, won.score) == (10, 0, 0, 1.0)
    assert (won.a, won.b, won.physics, won.by_stocks) == ("fox@v1", "marth@v1", "short-1", 10)
    assert (won.stocks_taken, won.stocks_lost) == (3.0, 0.0)
    assert won.elo_low > 0
    assert heard[-1] == (10, 10, 0, 0)
    assert len(heard) == 10
    assert Counter(setup.characters for setup in games) == {(FOX, MARTH): 5, (MARTH, FOX): 5}

    lost = play_match("marth", "fox", 10)
    assert (lost.wins, lost.draws, lost.losses) == (0, 0, 10)
    assert (lost.stocks_taken, lost.stocks_lost) == (0.0, 3.0)
    assert lost.elo_high < 0


def test_characters_ports_and_stages_are_shared_out_fairly(games: list[GameSetup]) -> None:
    drawn = play_match("random", "random", 32, characters=["fox", "marth"], stages=["fd", "bf"], seed=5)
    # On equal terms both sides have the fox equally often, so that neither comes out ahead.
    assert drawn.wins == drawn.losses
    assert drawn.elo == 0.0
    assert Counter(setup.characters for setup in games)[FOX, MARTH] == Counter(s.characters for s in games)[MARTH, FOX]
    assert len({setup.stage for setup in games}) == 2
    assert len({setup.game_id for setup in games}) == len(games)
    assert {(setup.seed, setup.stocks, setup.max_frames) for setup in games} == {(5, 4, 3600)}


def test_a_short_match_meets_more_than_one_stage_and_fighter(games: list[GameSetup]) -> None:
    play_match("random", "random", 16, characters=["fox", "marth", "link", "roy"], stages=["fd", "bf"])
    assert len({setup.stage for setup in games}) == 2
    assert len({setup.characters for setup in games}) > 3


def test_the_same_seed_is_the_same_match(home: Path, games: list[GameSetup]) -> None:
    first = play_match("fox", "random", 8, characters=["link", "roy"], seed=3)
    played, games[:] = games.copy(), []
    again = play_match("fox", "random", 8, characters=["link", "roy"], seed=3)
    assert msgspec.structs.replace(first, seconds=0.0) == msgspec.structs.replace(again, seconds=0.0)
    assert played == games
    games.clear()
    play_match("fox", "random", 8, characters=["link", "roy"], seed=4)
    assert played != games


@pytest.mark.parametrize("number", [-2, 0, 1, 7])
def test_a_match_that_cannot_swap_ports_is_refused(number: int) -> None:
    with pytest.raises(MatchInvalid, match=f"not {number}"):
        play_match("random", "random", number)


def test_what_does_not_exist_is_named(home: Path) -> None:
    with pytest.raises(PolicyNotFound, match="Did you mean marth"):
        play_match("random", "marht", 2)
    with pytest.raises(UnknownName, match="foxx"):
        play_match("random", "random", 2, characters=["foxx"])
    with pytest.raises(UnknownName, match="stage"):
        play_match("random", "random", 2, stages=["fdd"])
    with pytest.raises(MatchInvalid, match="at least one"):
        play_match("random", "random", 2, characters=[])


def test_policies_whose_actions_differ_are_refused_before_anything_is_played(home: Path) -> None:
    pairs = ActionCodec(main=((0, 0), (80, 0), (-80, 0)), c_stick=((0, 0), (0, 80)))
    joint = Policy(PolicyConfig(hidden=8, head_width=8, codec=pairs))
    sentence = r"fox@v1 and b cannot meet: .*17 centres an axis; 3 stick positions and 2 of the C-stick.*eval play"
    with pytest.raises(MatchInvalid, match=sentence):
        play_match("fox", joint, 2)
