"""Netplay in Slippi's direct mode: connect codes, and the account that Slippi Launcher leaves in Dolphin's folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import msgspec

from exphil_rt.errors import ExphilError

REMOTE: Final = "remote"
"""Display name of whoever plays at the other end: a code is nobody's business."""
ACCOUNT: Final = Path("Slippi") / "user.json"
"""Slippi's account file in a Dolphin User folder."""
_CODE: Final = re.compile(r"[A-Z0-9]{1,6}#[0-9]{1,6}")
_LONGEST: Final = 8
_MAX_ACCOUNT: Final = 1 << 16


class CodeInvalid(ExphilError):
    """What was given is no connect code."""

    exit_code = 2


class AccountMissing(ExphilError):
    """Nobody is logged in to Slippi."""

    exit_code = 5


class _Account(msgspec.Struct):
    connectCode: str = ""


def check_code(text: str) -> str:
    """A connect code as Slippi writes it.

    Raises:
        CodeInvalid: it is none.
    """
    code = text.strip().upper()
    if len(code) > _LONGEST or not _CODE.fullmatch(code):
        raise CodeInvalid(f"{text!r} is no connect code.", hint="Write it as Slippi shows it, such as ABCD#123.")
    return code


def own_code(account: str) -> str:
    """The connect code of an account file.

    Raises:
        AccountMissing: there is no such file, or nobody is logged in by it.
    """
    hint = "Log in with Slippi Launcher (https://slippi.gg) and start Dolphin from it once; `exphil-rt doctor` looks."
    if not account:
        raise AccountMissing("Netplay needs Slippi's account file (user.json), and none was found.", hint=hint)
    try:
        with open(account, "rb") as file:
            code = msgspec.json.decode(file.read(_MAX_ACCOUNT), type=_Account).connectCode
    except OSError as error:
        raise AccountMissing(f"Slippi's account file {account} cannot be read: {error.strerror}.", hint=hint) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        code = ""
    if not code:
        raise AccountMissing(f"Slippi's account file {account} holds no account.", hint=hint)
    return code
