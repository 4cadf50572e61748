"""What importing loads, and what the package says it offers. Each import runs in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys

import pytest

import exphil_rt

HEAVY = ("torch", "numba", "textual", "melee")


def loaded(code: str, names: tuple[str, ...]) -> list[str]:
    """Which of ``names`` are loaded after ``code`` ran."""
    script = f"import sys\n{code}\nprint(' '.join(sorted(set({names!r}) & set(sys.modules))))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


EVERY_MODULE = """
import importlib, pkgutil
for name in {packages!r}:
    package = importlib.import_module(name)
    for found in pkgutil.walk_packages(package.__path__, name + "."):
        importlib.import_module(found.name)
"""


def test_importing_the_library_loads_nothing() -> None:
    assert loaded("import exphil_rt", (*HEAVY, "trio", "anyio", "numpy", "msgspec", "cyclopts")) == []


def test_the_daemon_holds_no_native_giants() -> None:
    """They would run in its loop, and could take it with them: they belong into its child processes."""
    packages = ("agents", "supervisors", "exphil_rt.actor", "exphil_rt.store", "exphil_rt.league")
    code = EVERY_MODULE.format(packages=packages) + "import exphil_rt.control.server, exphil_rt.cli.daemon_main"
    assert loaded(code, (*HEAVY, "peppi_py", "onnxruntime")) == []


def test_the_terminal_client_holds_no_native_giants() -> None:
    assert loaded(EVERY_MODULE.format(packages=("tui",)), ("torch", "numba", "melee", "trio", "sqlite3")) == []


def test_messages_settings_and_game_are_light() -> None:
    packages = ("exphil_rt.messages", "exphil_rt.config", "exphil_rt.game")
    assert loaded(EVERY_MODULE.format(packages=packages), (*HEAVY, "trio", "anyio")) == []


def test_the_simulator_is_imported_without_its_compiler() -> None:
    assert loaded("import exphil_rt.sim", HEAVY) == []


@pytest.mark.parametrize("name", exphil_rt.__all__)
def test_every_public_name_is_there(name: str) -> None:
    found = getattr(exphil_rt, name)
    assert found.__name__ == name
    assert found.__doc__


def test_public_names_are_sorted_and_nothing_else_is_offered() -> None:
    assert list(exphil_rt.__all__) == sorted(exphil_rt.__all__)
    assert isinstance(exphil_rt.__all__, tuple)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = exphil_rt.no_such_name
