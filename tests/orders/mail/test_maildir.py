"""A folder of mails that other programs write and move."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from jobs.errors import JobError, Unavailable
from orders.mailboxes.maildir import Maildir
from orders.providers import Mailbox

LIMIT = 1_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("new", "cur", "tmp"):
        (tmp_path / "mails" / name).mkdir(parents=True)
    return tmp_path / "mails"


def put(path: Path, *, at: int, content: bytes = b"Subject: x\r\n\r\nHello") -> Path:
    path.write_bytes(content)
    os.utime(path, (at, at))
    return path


def uids(folder: Path) -> list[str]:
    with Maildir(folder).open() as session:
        return list(session.list_after(""))


def test_it_is_a_mailbox_named_after_its_folder(folder: Path) -> None:
    box: Mailbox = Maildir(folder)
    assert box.address == "maildir:mails"
    with box.open() as session:
        assert session.validity == ""
        assert session.wait(timedelta(seconds=60)) is False


def test_mails_are_listed_by_their_arrival_whichever_folder_they_lie_in(folder: Path) -> None:
    put(folder / "new" / "b", at=200)
    put(folder / "cur" / "c:2,S", at=100)
    put(folder / "new" / "a", at=200)
    assert uids(folder) == ["c", "a", "b"]


def test_only_regular_files_that_have_arrived_are_mails(folder: Path) -> None:
    put(folder / "tmp" / "written", at=100)
    put(folder / "new" / ".hidden", at=100)
    (folder / "new" / "folder").mkdir()
    os.mkfifo(folder / "new" / "pipe")
    secret = put(folder.parent / "secret", at=100)
    (folder / "new" / "link").symlink_to(secret)
    assert uids(folder) == []
    with Maildir(folder).open() as session:
        assert [session.get(name, LIMIT) for name in ("link", "pipe", "folder", "../../secret")] == [None] * 4


def test_a_mail_that_was_moved_and_marked_meanwhile_is_still_read_under_its_uid(folder: Path) -> None:
    mail = put(folder / "new" / "a", at=100, content=b"Hello")
    with Maildir(folder).open() as session:
        assert session.list_after("") == ["a"]
        mail.rename(folder / "cur" / "a:2,RS")
        assert session.get("a", LIMIT).raw == b"Hello"
    assert uids(folder) == ["a"]


def test_a_mail_that_was_deleted_meanwhile_is_none(folder: Path) -> None:
    mail = put(folder / "new" / "a", at=100)
    with Maildir(folder).open() as session:
        session.list_after("")
        mail.unlink()
        assert session.get("a", LIMIT) is None


def test_nothing_is_moved_or_marked(folder: Path) -> None:
    put(folder / "new" / "a", at=100)
    with Maildir(folder).open() as session:
        session.get("a", LIMIT)
    assert [path.name for path in (folder / "new").iterdir()] == ["a"]
    assert list((folder / "cur").iterdir()) == []


@pytest.mark.parametrize(("limit", "is_whole"), [(4, False), (5, True), (6, True)])
def test_a_mail_is_cut_at_the_limit_and_says_so(folder: Path, limit: int, is_whole: bool) -> None:
    put(folder / "new" / "a", at=100, content=b"12345")
    with Maildir(folder).open() as session:
        mail = session.get("a", limit)
    assert (mail.raw, mail.size, mail.is_whole) == (b"12345"[:limit], 5, is_whole)


@pytest.mark.parametrize(
    "make", [lambda path: None, lambda path: path.write_bytes(b""), lambda path: path.mkdir()],
    ids=["nothing", "file", "folder"],
)  # fmt: skip
def test_a_folder_that_is_no_maildir_is_the_operators_to_repair(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "x")
    with pytest.raises(JobError) as raised:
        uids(tmp_path / "x")
    assert raised.value.code == "mailbox_not_found"
    assert not isinstance(raised.value, Unavailable)
    assert str(tmp_path) not in str(raised.value)
