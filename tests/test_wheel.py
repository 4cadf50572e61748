"""The built wheel, unpacked somewhere else, is whole: code, settings presets, the game's tables, the console script."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel installs, and nothing of the checkout."""
    place = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    build = [*pip, "wheel", str(ROOT), "--no-deps", "--wheel-dir", str(place)]
    subprocess.run(build, check=True, capture_output=True, timeout=300)
    (wheel,) = place.glob("*.whl")
    target = place / "installed"
    subprocess.run(
        [*pip, "install", str(wheel), "--no-deps", "--target", str(target)],
        check=True,
        capture_output=True,
        timeout=300,
    )
    return target


def python(installed: Path, *argv: str, cwd: Path) -> str:
    """Run Python elsewhere, with the installed folder before the checkout."""
    done = subprocess.run(
        [sys.executable, *argv],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(installed), "EXPHIL_RT_HOME": str(cwd / "home")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def files_of(folder: str, *, suffix: str = "") -> set[str]:
    """Tracked-looking files below a folder of the checkout."""
    return {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / folder).rglob(f"*{suffix}")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_it_holds_every_module_preset_and_table(installed: Path) -> None:
    wanted = files_of("exphil_rt") | files_of("agents") | files_of("supervisors") | files_of("tui")
    presets = {f"exphil_rt/{name}" for name in files_of("configs")}
    assert presets
    (wheel,) = installed.parent.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == wanted | presets
    assert any(name.startswith("exphil_rt/sim/data/") for name in held)


def test_it_runs_from_another_folder(installed: Path, tmp_path: Path) -> None:
    where = python(installed, "-c", "import exphil_rt; print(exphil_rt.__file__)", cwd=tmp_path)
    assert Path(where.strip()) == installed / "exphil_rt" / "__init__.py"
    code = "import agents, supervisors, tui; print(agents.__file__, supervisors.__file__, tui.__file__)"
    assert python(installed, "-c", code, cwd=tmp_path).count(str(installed)) == 3


def test_its_presets_are_found(installed: Path, tmp_path: Path) -> None:
    names = python(installed, "-c", "import exphil_rt.config as c; print(*c.preset_names())", cwd=tmp_path).split()
    assert names == sorted(path.stem for path in (ROOT / "configs").glob("*.toml"))
    for name in names:
        argv = ("-m", "exphil_rt.cli.app", "config", "validate", "--preset", name)
        assert python(installed, *argv, cwd=tmp_path).startswith("ok: ")


def test_its_game_finds_its_tables(installed: Path, tmp_path: Path) -> None:
    code = "from exphil_rt.sim import tables; print(tables.__file__, tables.load().nbytes)"
    where, size = python(installed, "-c", code, cwd=tmp_path).split()
    assert where.startswith(str(installed))
    assert int(size) > 0


def test_its_console_script_answers(installed: Path, tmp_path: Path) -> None:
    shown = python(installed, str(installed / "bin" / "exphil-rt"), "paths", cwd=tmp_path)
    assert str(installed / "exphil_rt") in shown
