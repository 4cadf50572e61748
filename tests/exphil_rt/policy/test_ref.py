from __future__ import annotations

from pathlib import Path

import pytest

from exphil_rt.policy.bundle import save_bundle
from exphil_rt.policy.config import PolicyConfig
from exphil_rt.policy.manifest import Manifest, check_delay, delay_sentence
from exphil_rt.policy.policy import Policy
from exphil_rt.policy.ref import (
    PolicyNotFound,
    PolicyRefInvalid,
    bundle_name,
    default_home,
    is_reserved,
    list_bundles,
    next_version,
    parse_ref,
    resolve_bundle,
)

CONFIG = PolicyConfig(backbone="mlp", hidden=8, head_width=4)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    for name, version, metrics in (
        ("fox-a1", 1, {"elo": 1200.0}),
        ("fox-a1", 2, {"elo": 1400.0}),
        ("fox-a1", 10, {"elo": 1300.0}),
        ("fox-b2", 1, {}),
        ("marth", 3, {}),
        ("marth", 4, {}),
    ):
        manifest = Manifest(name=name, version=version, config=CONFIG, metrics=metrics)
        save_bundle(home / "policies" / f"{name}@v{version}", Policy(CONFIG), manifest)
    (home / "policies" / ".fox-a1@v11.123.tmp").mkdir()
    (home / "policies" / "notes.txt").write_text("not a bundle")
    return home


@pytest.mark.parametrize(
    ("ref", "folder"),
    [
        ("fox-a1", "fox-a1@v10"),
        ("fox-a1@latest", "fox-a1@v10"),
        ("fox-a1@v2", "fox-a1@v2"),
        ("fox-a1@best", "fox-a1@v2"),
        ("marth@best", "marth@v4"),
        ("mar", "marth@v4"),
        ("fox-b@v1", "fox-b2@v1"),
    ],
)
def test_names_find_their_folder(home, ref, folder):
    assert resolve_bundle(ref, home) == home / "policies" / folder


def test_paths_find_their_folder(home, monkeypatch):
    folder = home / "policies" / "marth@v3"
    assert resolve_bundle(str(folder), home) == folder
    monkeypatch.chdir(folder)
    assert resolve_bundle(".", home) == Path(".")
    with pytest.raises(PolicyNotFound, match="no policy bundle at"):
        resolve_bundle("./nothing", home)


@pytest.mark.parametrize(
    ("ref", "words"),
    [
        ("fox", ["'fox' may mean 2 policies", "fox-a1, fox-b2"]),
        ("marht", ["no policy 'marht'", "Did you mean marth?"]),
        ("zzz", ["no policy 'zzz'", "policies list"]),
        ("marth@v9", ["no marth@v9", "v3, v4"]),
        ("random", ["reserved"]),
    ],
)
def test_what_is_not_there_is_said_in_a_sentence(home, ref, words):
    with pytest.raises(PolicyNotFound) as caught:
        resolve_bundle(ref, home)
    assert all(word in str(caught.value) for word in words)


def test_an_empty_home_says_so(tmp_path):
    with pytest.raises(PolicyNotFound, match="holds none yet"):
        resolve_bundle("fox", tmp_path)
    assert list_bundles(tmp_path) == {}


@pytest.mark.parametrize(
    "bad", ["", "@v1", "fox@", "fox@v0", "fox@vx", "fox@newest", "fox bar", "fox@v1@v2", "-x", "x" * 65]
)
def test_malformed_references_name_the_grammar(bad):
    with pytest.raises(PolicyRefInvalid, match="NAME@vN"):
        parse_ref(bad)


def test_reserved_names():
    assert parse_ref("random").kind == "random"
    assert [parse_ref(f"cpu{n}").level for n in range(1, 10)] == list(range(1, 10))
    assert parse_ref("cpu10").kind == "bundle"
    assert is_reserved("cpu3")
    assert not is_reserved("cpu0")
    for name in ("random", "cpu9"):
        with pytest.raises(PolicyRefInvalid, match="reserved"):
            bundle_name(name, 1)
    for name, version in (("../x", 1), ("a/b", 1), ("x", 0), ("", 1)):
        with pytest.raises(PolicyRefInvalid):
            bundle_name(name, version)


def test_versions_count_up(home):
    assert list_bundles(home) == {"fox-a1": [1, 2, 10], "fox-b2": [1], "marth": [3, 4]}
    assert next_version("fox-a1", home) == 11
    assert next_version("new", home) == 1


def test_home_is_the_environments(monkeypatch, tmp_path):
    monkeypatch.setenv("EXPHIL_RT_HOME", str(tmp_path))
    assert default_home() == tmp_path
    monkeypatch.delenv("EXPHIL_RT_HOME")
    assert default_home().name == "exphil_rt"


def test_the_delay_is_said_and_held():
    assert delay_sentence(0) == "delay 0: embedded game and local Dolphin; online needs --frame-delay 18"
    assert delay_sentence(18) == "delay 18: embedded game and local Dolphin, and online"
    from exphil_rt.policy.manifest import PolicyIncompatible

    manifest = Manifest(name="fox", version=3, config=PolicyConfig(delay=2, dmax=4))
    check_delay(manifest, 2)
    check_delay(manifest, 4, force=True)
    with pytest.raises(PolicyIncompatible, match="fox@v3 was trained for delay 2, not 3"):
        check_delay(manifest, 3)
    with pytest.raises(PolicyIncompatible, match="takes 0 to 4"):
        check_delay(manifest, 5, force=True)
