"""Quality counts what it says, on games made for it and on real ones."""

from __future__ import annotations

import numpy as np
import pytest

from exphil_rt.game.frames import Frames
from exphil_rt.replays import PlayerMeta, read_replay
from exphil_rt.replays.optout import OptOutInvalid, opt_out_names, opted_out, read_opt_out
from exphil_rt.replays.quality import side_quality


def game(seconds: int) -> Frames:
    """A game of that many seconds in play, with both sides moving and hitting one another."""
    frames = Frames.allocate((84 + 60 * seconds,))
    length = frames.lead[0]
    frames.frame[:] = np.arange(length) - 123
    frames.players.exists[:] = 1
    frames.players.stocks[:] = 4
    frames.controllers.joystick_x[:, :] = (np.arange(length) // 30 % 2)[:, None]
    frames.players.percent[:] = (np.arange(length) / 60)[:, None]
    return frames


def lose_stocks(frames: Frames, side: int, times: list[float]) -> None:
    for second in times:
        frames.players.stocks[84 + round(second * 60) :, side] -= 1


def test_who_plays_is_worth_all():
    quality = side_quality(game(60), 0)
    assert quality.score == 1.0
    assert quality.words() == ""


@pytest.mark.parametrize(
    ("times", "chain"), [([10, 20, 39], True), ([10, 20, 41], False), ([10, 20], False), ([1, 20, 25, 45], True)]
)
def test_three_self_destructs_within_30_s_are_a_chain(times, chain):
    frames = game(60)
    frames.players.percent[:, 0] = 30.0  # nobody touches side 0
    lose_stocks(frames, 0, times)
    quality = side_quality(frames, 0)
    assert quality.self_destructs == len(times)
    assert quality.sd_chain is chain
    assert (quality.score < 1.0) is chain


def test_a_stock_lost_soon_after_a_hit_is_no_self_destruct():
    frames = game(60)
    frames.players.percent[:, 0] = 30.0
    frames.players.percent[84 + 60 * 16 :, 0] = 45.0
    lose_stocks(frames, 0, [20])
    assert side_quality(frames, 0).self_destructs == 0
    lose_stocks(frames, 0, [30])
    assert side_quality(frames, 0).self_destructs == 1


@pytest.mark.parametrize(("still", "low"), [(9, False), (11, True)])
def test_ten_seconds_without_input_count(still, low):
    frames = game(60)
    frames.controllers.joystick_x[300 : 300 + still * 60, 0] = 0.5
    quality = side_quality(frames, 0)
    assert quality.idle_s == pytest.approx(still, abs=0.6)
    assert (quality.score < 1.0) is low
    assert side_quality(frames, 1).score == 1.0


def test_the_wait_before_the_game_is_no_idling():
    frames = game(20)
    frames.controllers.joystick_x[:84] = 0
    assert side_quality(frames, 0).score == 1.0


def test_losing_stocks_without_a_hit_in_a_minute_is_sandbagging():
    frames = game(70)
    frames.players.percent[:, 1] = 0.0  # side 0 deals nothing
    assert not side_quality(frames, 0).sandbag, "as long as it does not lose"
    lose_stocks(frames, 0, [50])
    quality = side_quality(frames, 0)
    assert quality.sandbag
    assert quality.words() == "sandbagging"
    assert not side_quality(frames, 1).sandbag


def test_an_untouched_controller_is_worth_nothing():
    frames = game(20)
    frames.controllers.joystick_x[:, 1] = 0
    quality = side_quality(frames, 1)
    assert (quality.score, quality.touched) == (0.0, False)


def test_real_play_scores_high_and_dummies_low(replays_dir):
    real = read_replay(replays_dir / "matches" / "v2.0.slp", rollback="first").frames
    assert [side_quality(real, side).score for side in (0, 1)] == [1.0, 1.0]
    drill = read_replay(replays_dir / "matches" / "mewtwo_shfair_only.slp", rollback="first").frames
    assert side_quality(drill, 0).score == 1.0
    assert side_quality(drill, 1).score < 0.2, "the one that is practised on"


def test_the_list_of_who_asked_not_to_be_learned_from(tmp_path):
    file = tmp_path / "list.txt"
    assert read_opt_out(file) == frozenset()
    file.write_text("// who asked\n\nabcd#123  // by mail\nSomebody Else\n", encoding="utf-8")
    names = read_opt_out(file)

    def player(code="", name=""):
        return PlayerMeta(port=0, character=0, cpu=False, code=code, name=name)

    assert opted_out(player("ABCD#123"), names)
    assert opted_out(player("\uff21BCD\uff03123"), names), "as Slippi writes it"
    assert opted_out(player(name="somebody else"), names)
    assert not opted_out(player("ABCD#124", "Somebody"), names)
    assert not opted_out(player(), opt_out_names([""]))
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(OptOutInvalid, match="cannot be read"):
        read_opt_out(file)
