"""All that is kept about a person, in one folder or ZIP: data.json for machines, the files, and a manifest.

manifest.json   when, what from where and how many, SHA-256 and size of every file
data.json       {"jobs": [{"id", …}], "documents": […], …}: UTF-8, times in ISO 8601
files/          <holder>/<id>/<name>
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import IO, Any

from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

from jobs import audit
from jobs.files import safe_name
from jobs.models import AuditEntry
from jobs.people.registry import HeldFile, Person, holders

FORMAT = "sira-person-1"
BLOCK = 1 << 20


class TargetTaken(Exception):
    """There is something where the export should go."""


def export(person: Person, target: Path, *, actor: Any = None, via: str = AuditEntry.Via.TERMINAL) -> dict[str, Any]:
    """Write all that is kept about a person to `target`, and return the manifest.

    target: a folder that is not there yet, or a name that ends in .zip. It appears when it is whole, readable by its
    maker alone. Written to the audit log. Raises TargetTaken, OSError.
    """
    if target.exists():
        raise TargetTaken
    work = Path(tempfile.mkdtemp(dir=target.parent, prefix=".export-"))
    try:
        manifest = _write(person, work / "content")
        audit.record(
            "export_person", "person", person.key, actor=actor, via=via, after={"exported": manifest["records"]}
        )
        made = work / "content"
        if target.suffix.lower() == ".zip":
            made = Path(shutil.make_archive(str(work / "archive"), "zip", made))
            made.chmod(0o600)
        os.rename(made, target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return manifest


def _write(person: Person, folder: Path) -> dict[str, Any]:
    folder.mkdir(mode=0o700)
    records: Counter[str] = Counter()
    written: list[dict[str, Any]] = []
    missing: list[dict[str, str]] = []
    with (folder / "data.json").open("w", encoding="utf-8") as data:
        data.write("{")
        for number, holder in enumerate(holders()):
            data.write(f"{',' if number else ''}\n{json.dumps(holder.name)}: [")
            # One record at a time: a person may have more than fits into memory.
            for index, record in enumerate(holder.find(person)):
                line = json.dumps({"id": record.id, **record.data}, cls=DjangoJSONEncoder, ensure_ascii=False)
                data.write(f"{',' if index else ''}\n{line}")
                records[holder.name] += 1
                for place, held in enumerate(record.files):
                    path = Path("files") / holder.name / safe_name(record.id) / f"{place}-{safe_name(held.name)}"
                    about = {"path": path.as_posix(), "from": holder.name, "id": record.id}
                    copied = _copy(held, folder / path)
                    if copied is None:
                        missing.append(about)
                    else:
                        written.append(about | copied)
            data.write("]")
        data.write("\n}\n")
    manifest = {
        "format": FORMAT,
        "created_at": timezone.now().isoformat(),
        "person": {
            "user_id": person.user_id, "session_id": person.session_id, "email": person.email,
            "account": person.account.get_username() if person.account is not None else None,
            "owner": person.owner.get_username() if person.owner is not None else None,
        },
        "records": {holder.name: records[holder.name] for holder in holders()},
        "files": [{"path": "data.json", "from": "", "id": "", **_measure(folder / "data.json")}, *written],
        "missing_files": missing,  # had expired, or were lost
    }  # fmt: skip
    text = json.dumps(manifest, ensure_ascii=False, indent=2)
    (folder / "manifest.json").write_text(text + "\n", encoding="utf-8")
    return manifest


def _copy(held: HeldFile, path: Path) -> dict[str, Any] | None:
    try:
        source = held.open()
    except FileNotFoundError:
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    with source, path.open("wb") as copy:
        return _stream(source, copy)


def _measure(path: Path) -> dict[str, Any]:
    with path.open("rb") as source:
        return _stream(source, None)


def _stream(source: IO[bytes], copy: IO[bytes] | None) -> dict[str, Any]:
    digest, size = hashlib.sha256(), 0
    while block := source.read(BLOCK):
        digest.update(block)
        size += len(block)
        if copy is not None:
            copy.write(block)
    return {"sha256": digest.hexdigest(), "size": size}
