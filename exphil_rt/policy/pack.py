"""Policies as one file to share: a zip of manifest, weights and report card, and nothing that tells of its maker.

A pack is read as what it is, a stranger's file: names, sizes and sums are checked before anything is written.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
import zlib
from pathlib import Path
from typing import Any, Final

import msgspec

from exphil_rt.policy.manifest import (
    MANIFEST_FILE,
    MAX_MANIFEST_BYTES,
    MAX_WEIGHTS_BYTES,
    WEIGHTS_FILE,
    BundleInvalid,
    Manifest,
    parse_manifest,
    read_manifest,
    read_weights,
)

REPORT_FILE: Final = "report_card.json"
"""A bundle's report card, where it has one."""
MAX_REPORT_BYTES: Final = 1 << 20
_LIMITS: Final = {
    MANIFEST_FILE: MAX_MANIFEST_BYTES,
    WEIGHTS_FILE: MAX_WEIGHTS_BYTES,
    REPORT_FILE: MAX_REPORT_BYTES,
}
_STAMP: Final = (1980, 1, 1, 0, 0, 0)
_CODE: Final = re.compile(r"\b[A-Za-z0-9]{1,8}#\d{1,4}\b")
_PATH: Final = re.compile(r"(?<!\w)(?:~|[A-Za-z]:)?[/\\][^\s,;:'\"]+")


class PackInvalid(BundleInvalid):
    """A file that is no pack of a policy, or one that cannot be taken."""


class Pack(msgspec.Struct, frozen=True):
    """What is in a pack, checked."""

    manifest: Manifest
    weights: bytes
    report: bytes
    """Of the report card; empty for none."""


def anonymous(text: str) -> str:
    """``text`` without connect codes and paths."""
    return _PATH.sub("(path)", _CODE.sub("(player)", text))


def pack_bundle(folder: Path) -> bytes:
    """The bundle in ``folder`` as the bytes of a pack; the same bundle gives the same bytes.

    Raises:
        BundleInvalid, PolicyIncompatible: it is damaged, or not for this version.
    """
    manifest = read_manifest(folder)
    weights = read_weights(folder, manifest)
    training = msgspec.structs.replace(manifest.training, data=anonymous(manifest.training.data))
    manifest = msgspec.structs.replace(manifest, run="", training=training)
    parts = {MANIFEST_FILE: msgspec.json.format(msgspec.json.encode(manifest), indent=1), WEIGHTS_FILE: weights}
    report = folder / REPORT_FILE
    if report.is_file():
        parts[REPORT_FILE] = _report(_read(report))
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            entry = zipfile.ZipInfo(name, _STAMP)
            entry.compress_type = zipfile.ZIP_STORED if name == WEIGHTS_FILE else zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return found.getvalue()


def read_pack(file: Path) -> Pack:
    """Read and check a pack; nothing is written.

    Raises:
        PackInvalid: no pack, or its content is not what it says.
        PolicyIncompatible: a policy that this version cannot build.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            parts = {entry.filename: _entry(archive, entry, file.name) for entry in _entries(archive, file.name)}
    except FileNotFoundError:
        raise PackInvalid(f"There is no file {file}.") from None
    except OSError as error:
        raise PackInvalid(f"{file} cannot be read: {error.strerror or error}.") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise PackInvalid(f"{file.name} is no pack of a policy: {str(error).rstrip('.') or 'damaged'}.") from error
    manifest = parse_manifest(parts[MANIFEST_FILE], file.name)
    weights = parts[WEIGHTS_FILE]
    if len(weights) != manifest.weights_bytes or hashlib.sha256(weights).hexdigest() != manifest.weights_sha256:
        raise PackInvalid(f"The weights in {file.name} are not what its manifest says.", hint="Fetch it again.")
    report = parts.get(REPORT_FILE, b"")
    return Pack(manifest, weights, _report(report) if report else b"")


def _entries(archive: zipfile.ZipFile, label: str) -> list[zipfile.ZipInfo]:
    found = archive.infolist()
    names = [entry.filename for entry in found]
    strange = [name for name in names if name not in _LIMITS]
    if strange:
        raise PackInvalid(f"{label} is no pack of a policy: it holds {strange[0][:80]!r}.")
    if len(set(names)) < len(names) or not {MANIFEST_FILE, WEIGHTS_FILE} <= set(names):
        raise PackInvalid(f"{label} is no pack of a policy: it has no manifest and weights, or has them twice.")
    return found


def _entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, label: str) -> bytes:
    limit = _LIMITS[entry.filename]
    if entry.file_size > limit:
        raise PackInvalid(f"{entry.filename} in {label} is larger than {limit} bytes, which none is.")
    with archive.open(entry) as stream:
        data = stream.read(limit + 1)
    if len(data) != entry.file_size:
        raise PackInvalid(f"{entry.filename} in {label} is not as long as the file says.")
    return data


def _read(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(MAX_REPORT_BYTES + 1)


def _report(data: bytes) -> bytes:
    """A report card without connect codes and paths."""
    try:
        if len(data) > MAX_REPORT_BYTES:
            raise ValueError("larger than 1 MiB")
        content = json.loads(data)
        return json.dumps(_scrubbed(content), indent=1).encode()
    except (ValueError, RecursionError) as error:
        raise PackInvalid(f"The report card cannot be read: {error}.") from error


def _scrubbed(value: Any) -> Any:
    if isinstance(value, str):
        return anonymous(value)
    if isinstance(value, list):
        return [_scrubbed(part) for part in value]
    if isinstance(value, dict):
        return {anonymous(key): _scrubbed(part) for key, part in value.items()}
    return value
