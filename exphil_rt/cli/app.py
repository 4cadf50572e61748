"""The command line's one parser: which commands there are, and how each of them ends.

Commands are named here and imported when they run, so that ``--help`` stays quick. Every end is an exit code that
the help documents, and every failure one sentence on stderr.
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

from cyclopts import App, CycloptsError, Group, Parameter, UnknownCommandError

from exphil_rt import __version__
from exphil_rt.errors import ExphilError

WINDOWS = "exphil-rt runs on Linux and macOS: on Windows, run it inside WSL2 (`wsl --install`)."

EPILOGUE = """Without a command: open the terminal client, on the live run or on a new one.
Results go to stdout, talk to stderr.
Exit codes: 0 ok, 1 failed, 2 usage or settings, 3 daemon not running,
4 already running, 5 dependency missing, 130 interrupted.
"""

TRAIN, WATCH, KEEP = (
    Group("Train and play", sort_key=1),
    Group("Watch and steer", sort_key=2),
    Group("Set up and look up", sort_key=3),
)
NOUNS = {
    "train": ("Learn from recorded play.", TRAIN),
    "play": ("Play matches in Dolphin, or in the stand-in.", TRAIN),
    "eval": ("Measure policies.", TRAIN),
    "replay": ("Recorded games: check, count, make data sets.", TRAIN),
    "daemon": ("The process that holds a run.", WATCH),
    "policies": ("The policy store.", KEEP),
    "export": ("Policies for other programs.", KEEP),
    "runs": ("Past and present runs.", KEEP),
    "sim": ("The embedded game.", KEEP),
    "config": ("Settings.", KEEP),
}


class Verb(NamedTuple):
    """One command, as the parser must know it before its module is imported."""

    words: str
    target: str
    text: str
    group: Group
    examples: tuple[str, ...]


VERBS = (
    Verb("self-play", "self_play:self_play", "Run self-play training.", TRAIN, ("", "--policy NAME --headless")),
    Verb(
        "play dolphin",
        "play:dolphin",
        "Play in Slippi Dolphin.",
        TRAIN,
        ("my-fox --opponent human", "my-fox@v3 --opponent cpu9 --stage battlefield --games 3"),
    ),
    Verb(
        "play stand-in",
        "play:stand_in",
        "Play as in Dolphin, on a machine without it.",
        TRAIN,
        ("my-fox --opponent cpu5", "my-fox --opponent my-marth --headless --games 3"),
    ),
    Verb(
        "train imitation",
        "train:imitation",
        "Clone the play in .slp replays.",
        TRAIN,
        ("--character mewtwo", "PATH/TO/REPLAYS --character fox --epochs 3 --policy-out my-fox"),
    ),
    Verb(
        "eval match",
        "evaluate:match",
        "Play two policies head to head.",
        TRAIN,
        ("my-fox@v3 random --games 400", "my-fox@best my-fox@v1 --json"),
    ),
    Verb(
        "eval replays",
        "eval_replays:replays",
        "Measure a policy's predictions on replays, beside tables.",
        TRAIN,
        ("my-fox PATH/TO/REPLAYS", "my-fox NAME --delay-curve 0 --delay-curve 18 --plot curve.png"),
    ),
    Verb(
        "eval average",
        "eval_replays:average",
        "Average the weights of several versions.",
        TRAIN,
        ("my-fox@v3 my-fox@v4 --on PATH/TO/REPLAYS",),
    ),
    Verb(
        "eval play",
        "eval_play:play",
        "Say how a policy plays: its report card.",
        TRAIN,
        ("my-fox --vs random --vs cpu3 --games 64", "my-fox --temperature 1 --temperature 0.8 --save"),
    ),
    Verb(
        "replay validate",
        "replay_validate:validate",
        "Check .slp replays, each with its reason.",
        TRAIN,
        ("PATH/TO/REPLAYS", "PATH/TO/REPLAYS --error-log bad.tsv"),
    ),
    Verb(
        "replay stats",
        "replay_stats:stats",
        "Say what is in replays or in a data set.",
        TRAIN,
        ("PATH/TO/REPLAYS", "NAME --character mewtwo"),
    ),
    Verb(
        "replay build-dataset",
        "replay_build:build",
        "Parse replays once into a data set.",
        TRAIN,
        ("PATH/TO/REPLAYS -o NAME", "PATH/TO/REPLAYS -o NAME --character mewtwo --quality-threshold 0.5"),
    ),
    Verb(
        "replay kmeans",
        "replay_kmeans:kmeans",
        "Find the stick positions that players use.",
        TRAIN,
        ("PATH/TO/REPLAYS -o codec.json", "PATH/TO/REPLAYS -o pairs.json --joint --k 64"),
    ),
    Verb("replay datasets", "replay_datasets:datasets", "List data sets.", TRAIN, ("", "NAME --verify")),
    Verb("attach", "attach:attach", "Open the terminal client on a live run.", WATCH, ("", "RUN --readonly")),
    Verb("status", "status:status", "Say how the run does.", WATCH, ("", "--json")),
    Verb("tree", "tree:tree", "Print the supervision tree once.", WATCH, ("", "--json")),
    Verb("logs", "logs:logs", "Print or follow a run's log.", WATCH, ("-f", "--actor trainer --level warn")),
    Verb("daemon start", "daemon:start", "Start a run in the background.", WATCH, ("", "--resume RUN")),
    Verb("daemon stop", "daemon:stop", "Checkpoint, then stop the daemon.", WATCH, ("", "--run RUN")),
    Verb("daemon status", "daemon:status", "Say whether a daemon runs (exit code 0 or 3).", WATCH, ("", "--json")),
    Verb("daemon run", "daemon_main:run_daemon", "Run the daemon in the foreground.", WATCH, ("--run RUN",)),
    Verb(
        "export onnx",
        "export:onnx",
        "Write a policy as one ONNX file.",
        KEEP,
        ("my-fox -o my-fox.onnx --check", "my-fox -o my-fox.onnx --check --replays PATH/TO/REPLAYS --json"),
    ),
    Verb("policies list", "policies:list_policies", "List policies and their versions.", KEEP, ("", "--json")),
    Verb(
        "policies info",
        "policies_info:info",
        "Say what a policy is, layer by layer.",
        KEEP,
        ("my-fox", "my-fox@v3 --json"),
    ),
    Verb(
        "policies compare",
        "policies_info:compare",
        "Hold two policies side by side.",
        KEEP,
        ("my-fox@v1 my-fox@best", "my-fox my-marth --json"),
    ),
    Verb(
        "policies pack", "policies_pack:pack", "Write a policy as one file to share.", KEEP, ("my-fox -o my-fox.zip",)
    ),
    Verb(
        "policies add",
        "policies_pack:add",
        "Take a policy from such a file.",
        KEEP,
        ("my-fox.zip", "my-fox.zip --name their-fox"),
    ),
    Verb(
        "policies hot-swap",
        "hot_swap:hot_swap",
        "Put a policy into a running agent.",
        WATCH,
        ("exhibition:1 NAME@v4", "3:2 NAME --run RUN"),
    ),
    Verb("runs list", "runs:list_runs_command", "List runs.", KEEP, ("", "--json")),
    Verb(
        "sim fidelity",
        "fidelity:fidelity",
        "Measure the embedded game against real replays.",
        KEEP,
        ("PATH/TO/REPLAYS", "PATH/TO/REPLAYS --fighter fox --by move"),
    ),
    Verb(
        "sim watch",
        "sim:watch",
        "Watch a game of the embedded game, or a replay.",
        KEEP,
        ("cpu9 cpu5 --character fox --character marth", "PATH/TO/GAME.slp"),
    ),
    Verb(
        "sim play",
        "sim:play",
        "Play against a policy or a scripted opponent.",
        KEEP,
        ("cpu3 --character fox", "my-fox@best --keyboard"),
    ),
    Verb("sim warmup", "sim:warmup", "Compile the game, so that the next start is quick.", KEEP, ("",)),
    Verb(
        "replay export",
        "replay:export",
        "Write recorded games as .slp files.",
        KEEP,
        ("--run RUN", "PATH/TO/17.rec -o game.slp"),
    ),
    Verb(
        "config show",
        "config:show_settings",
        "Print the settings that hold.",
        KEEP,
        ("--origin", "--set train.learning_rate=1e-4"),
    ),
    Verb("config validate", "config:validate", "Check settings files.", KEEP, ("", "my-run.toml")),
    Verb(
        "setup",
        "setup:setup",
        "Find Dolphin, Melee and your controllers.",
        KEEP,
        ("", "--dolphin PATH/TO/DOLPHIN --iso PATH/TO/MELEE.iso"),
    ),
    Verb("doctor", "doctor:doctor", "Check this machine, with the fix for each fault.", KEEP, ("", "--json")),
    Verb("paths", "paths:paths", "Say where things lie.", KEEP, ("", "--home /data/melee")),
    Verb("version", "version:version", "Versions for a bug report.", KEEP, ("", "--json")),
    Verb(
        "completion",
        "completion:completion",
        "Print a shell's completion script.",
        KEEP,
        ("bash", "fish > ~/.config/fish/completions/exphil-rt.fish"),
    ),
)


def _examples(*lines: str) -> str:
    return "Examples:\n" + "\n".join(f"  exphil-rt {line}".rstrip() for line in lines)


def _shown(default: object) -> str | None:
    """What help says of a default: nothing where it only says that an option was not given."""
    return None if default is None or default is False or default == () else str(default)


def _build() -> App:
    root = App(
        name="exphil-rt",
        help="Train and watch Super Smash Bros. Melee agents inside a supervision tree.",
        help_prologue=_examples("", "self-play --headless --timesteps 1000000"),
        help_epilogue=EPILOGUE,
        help_format="plaintext",
        version=__version__,
        result_action="return_value",
        default_parameter=Parameter(show_default=_shown),
    )
    for noun, (text, group) in NOUNS.items():
        examples = [f"{verb.words} {verb.examples[0]}" for verb in VERBS if verb.words.startswith(f"{noun} ")]
        root.command(App(name=noun, help=text, group=group, help_prologue=_examples(*examples[:2]), help_epilogue=""))
    for verb in VERBS:
        *noun_words, name = verb.words.split()
        parent = root[noun_words[0]] if noun_words else root
        parent.command(
            f"exphil_rt.cli.{verb.target}",
            name=name,
            help=verb.text,
            group=None if noun_words else verb.group,
            help_prologue=_examples(*(f"{verb.words} {example}" for example in verb.examples)),
            help_epilogue="",
        )
    return root


app = _build()
app.suppress_keyboard_interrupt = app.meta.suppress_keyboard_interrupt = False  # run() says so and ends with 130


@app.meta.default
def launch(
    *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    home: Path | None = None,
    no_color: Annotated[bool, Parameter(negative="")] = False,
    debug: Annotated[bool, Parameter(negative="")] = False,
) -> object:
    """Options of every command.

    Args:
        home: folder of policies, runs and caches (also EXPHIL_RT_HOME).
        no_color: print without colours (also NO_COLOR).
        debug: show the traceback of an unexpected error.
    """
    if home is not None:
        # Through the environment, so that processes started from here know it, too.
        os.environ["EXPHIL_RT_HOME"] = os.fspath(home.absolute())
    if not tokens:
        from exphil_rt.cli.attach import open_or_start

        return open_or_start()
    return app(tokens, exit_on_error=False, print_error=False)


def run(argv: Sequence[str]) -> int:
    """Carry out a command line; its exit code. Never raises but for SystemExit."""
    if sys.platform == "win32":
        return _fail(WINDOWS, 5)
    debug = "--debug" in argv
    if "--no-color" in argv:
        os.environ["NO_COLOR"] = "1"  # before help is drawn; and processes started from here know it, too
    try:
        result = app.meta(list(argv), exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except CycloptsError as error:
        return _fail(_usage(error), 2)
    except ExphilError as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _fail("Interrupted.", 130)
    except BrokenPipeError:
        # The reader has seen enough (`| head`). Without this, flushing at exit would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if debug:
            raise
        from exphil_rt.cli.crash import write_crash

        return _fail(f"Unexpected {type(error).__name__}: {write_crash(error, argv)}", 1)


def _usage(error: CycloptsError) -> str:
    chain = " ".join(error.command_chain or ())
    if isinstance(error, UnknownCommandError):
        # Its own words would import every command.
        word, known = (error.unused_tokens or ["?"])[0], [name for name in error.app or () if name[0] != "-"]
        near = difflib.get_close_matches(word, known, n=1)
        text = f"{word} is not a command. " + (f"Did you mean {near[0]}?" if near else f"There are {', '.join(known)}.")
    else:
        text = " ".join(str(error).split())
    return f"{text.removesuffix('.')}. (See `exphil-rt {chain + ' ' if chain else ''}--help`.)".replace("?.", "?")


def _fail(text: str, code: int) -> int:
    print(f"exphil-rt: {text}", file=sys.stderr)
    return code


def main() -> None:
    """The console script."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
