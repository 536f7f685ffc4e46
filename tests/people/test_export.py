"""Everything of one person, for machines, with a manifest that can be checked; nothing of another."""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from jobs.models import AuditEntry, JobFile
from jobs.people.export import export
from jobs.people.registry import Person
from orders.models import MailSource
from tests.people.conftest import draft_to, finish_all, ingest, mail_from, order_of

pytestmark = pytest.mark.usefixtures("sqlite")


def test_everything_of_a_person_with_a_manifest_that_fits(ada, ben, send, tmp_path: Path):
    mine, other = send(ada, "u-ş"), send(ada, "u-2")
    send(ben, "u-ş")
    finish_all()
    ingest(ada, "box", mine, sha256="1" * 64)
    ingest(ada, "box", other, sha256="2" * 64)
    target = tmp_path / "all.zip"
    manifest = export(Person("u-ş", owner=ada), target)
    assert target.stat().st_mode & 0o077 == 0
    with zipfile.ZipFile(target) as archive:
        data = json.loads(archive.read("data.json"))
        assert json.loads(archive.read("manifest.json")) == manifest
        for file in manifest["files"]:
            content = archive.read(file["path"])
            assert (hashlib.sha256(content).hexdigest(), len(content)) == (file["sha256"], file["size"])
        assert {name for name in archive.namelist() if not name.endswith("/")} == {
            "manifest.json", *(file["path"] for file in manifest["files"]),
        }  # fmt: skip
    assert [job["id"] for job in data["jobs"]] == [str(mine.pk)]
    assert data["jobs"][0]["result"] == {"value": 1}
    assert data["jobs"][0]["events"][0]["type"] == "created"
    assert [chunk["text"] for chunk in data["documents"][0]["chunks"]] == ["first", "second"]
    assert manifest["records"] == {"jobs": 1, "documents": 1, "conversations": 0, "mails": 0}
    assert "error_traceback" not in data["jobs"][0]
    assert "u-ş" not in str(AuditEntry.objects.get(action="export_person").__dict__)


def test_without_an_owner_it_is_everybodys(ada, ben, send, tmp_path: Path):
    send(ada, "u-1")
    send(ben, "u-1")
    assert export(Person("u-1"), tmp_path / "all")["records"]["jobs"] == 2


def test_a_file_whose_content_is_gone_is_told_and_the_rest_comes(ada, send, tmp_path: Path):
    send(ada, "u-1")
    file = JobFile.objects.get()
    file.file.storage.delete(file.file.name)
    manifest = export(Person("u-1"), tmp_path / "all")
    assert (len(manifest["missing_files"]), len(manifest["files"])) == (1, 1)


def test_mails_of_an_address_as_they_came(tmp_path: Path):
    mail = mail_from("ece@example.com")
    MailSource.objects.create(mail=mail, content=zlib.compress(b"raw"), size=3)
    draft_to(mail)
    mail_from("can@example.com")
    order_of("ece@example.com", "1")
    manifest = export(Person(email="ECE@example.com"), tmp_path / "all")
    data = json.loads((tmp_path / "all" / "data.json").read_text())
    assert [record["type"] for record in data["mails"]] == ["mail", "order"]
    assert data["mails"][0]["drafts"][0]["body"] == "On its way."
    assert (tmp_path / "all" / manifest["files"][1]["path"]).read_bytes() == b"raw"


def test_the_command_writes_over_nothing(ada, send, tmp_path: Path, capsys):
    send(ada, "u-1")
    call_command("export_person", "--user-id", "u-1", "--output", str(tmp_path / "all"))
    assert "1 files" in capsys.readouterr().out
    for problem in (
        ["--user-id", "u-1", "--output", str(tmp_path)],
        ["--user-id", "u-1", "--output", str(tmp_path / "no" / "x")],
    ):
        with pytest.raises(CommandError, match="--output"):
            call_command("export_person", *problem)
    with pytest.raises(CommandError, match="owner"):
        call_command("export_person", "--user-id", "u-1", "--owner", "adda", "--output", str(tmp_path / "b"))
