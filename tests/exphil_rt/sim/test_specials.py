"""What a player expects of special moves: states, ways, hits, projectiles, recoveries."""

from __future__ import annotations

import numpy as np
import pytest

from exphil_rt.game import states as st
from exphil_rt.game.frames import Button, Controllers, Frames
from exphil_rt.game.ids import Character, Item
from exphil_rt.game.lane import GameSetup
from exphil_rt.sim import EmbeddedLane

SLOT = np.zeros(1, np.int32)


class Bout:
    """Two fighters on Final Destination, after the start; player 0 is played by the test."""

    def __init__(self, who: Character, foe: Character = Character.FOX, seed: int = 3) -> None:
        self.lane = EmbeddedLane(1)
        self.lane.start(0, GameSetup(game_id=0, stage=32, characters=(int(who), int(foe)), seed=seed))
        self.pads = Controllers.allocate((1, 2))
        self.frame = -123
        self.run(180)

    @property
    def players(self) -> np.ndarray:
        return self.lane.players[0]

    def place(self, port: int, x: float, y: float | None = None, **fields: float) -> None:
        """Put a fighter somewhere: standing, or falling freely when ``y`` is given."""
        self.players["x"][port] = x
        if y is not None:
            for name, value in {"y": y, "airborne": 1, "line": -1, "state": st.FALL, "age": 0, "jumps": 1}.items():
                self.players[name][port] = value
        for name, value in fields.items():
            self.players[name][port] = value

    def run(self, frames: int, x: float = 0.0, y: float = 0.0, buttons: int = 0, port: int = 0) -> list[Frames]:
        """Hold one input for some frames; the frames seen."""
        seen = []
        for _ in range(frames):
            for column in self.pads.arrays().values():
                column[:] = 0
            self.pads.joystick_x[0, port] = x
            self.pads.joystick_y[0, port] = y
            self.pads.buttons[0, port] = buttons
            self.frame += 1
            self.lane.commit(SLOT, self.pads, np.array([self.frame], np.int32))
            seen.append(self.lane.frames(SLOT).copy())
        return seen

    def special(
        self, x: float = 0.0, y: float = 0.0, then: int = 0, hold: tuple[float, float] = (0.0, 0.0)
    ) -> list[Frames]:
        """Press B with the stick at (x, y), then wait ``then`` frames with the stick at ``hold``."""
        return self.run(1, x, y, Button.B) + self.run(then, *hold)


def states(frames: list[Frames], port: int = 0) -> list[int]:
    """The states that one player went through."""
    found: list[int] = []
    for frame in frames:
        state = int(frame.players.state[0, port])
        if not found or found[-1] != state:
            found.append(state)
    return found


def items(frames: Frames, kind: int) -> list[int]:
    """Places of the items of a kind."""
    return [int(k) for k in np.flatnonzero((frames.items.exists[0] != 0) & (frames.items.kind[0] == kind))]


def test_fox_laser_flies_and_does_not_flinch() -> None:
    bout = Bout(Character.FOX)
    seen = bout.special(then=45)
    assert states(seen) == [341, 342, 343, st.WAIT]
    shots = [(f, items(f, Item.FOX_LASER)) for f in seen]
    xs = [float(f.items.position_x[0, k[0]]) for f, k in shots if k]
    assert np.allclose(np.diff(xs), 7.0)
    assert bout.players["percent"][1] == pytest.approx(3.0)
    assert bout.players["hitstun"][1] == 0


def test_fox_reflector_takes_a_laser_over() -> None:
    bout = Bout(Character.FOX, Character.FALCO)
    bout.place(0, -20.0)
    bout.place(1, 40.0)
    bout.run(1, buttons=Button.B, port=1)
    owners = set()
    for frame in bout.run(60, 0.0, -1.0, Button.B):
        owners |= {int(frame.items.owner[0, k]) for k in items(frame, Item.FALCO_LASER)}
    assert owners == {0, 1}
    assert bout.players["percent"][0] == 0.0
    assert bout.players["percent"][1] > 3.0


def test_fox_shine_hits_at_once_and_is_jumped_out_of() -> None:
    bout = Bout(Character.FOX)
    bout.place(0, -6.0)
    bout.place(1, 0.0)
    seen = bout.special(0.0, -1.0, 10, (0.0, -1.0))
    assert seen[0].players.percent[0, 1] == pytest.approx(5.0)
    assert states(seen)[:2] == [360, 361]
    assert st.KNEE_BEND in states(bout.run(2, buttons=Button.Y))


def test_fire_fox_reaches_the_ledge_or_the_stage() -> None:
    bout = Bout(Character.FOX)
    bout.place(0, -110.0, -25.0, jumps=0)
    seen = bout.special(0.0, 1.0, 100, (0.7, 0.7))
    assert states(seen)[:3] == [354, 356, 358]
    assert bout.players["stocks"][0] == 4
    assert bout.players["airborne"][0] == 0 or bout.players["ledge"][0] != 0


def test_illusion_goes_far_and_then_falls_helpless() -> None:
    bout = Bout(Character.FOX)
    bout.place(0, 0.0, 60.0)
    seen = bout.special(1.0, 0.0, 90)
    assert states(seen)[:4] == [350, 351, 352, st.FALL_SPECIAL] or st.LANDING_FALL_SPECIAL in states(seen)
    assert bout.players["x"][0] > 60.0


def test_mewtwo_teleports_along_the_stick() -> None:
    bout = Bout(Character.MEWTWO)
    bout.place(0, -60.0, 0.0, jumps=0)
    seen = bout.special(0.0, 1.0, 40, (0.0, 1.0))
    assert states(seen) == [356, 357, 358, st.FALL_SPECIAL]
    rise = np.diff([float(f.players.position_y[0, 0]) for f in seen])
    assert np.isclose(rise, 5.0).sum() == 10
    assert all(f.players.hurtbox_state[0, 0] == 2 for f in seen if f.players.state[0, 0] == 357)


def test_mewtwo_charges_keeps_and_releases_the_ball() -> None:
    bout = Bout(Character.MEWTWO)
    bout.special(then=70)
    bout.run(1, buttons=Button.L)
    kept = float(bout.players["store"][0])
    assert 0.2 < kept < 1.0
    bout.run(60)
    assert bout.players["store"][0] == pytest.approx(kept)
    bout.special(then=30)
    bout.run(1, buttons=Button.B)
    seen = bout.run(90)
    assert any(items(f, Item.SHADOWBALL) for f in seen)
    assert bout.players["store"][0] == 0.0
    assert bout.players["percent"][1] > 5.0


def test_confusion_lifts_once_a_flight() -> None:
    bout = Bout(Character.MEWTWO)
    bout.place(0, 0.0, 80.0, vy=-1.5)
    assert bout.special(1.0, 0.0)[-1].players.self_y[0, 0] > 1.0
    bout.run(60)
    bout.place(0, 0.0, 80.0, vy=-1.5)
    assert bout.special(1.0, 0.0)[-1].players.self_y[0, 0] < 0.0


def test_game_and_watch_rises_and_falls_helpless() -> None:
    bout = Bout(Character.GAME_AND_WATCH)
    seen = bout.special(0.0, 1.0, 60)
    assert states(seen)[:2] == [373, st.FALL_SPECIAL]
    height = max(float(f.players.position_y[0, 0]) for f in seen)
    assert 74.0 < height < 77.0  # 75.55 in real replays
    after = states(bout.run(60))
    assert st.LANDING_FALL_SPECIAL in after


def test_judge_numbers_differ_and_hit_as_their_table() -> None:
    numbers = set()
    damage = {355: 2, 356: 4, 357: 6, 358: 8, 359: 3, 360: 12, 361: 14, 362: 4, 363: 32}
    for seed in range(6):
        bout = Bout(Character.GAME_AND_WATCH, Character.BOWSER, seed=seed)
        bout.place(1, -46.0)
        seen = bout.special(1.0, 0.0, 20)
        number = int(seen[0].players.state[0, 0])
        numbers.add(number)
        first = next(float(f.players.percent[0, 1]) for f in seen if f.players.percent[0, 1] > 0)
        assert first == pytest.approx(damage[number])
    assert len(numbers) > 2


def test_bacon_lies_where_it_fell() -> None:
    bout = Bout(Character.GAME_AND_WATCH)
    bout.special(then=17)
    seen = bout.run(95)
    resting = [f for f in seen for k in items(f, Item.SAUSAGE) if f.items.state[0, k] == 2]
    assert 20 <= len(resting) <= 31
    assert not items(seen[-1], Item.SAUSAGE)


def test_a_game_with_items_goes_on_the_same_after_restoring() -> None:
    bout = Bout(Character.FALCO, Character.GAME_AND_WATCH)
    bout.place(0, -20.0)
    bout.special(then=30)
    saved = bout.lane.save(0)
    assert saved["game"]["num_items"] == 1
    first = bout.run(40)
    bout.lane.restore(0, saved)
    bout.frame -= 40
    again = bout.run(40)
    for one, two in zip(first, again, strict=True):
        for name, values in one.arrays().items():
            assert np.array_equal(values, two.arrays()[name]), name


def test_a_powershield_or_a_bucket_takes_a_laser() -> None:
    bout = Bout(Character.GAME_AND_WATCH, Character.FOX)
    bout.place(0, -20.0)
    bout.place(1, 20.0)
    bout.run(1, 0.0, -1.0, Button.B)
    seen = bout.run(12, buttons=Button.B, port=1)
    seen += bout.run(20)
    assert 376 in states(seen)
    assert bout.players["bucket"][0] == 1
    assert bout.players["percent"][0] == 0.0


def test_marth_chains_four_blades_by_the_stick() -> None:
    bout = Bout(Character.MARTH)
    seen = bout.special(1.0, 0.0, 9)
    for y in (1.0, 0.0, -1.0):
        seen += bout.run(1, 0.0, y, Button.B) + bout.run(20, 0.0, y)
    assert states(seen)[:4] == [349, 350, 353, 357]


def test_marth_counters_a_blow() -> None:
    bout = Bout(Character.MARTH, Character.FOX)
    bout.place(0, -5.0, facing=1)
    bout.place(1, 5.0, facing=-1)
    bout.special(0.0, -1.0, 5)
    seen = bout.run(1, buttons=Button.A, port=1) + bout.run(30)
    assert 370 in states(seen)
    assert bout.players["percent"][0] == 0.0
    assert bout.players["percent"][1] >= 7.0


def test_dolphin_slash_rises_as_recorded() -> None:
    bout = Bout(Character.MARTH)
    bout.place(0, 0.0, 40.0, vy=-2.0)
    seen = bout.special(0.0, 1.0, 45)
    heights = [float(f.players.position_y[0, 0]) for f in seen]
    assert max(heights) - 40.0 == pytest.approx(49.3, abs=1.5)  # 50.6 of rise after a short fall
    assert states(seen)[:2] == [368, st.FALL_SPECIAL]


def test_falcon_punch_deals_its_table() -> None:
    bout = Bout(Character.CAPTAIN_FALCON, Character.BOWSER)
    bout.place(0, -14.0)
    bout.place(1, 4.0)
    bout.special(then=60)
    assert 23.0 <= float(bout.players["percent"][1]) <= 27.0


def test_falcon_dives_onto_the_enemy() -> None:
    bout = Bout(Character.CAPTAIN_FALCON)
    bout.place(0, -4.0)
    bout.place(1, 2.0)
    seen = bout.special(0.0, 1.0, 60)
    assert {355, 356} <= set(states(seen))
    assert bout.players["percent"][1] == pytest.approx(17.0)


def test_zelda_turns_into_sheik_and_back() -> None:
    bout = Bout(Character.ZELDA)
    seen = bout.special(0.0, -1.0, 75)
    characters = {int(f.players.character[0, 0]) for f in seen}
    assert characters == {int(Character.ZELDA), int(Character.SHEIK)}
    assert states(seen) == [355, 362, st.WAIT]
    speed = bout.lane.tables["fighters"][int(Character.SHEIK)]["dash_init"]
    assert float(bout.run(3, 1.0, 0.0)[-1].players.self_x_ground[0, 0]) >= speed
    bout.run(60)
    bout.special(0.0, -1.0, 75)
    assert bout.players["character"][0] == Character.ZELDA


def test_sheik_throws_the_needles_that_she_gathered() -> None:
    bout = Bout(Character.SHEIK)
    bout.run(60, buttons=Button.B)
    gathered = float(bout.players["store"][0])
    assert gathered >= 3.0
    seen = bout.run(30)
    assert max(len(items(f, Item.NEEDLE_THROWN)) for f in seen) == gathered


def test_dins_fire_bursts_when_let_go() -> None:
    bout = Bout(Character.ZELDA)
    bout.place(1, 0.0)
    bout.run(60, buttons=Button.B)  # nothing: that is Nayru's Love
    bout.run(60)
    bout.run(1, 1.0, 0.0, Button.B)
    seen = bout.run(65, buttons=Button.B) + bout.run(10)
    assert any(items(f, Item.DINS_FIRE) for f in seen)
    assert any(items(f, Item.DINS_FIRE_BURST) for f in seen)


def test_link_holds_a_bomb_and_throws_it() -> None:
    bout = Bout(Character.LINK)
    bout.special(0.0, -1.0, 45)
    assert bout.players["carrying"][0] == Item.LINK_BOMB
    seen = bout.run(1, 1.0, 0.0, Button.A) + bout.run(20)
    assert any(94 <= s <= 115 for s in states(seen))
    assert bout.players["carrying"][0] == 0
    assert any(items(f, Item.LINK_BOMB) for f in seen)


def test_the_boomerang_comes_back() -> None:
    bout = Bout(Character.LINK)
    seen = bout.special(1.0, 0.0, 160)
    xs = [float(f.items.position_x[0, k]) for f in seen for k in items(f, Item.LINK_BOOMERANG)]
    assert max(xs) > xs[0] + 20.0 > xs[-1] + 5.0
    assert not items(seen[-1], Item.LINK_BOOMERANG)


def test_jigglypuff_rests() -> None:
    bout = Bout(Character.JIGGLYPUFF, Character.FOX)
    bout.place(0, -3.0)
    bout.place(1, 2.0)
    seen = bout.special(0.0, -1.0, 40)
    assert seen[0].players.percent[0, 1] == pytest.approx(28.0) or seen[1].players.percent[0, 1] == pytest.approx(28.0)
    assert states(seen) == [371]


def test_jigglypuff_pound_carries_her_as_recorded() -> None:
    bout = Bout(Character.JIGGLYPUFF)
    bout.place(0, 0.0, 60.0)
    seen = bout.special(1.0, 0.0, 30)
    steps = np.diff([float(f.players.position_x[0, 0]) for f in seen])
    assert steps.max() == pytest.approx(2.02, abs=0.01)


def test_peach_floats_as_long_as_the_button_is_held() -> None:
    bout = Bout(Character.PEACH)
    bout.place(0, 0.0, 40.0, jumps=0)
    seen = bout.run(60, buttons=Button.X)
    heights = [float(f.players.position_y[0, 0]) for f in seen[1:]]
    assert np.ptp(heights) < 0.01
    assert states(seen) == [341]
    bout.run(30)
    assert bout.players["y"][0] < 38.0


def test_peach_pulls_a_turnip_and_throws_it() -> None:
    bout = Bout(Character.PEACH)
    bout.place(1, -25.0)
    bout.special(0.0, -1.0, 35)
    assert bout.players["carrying"][0] == Item.TURNIP
    bout.run(1, 1.0, 0.0, Button.A)
    bout.run(100)
    assert bout.players["percent"][1] > 0.0


def test_a_fighter_without_a_file_has_plain_specials() -> None:
    bout = Bout(Character.LUIGI)
    seen = bout.special(0.0, 1.0, 70)
    assert states(seen)[:2] == [355, st.FALL_SPECIAL]
    assert max(float(f.players.position_y[0, 0]) for f in seen) > 40.0


@pytest.mark.parametrize("x", [-110.0, 110.0])
def test_specials_upward_bring_most_fighters_back(x: float) -> None:
    """Off Final Destination's edge without a jump, a special toward the stage ends on it or on its ledge."""
    reached = set()
    for who in (Character.FOX, Character.FALCO, Character.MEWTWO, Character.SHEIK, Character.ZELDA,
                Character.CAPTAIN_FALCON, Character.PEACH):  # fmt: skip
        bout = Bout(who)
        side = 1.0 if x < 0 else -1.0
        bout.place(0, x, -10.0, jumps=0, facing=side)
        bout.special(0.0, 1.0)
        for _ in range(170):
            bout.run(1, 0.75 * side, 0.6)
            if bout.players["ledge"][0] or not bout.players["airborne"][0] or bout.players["stocks"][0] < 4:
                break
        if bout.players["stocks"][0] == 4:
            reached.add(who)
    assert len(reached) >= 6


def test_jigglypuffs_air_jumps_are_five_states() -> None:
    bout = Bout(Character.JIGGLYPUFF)
    bout.place(0, 0.0, 40.0, jumps=5)
    shown = []
    for _ in range(6):
        shown.append(int(bout.run(1, buttons=Button.X)[-1].players.state[0, 0]))
        bout.run(8)
    assert shown[:5] == [341, 342, 343, 344, 345]


def test_falcons_dive_takes_the_stick_as_recorded() -> None:
    bout = Bout(Character.CAPTAIN_FALCON)
    bout.place(0, -40.0, 20.0, facing=-1.0, vx=0.0)
    bout.place(1, 60.0)
    bout.run(1, y=1.0, buttons=Button.B)
    bout.run(3)
    seen = bout.run(10, x=1.0)
    assert [float(frames.players.self_x_air[0, 0]) for frames in seen][:3] == pytest.approx([0.044, 0.088, 0.132])
    assert float(seen[-1].players.facing[0, 0]) == 1.0
    assert float(seen[-1].players.self_x_air[0, 0]) == pytest.approx(0.44 + 0.348, abs=1e-3)  # 0.7878 in a real replay
    assert float(bout.run(1)[0].players.self_x_air[0, 0]) == pytest.approx(0.351, abs=2e-3)
    falls = [float(frames.players.self_y[0, 0]) for frames in bout.run(45)]
    assert min(falls) == pytest.approx(-1.6605)


def test_raptor_boost_in_the_air_waits_runs_and_takes_all_jumps() -> None:
    bout = Bout(Character.CAPTAIN_FALCON)
    bout.place(0, -60.0, 30.0, facing=1.0, vx=0.6)
    bout.place(1, 60.0)
    first = bout.run(1, x=1.0, buttons=Button.B)[0].players
    assert (int(first.state[0, 0]), int(first.jumps[0, 0]), float(first.self_x_air[0, 0])) == (351, 0, 0.0)
    seen = bout.run(16)
    assert [round(float(frames.players.self_x_air[0, 0]), 3) for frames in seen[-3:]] == [0.0, 2.279, 1.83]


def test_a_lone_squall_hammer_is_lifted_by_b_and_steered_by_the_stick() -> None:
    bout = Bout(Character.POPO)
    bout.lane.followers["exists"][0] = 0
    bout.place(0, -60.0, 60.0, facing=1.0)
    bout.run(1, x=1.0, buttons=Button.B)
    before = bout.run(4, x=1.0)[-1].players
    pressed = bout.run(1, x=1.0, buttons=Button.B)[0].players
    assert float(pressed.self_y[0, 0] - before.self_y[0, 0]) == pytest.approx(0.5)
    assert float(pressed.self_x_air[0, 0]) == pytest.approx(1.2)
    assert float(bout.run(1)[0].players.self_x_air[0, 0]) == pytest.approx(1.18)
    assert float(bout.run(1, x=0.85)[0].players.self_x_air[0, 0]) == pytest.approx(1.2)
