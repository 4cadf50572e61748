"""The parser: how command lines end, what they say, and what they do not load."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exphil_rt.cli import app, version
from exphil_rt.config import load_config
from exphil_rt.store.home import Home
from exphil_rt.store.run import Run

PROGRAM = [sys.executable, "-m", "exphil_rt.cli.app"]
Cli = Callable[..., Any]  # the fixture's Outcome: code, out, err, sentence()


def run(*argv: str, check: int) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*PROGRAM, *argv], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == check, done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_help_names_every_command_and_the_exit_codes(cli: Cli) -> None:
    shown = cli("--help")
    assert shown.code == 0
    for verb in app.VERBS:
        assert verb.words.split()[0] in shown.out
    for code in ("0 ok", "1 failed", "2 usage", "3 daemon not running", "4 already running", "5 dep", "130 interr"):
        assert code in " ".join(shown.out.split())


@pytest.mark.parametrize("verb", app.VERBS, ids=lambda verb: verb.words)
def test_every_command_has_examples_that_name_it(verb: app.Verb, cli: Cli) -> None:
    shown = cli(*verb.words.split(), "--help")
    assert shown.code == 0, shown.err
    assert shown.out.startswith("Examples:")
    assert f"exphil-rt {verb.words}" in shown.out
    assert verb.text in shown.out


def test_the_page_of_commands_has_them_all() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "commands.md").read_text()
    for verb in app.VERBS:
        assert f"exphil-rt {verb.words}" in page


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from exphil_rt.cli.app import run; code = run(['--help']); "
        "heavy = {'torch', 'numba', 'numpy', 'textual', 'melee', 'trio', 'anyio', 'sqlite3', 'peppi_py'}; "
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr.strip() == "[]"


def test_status_loads_no_library_of_the_runtime(home: Home) -> None:
    code = (
        "import sys; from exphil_rt.cli.app import run; code = run(['status']); "
        "print(sorted({'torch', 'numba', 'textual', 'melee', 'trio'} & set(sys.modules))); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.strip()) == (3, "[]")


@pytest.mark.parametrize(
    ("argv", "meant"),
    [
        (["polices"], "Did you mean policies?"),
        (["selfplay"], "Did you mean self-play?"),
        (["daemon", "strat"], "Did you mean start?"),
        (["status", "--jsn"], "Did you mean --json?"),
        (["completion", "fsh"], 'Did you mean "fish"?'),
        (["logs", "--level", "warning!"], "warn"),
        (["zzz"], "There are"),
        (["status", "--run"], "--run requires an argument"),
        (["eval", "match", "a"], "B"),
        (["eval", "match", "a", "b", "--games", "many"], "--games"),
        (["--home"], "--home requires an argument"),
    ],
)
def test_a_wrong_command_line_is_one_sentence_and_exit_code_2(argv: list[str], meant: str, cli: Cli) -> None:
    ended = cli(*argv)
    assert ended.code == 2
    assert meant in ended.sentence()
    assert "--help" in ended.sentence()
    assert ended.out == ""


def test_exit_codes_as_a_shell_sees_them(home: Home) -> None:
    run("version", check=0)
    run("logs", check=1)
    assert "Did you mean policies?" in run("polices", check=2).stderr
    assert run("status", check=3).stderr == "exphil-rt: No daemon is running. Start one with `exphil-rt self-play`.\n"


def test_an_unforeseen_error_is_a_sentence_with_its_traceback_in_a_file(
    cli: Cli, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(version, "PARTS", None)
    ended = cli("version")
    assert ended.code == 1
    assert "Unexpected TypeError" in ended.sentence()
    (file,) = (home.root / "logs").iterdir()
    assert str(file) in ended.err
    assert "exphil-rt version" in file.read_text()
    assert "Traceback" in file.read_text()
    with pytest.raises(TypeError):
        cli("version", "--debug")


def test_the_traceback_finds_another_place_where_the_home_cannot_be_written(
    cli: Cli, home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home.root.write_text("a file where the home should be")
    monkeypatch.setattr(version, "PARTS", None)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ended = cli("version")
    assert ended.code == 1
    (file,) = tmp_path.glob("crash-*.txt")
    assert str(file) in ended.err


def test_a_reader_that_stops_early_is_no_error(home: Home) -> None:
    command = [*PROGRAM, "config", "show", "--json", "--origin"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 0


def test_interrupting_ends_with_130(home: Home) -> None:
    log = Run.create(home, load_config(env={}), "followed").logs / "daemon.jsonl"
    log.write_text('{"ts":"2026-01-01T00:00:00Z","level":"info","event":"here"}\n')
    command = [*PROGRAM, "logs", "-f"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a suite in the background has it ignored
    ) as process:
        assert process.stdout is not None
        assert b"here" in process.stdout.readline()  # it follows now
        process.send_signal(signal.SIGINT)
        try:
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
        assert process.returncode == 130
        assert err == b"exphil-rt: Interrupted.\n"


def test_windows_is_told_about_wsl2(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    for argv in (["--help"], ["status"], ["self-play"], []):
        ended = cli(*argv)
        assert ended.code == 5
        assert "WSL2" in ended.sentence()


def test_home_as_an_option_reaches_the_command(cli: Cli, tmp_path: Path) -> None:
    assert str(tmp_path / "elsewhere") in cli("paths", "--home", str(tmp_path / "elsewhere")).out
    assert os.environ["EXPHIL_RT_HOME"] == str(tmp_path / "elsewhere")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_the_commands(shell: str, cli: Cli) -> None:
    shown = cli("completion", shell)
    assert shown.code == 0, shown.err
    for word in ("policies", "self-play", "doctor"):
        assert word in shown.out


def test_no_color_is_heard_before_anything_is_drawn(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    colour = "\x1b[3"
    assert colour in run("--help", check=0).stdout
    assert colour not in run("--no-color", "--help", check=0).stdout
    monkeypatch.setenv("NO_COLOR", "1")
    assert colour not in run("--help", check=0).stdout
