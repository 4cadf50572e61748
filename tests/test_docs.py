"""What the documents promise: their code runs, their commands exist, their links lead somewhere."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from exphil_rt.cli.app import VERBS, app
from exphil_rt.config import preset_names
from exphil_rt.control.framing import ControlError
from exphil_rt.control.sync import connect
from exphil_rt.sim.jit import cache_root
from exphil_rt.store.home import Home
from exphil_rt.store.run import Run
from exphil_rt.testing.stand_in_dolphin import KINDS, StandInConfig
from exphil_rt.testing.stand_in_dolphin.cli import main
from exphil_rt.testing.stand_in_dolphin.config import START_KINDS

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
RUN = "my-run"
SMALL = (
    "run.games=2", "run.max_episode_frames=200", "game.characters=fox", "rollout.length=16", "policy.hidden=16",
    "train.minibatches=1", "train.epochs=1", "train.publish_every_frames=1000", "league.calibration_games=2",
    "rollout.exhibition=false", "daemon.start_deadline_s=300",
)  # fmt: skip
START_S = 300.0
"""A machine that has not compiled the game yet does so first."""
COMMAND = re.compile(r"`(exphil-rt(?: [^`]*)?)`")


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), flags=re.DOTALL | re.MULTILINE)


def commands(page: Path) -> list[str]:
    """Every whole command line of ``exphil-rt`` on a page, in fenced or indented blocks and within sentences."""
    text = page.read_text()
    found = [" ".join(line.split()) for line in COMMAND.findall(text)]
    for line in text.splitlines():
        line = line.removeprefix("    ")
        if line.startswith("exphil-rt "):
            found.append(line.partition("  #")[0])
    return found


def python(*argv: str, cwd: Path, seconds: float = 120.0, **env: str) -> str:
    """Run Python in ``cwd``, warnings being errors; what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", *argv],
        cwd=cwd, env=os.environ | env, capture_output=True, text=True, timeout=seconds, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def live() -> Iterator[dict[str, str]]:
    """A live run called my-run that has played, learned and rated, in a home of its own; its environment."""
    with tempfile.TemporaryDirectory(prefix="ert") as folder:  # short: a socket's path is limited
        home = Home(Path(folder) / "home").create()
        (home.cache / "sim").symlink_to(cache_root(), target_is_directory=True)
        runtime = Path(folder) / "run"
        runtime.mkdir(mode=0o700)
        env = {"EXPHIL_RT_HOME": str(home.root), "XDG_RUNTIME_DIR": str(runtime), "XDG_CONFIG_HOME": folder}
        argv = ["-m", "exphil_rt.cli.app", "daemon", "start", "--run", RUN]
        with pytest.MonkeyPatch.context() as patch:
            for name, value in env.items():
                patch.setenv(name, value)
            try:
                python(*argv, *(part for one in SMALL for part in ("--set", one)), cwd=Path(folder), seconds=START_S)
                until = time.monotonic() + START_S
                while not ready(home):
                    assert time.monotonic() < until, "the run does not get going"
                    time.sleep(0.2)
                yield env
            finally:
                holder = Run(home, RUN).holder()
                if holder is not None:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(holder.pid, signal.SIGTERM)
                until = time.monotonic() + 60.0
                while Run(home, RUN).holder() is not None and time.monotonic() < until:
                    time.sleep(0.05)


def ready(home: Home) -> bool:
    """Whether there is something to see in every table of the run."""
    try:
        with connect(RUN, home.root) as client:
            status = client.status()
    except ControlError:  # still starting
        return False
    run = Run.open(RUN, home)
    return status.matches >= 2 and len(run.ratings()["policy"]) >= 2 and len(run.metrics("loss")["value"]) > 0


def test_the_page_on_backbones_builds_one(tmp_path: Path) -> None:
    module, check = blocks(ROOT / "docs" / "adding-a-backbone.md", "python")
    (tmp_path / "leaky_nets.py").write_text(module)
    (tmp_path / "check.py").write_text(check)
    python("check.py", cwd=tmp_path, EXPHIL_RT_TRUST__PACKAGES="")


def test_the_python_page_runs_from_top_to_bottom(live: dict[str, str], tmp_path: Path) -> None:
    page = blocks(ROOT / "docs" / "python.md", "python")
    assert len(page) >= 6
    (tmp_path / "page.py").write_text("\n".join(page))
    said = python("page.py", cwd=tmp_path, **live)
    assert said.count("(0, '") == 1, said
    assert "of the points, Elo" in said
    assert "my-run@v1" in said
    assert "my-run running" in said
    assert "the run is paused" in said
    assert "the run goes on" in said
    assert "There is no run no-such-run" in said
    assert "512 frames, entropy" in said  # game frames: 4 games by 128
    assert "<PlayablePolicy my-own@v1, delay 0>" in said


def test_the_page_on_actors_makes_a_tested_actor(tmp_path: Path) -> None:
    actor, test, *rest = blocks(ROOT / "docs" / "adding-an-actor.md", "python")
    (tmp_path / "tally.py").write_text(actor)
    (tmp_path / "test_tally.py").write_text(test.replace("agents.tally", "tally"))
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    said = python("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_tally.py", cwd=tmp_path, PYTHONPATH=".")
    assert "2 passed" in said  # on trio and on asyncio
    for number, fragment in enumerate(rest):
        compile(fragment, f"fragment {number}", "exec")


def test_the_embedded_game_page_plays(tmp_path: Path) -> None:
    (example,) = blocks(ROOT / "docs" / "embedded-game.md", "python")
    said = python("-c", example, cwd=tmp_path)
    assert len(said.splitlines()) == 16


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_are_python_and_links_lead_somewhere(page: Path) -> None:
    for number, block in enumerate(blocks(page, "python")):
        compile(block, f"{page.name} {number}", "exec")
    for link in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
        if not re.match(r"[a-z]+:", link):
            assert (page.parent / link).exists(), f"{page.name} leads to {link}"


def parsed(line: str) -> list[str]:
    """The words of a documented command, with what stands for a number replaced by one."""
    words = shlex.split(line)[1:]
    return ["2" if word == "N" else word for word in words]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_documented_command_is_one(page: Path) -> None:
    for line in commands(page):
        words = parsed(line)
        if not words or words[0] == "COMMAND" or line.endswith(("...", "…")):
            continue
        nouns = {verb.words.split()[0] for verb in VERBS if " " in verb.words}
        if words[0] in nouns and len(words) == 1:
            continue
        try:
            app.parse_args(words, exit_on_error=False, print_error=False)
        except Exception as error:  # cyclopts has one of its own for each way to be wrong
            pytest.fail(f"{page.name}: `{line}`: {error}")


def test_the_page_on_the_stand_in_is_true(tmp_path: Path) -> None:
    page = ROOT / "docs" / "stand-in.md"
    text = page.read_text()
    for kind, does in (KINDS | START_KINDS).items():
        assert f"| `{kind}` | {does} |" in text
    lines = [line.strip() for line in text.splitlines() if line.startswith("    exphil-rt-stand-in ")]
    for number, line in enumerate(lines):
        words = shlex.split(line.replace("--write stand-in", f"--write {tmp_path / str(number)}"))[1:]
        assert main(words) == 0
    (example,) = blocks(page, "python")
    assert main(["--write", str(tmp_path / "stand-in"), "--set", "menus=skip", "--set", "die_with_parent=true"]) == 0
    (tmp_path / "example.py").write_text(example)
    assert python("example.py", cwd=tmp_path).startswith("60 ")
    names = StandInConfig.__struct_fields__
    assert [name for name in names if f"`{name}`" not in text] == ["slippi_version", "gecko_packets"]


def test_every_command_is_documented() -> None:
    page = (ROOT / "docs" / "commands.md").read_text()
    readme = (ROOT / "README.md").read_text()
    assert [verb.words for verb in VERBS if f"exphil-rt {verb.words}" not in page] == []
    first = ("self-play", "train imitation", "eval match", "status", "tree", "logs", "attach", "daemon stop",
             "policies list", "doctor", "paths")  # fmt: skip
    assert [words for words in first if f"exphil-rt {words}" not in readme] == []


def test_the_readme_fits_a_screen_and_this_project() -> None:
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 90
    project = (ROOT / "pyproject.toml").read_text()
    assert 'requires-python = ">=3.11,<3.14"' in project
    assert "Python 3.11 to 3.13" in text
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"^make ([a-z]+)", text, flags=re.MULTILINE)) <= targets
    assert set(re.findall(r"--preset ([a-z]+)", text)) <= set(preset_names())
