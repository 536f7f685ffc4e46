"""Somebody who signs in is a person as well: all that belongs to their account, and nothing of another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command

from imaging import messages
from imaging.models import Conversation, Message
from jobs import lifecycle, sent_files
from jobs.models import Job, JobFile
from jobs.people import erasure
from jobs.people.export import export
from jobs.people.registry import NotYet, Person
from parsers.models import Document, DocumentSession
from tests.people.conftest import finish_all, ingest, mail_from

pytestmark = pytest.mark.usefixtures("sqlite")
PROMPT = {"prompt": "a quiet sea", "width": 64, "height": 64, "steps": 2, "seed": 7}


def ask(owner: Any, title: str) -> Conversation:
    conversation = Conversation.objects.create(owner=owner, title=title)
    messages.add_exchange(conversation, lifecycle.submit("imaging.generate_image", PROMPT, owner=owner))
    return conversation


def fill(owner: Any, send: Any) -> None:
    """Give an account two jobs with labels, a document, a file that no job has, a conversation, and an empty one."""
    jobs = [send(owner, label) for label in ("u-1", "u-2")]
    ask(owner, f"for {owner}")
    for job in Job.objects.filter(kind="imaging.generate_image", owner=owner):
        lifecycle.cancel(job.pk)
    finish_all()
    ingest(owner, "box", jobs[0], sha256="1" * 64)
    Conversation.objects.create(owner=owner, title="its messages have expired")
    sent_files.keep(SimpleUploadedFile("a.txt", b"x"), name="a.txt", media_type="text/plain", owner=owner)


def test_all_of_an_account_is_exported_with_its_conversations(ada, ben, send, tmp_path: Path) -> None:
    fill(ada, send)
    fill(ben, send)
    manifest = export(Person(account=ada), tmp_path / "all")
    assert manifest["records"] == {"jobs": 4, "documents": 1, "conversations": 2, "mails": 0}
    assert (manifest["person"]["account"], len(manifest["files"])) == ("ada", 4)
    data = json.loads((tmp_path / "all" / "data.json").read_text())
    painted = next(one for one in data["conversations"] if one["title"] == "for ada")
    assert [(said["role"], said["content"]) for said in painted["messages"]] == [
        ("user", "a quiet sea"), ("assistant", ""),
    ]  # fmt: skip
    assert "for ben" not in str(data)


def test_all_of_an_account_is_erased_and_nothing_of_another(ada, ben, send) -> None:
    fill(ada, send)
    fill(ben, send)
    mail_from("ada@example.com")
    paths = set(JobFile.objects.filter(owner=ada).values_list("file", flat=True))
    assert len(paths) == 3
    planned = erasure.plan(Person(account=ada))
    assert planned["conversations"] == {"conversations": 2}
    assert planned["jobs"].items() >= {"jobs": 3, "files": 2, "sent_files": 1}.items()
    receipt = erasure.erase(Person(account=ada), reason="request 7")
    assert (
        receipt.counts.items() >= {"conversations": 2, "jobs": 3, "files": 2, "sent_files": 1, "documents": 1}.items()
    )
    assert erasure.plan(Person(account=ada)) == {}
    for rows in (Job, JobFile, Conversation, DocumentSession):
        assert set(rows.objects.values_list("owner", flat=True)) == {ben.pk}
    assert Document.objects.count() == 1
    assert Message.objects.count() == 2
    assert not any(default_storage.exists(path) for path in paths)


def test_what_is_asked_for_in_a_conversation_meanwhile_is_waited_for(ada, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(ada, "pictures")
    monkeypatch.setattr(erasure, "_still_runs", lambda person, by: False)
    with pytest.raises(NotYet):
        erasure.erase(Person(account=ada))
    assert Conversation.objects.count() == 1


def test_the_receipt_of_a_label_is_not_changed_by_accounts(ada) -> None:
    assert Person("u-1").key != Person(account=ada).key
    with pytest.raises(ValueError, match="no other owner"):
        Person(account=ada, owner=ada)


def test_the_commands_take_an_account(ada, send, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(ada, send)
    call_command("export_person", "--account", "ada", "--output", str(tmp_path / "all"))
    with pytest.raises(CommandError, match="leave out --owner"):
        call_command("export_person", "--account", "ada", "--owner", "ada", "--output", str(tmp_path / "more"))
    call_command("erase_person", "--account", "ada", "--reason", "request 7", "--yes")
    assert "conversations         2" in capsys.readouterr().out
    assert not Conversation.objects.exists()
