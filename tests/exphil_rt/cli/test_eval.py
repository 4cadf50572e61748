"""``eval match``, with the embedded game itself."""

from __future__ import annotations

import json

import pytest

from exphil_rt.cli import app


def test_a_match_in_the_embedded_game(capsys: pytest.CaptureFixture[str]) -> None:
    # Without the ``home`` fixture: the compiled game lies in the real one.
    argv = ["eval", "match", "random", "random", "--games", "4", "--max-episode-frames", "240", "--character", "fox"]
    assert app.run([*argv, "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert first["wins"] + first["draws"] + first["losses"] == 4
    assert 0 < first["frames"] <= 4 * 240
    assert app.run(argv) == 0
    out, err = capsys.readouterr()
    assert f"{first['wins']} won, {first['draws']} drawn, {first['losses']} lost" in out
    assert "Elo difference" in out
    assert "4/4" in err
    assert first["physics"] in err
