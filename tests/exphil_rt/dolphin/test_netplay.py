"""Connect codes and Slippi's account: what is taken, and what is refused in a sentence."""

from __future__ import annotations

import pytest

from exphil_rt.config.sections import DolphinSettings
from exphil_rt.dolphin.find import find
from exphil_rt.dolphin.netplay import AccountMissing, CodeInvalid, check_code, own_code


@pytest.mark.parametrize("text", ["ABCD#123", "MANG#0", "X#1", "A1B2#99", " abcd#123 "])
def test_codes_are_taken_as_slippi_writes_them(text):
    assert check_code(text) == text.strip().upper()


@pytest.mark.parametrize("text", ["", "ABCD", "ABCD#", "#123", "ABCD-123", "ABCDEF#123", "AB CD#1", "ÄÖ#1", "A#1\nB#2"])
def test_what_is_no_code_is_refused(text):
    with pytest.raises(CodeInvalid, match="is no connect code"):
        check_code(text)


def test_the_account_lies_in_the_users_own_dolphin_folder(tmp_path):
    user = tmp_path / "User"
    (user / "Config").mkdir(parents=True)
    settings = DolphinSettings(user=str(user))
    assert find(settings, {}, tmp_path).account == ""
    (user / "Slippi").mkdir()
    (user / "Slippi" / "user.json").write_text('{"uid": "x", "connectCode": "ABCD#123", "playKey": "y"}')
    found = find(settings, {}, tmp_path)
    assert found.account == str(user / "Slippi" / "user.json")
    assert own_code(found.account) == "ABCD#123"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        (b"", "holds no account"),
        (b"{}", "holds no account"),
        (b'{"connectCode": 5}', "holds no account"),
        (b"[" * 70_000, "holds no account"),
        (b"\xff\xfe", "holds no account"),
    ],
)
def test_an_account_that_is_none_is_named(tmp_path, content, said):
    path = tmp_path / "user.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AccountMissing, match=said) as caught:
        own_code(str(path))
    assert str(path) in str(caught.value)
    assert "Slippi Launcher" in caught.value.hint


def test_without_an_account_file_there_is_one_sentence():
    with pytest.raises(AccountMissing, match="none was found"):
        own_code("")
