"""Both databases find the same, in the same order."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import connection

from parsers.ingestion import store
from parsers.ingestion.search import SNIPPET, search, snippet
from parsers.models import Chunk, Document, DocumentSession
from tests.ingestion.conftest import cut, make_user

on_both = pytest.mark.usefixtures("any_database")

TEXTS = [
    "Kira sözleşmesi, İstanbul'un Kadıköy ilçesindeki taşınmaz için imzalanmıştır.",
    "ISPARTA ve IĞDIR şubelerinin ışıkları akşam kapatılır.",
    "Kitabın ilk baskısı tükendi; yeni kitaplar raflarda.",
    "The invoices were paid. Every contract has a number.",
    "Ödemeler üç taksitte yapılır. Ödeme gecikirse faiz işler. Sözleşme feshedilir.",
    "Çağrı merkezi şikâyetleri öğleden önce yanıtlar.",
    "Договор аренды подписан. Η σύμβαση. 中文 文档",
    "Bedel 1.250,00 TL olarak 01.02.2026 günü havale edildi.",
    "A total of 1,250.00 of 750,000USD was transferred.",
]


def found(session: DocumentSession, query: str) -> list[int]:
    """Return the numbers of the texts that answer, best first."""
    return [int(hit.chunk.document.name.partition(".")[0]) for hit in search(session, query)[1]]


#: query: the numbers of the texts that answer, best first.
EXPECTED = {
    "istanbul": [0],
    "ISTANBUL": [0],
    "ıstanbul": [0],
    "İSTANBUL'DA": [0],
    "kadikoy": [0],
    "isparta": [1],
    "ışık": [1],
    "isik": [1],
    "IĞDIR": [1],
    "kitap": [2],
    "kitaplarımızdan": [2],
    "kitabı": [2],
    "invoice": [3],
    "contracts": [3],
    "cagri": [5],
    "şikayet": [5],
    "öğle": [5],
    "taşınmazın": [0],
    "imzalan": [0],
    "sözleşme": [4, 0],  # the very word before a form of it
    "sözleşmenin ödemesi": [4, 0],  # both words before one
    "sözleşme istanbul": [0, 4],
    "ДОГОВОР": [6],
    "συμβαση": [6],
    "中文": [6],
    "yokböylebirkelime": [],
    "1250": [7, 8],
    "750000": [8],
    "2026": [7],
    "": [],
    "*": [],
}
#: What a query language, a database or a tokenizer could stumble over.
STRANGE = [
    "'; DROP TABLE parsers_chunk; --",
    "😀",
    '"',
    "kitap AND",
    "NOT kitap",
    "kitap OR (",
    "NEAR(kitap",
    "terms:kitap",
    "kitap & | ! <-> :*",
    "^kitap*",
    "kitap\0kitap",
    "\ud800",
    "kitap " * 50_000,
    "x" * 500_000,
    "中文 العربية עברית Ελληνικά हिन्दी",
    "ﬁ ㎏ ½ ² Ⅷ",
    "𞤀 𐐀",
]


@on_both
def test_a_query_finds_the_same_texts_in_the_same_order_on_both_databases(stored):
    session = stored(*TEXTS)
    assert {query: found(session, query) for query in EXPECTED} == EXPECTED


@on_both
def test_no_query_is_an_error(stored):
    session = stored(*TEXTS)
    for query in STRANGE:
        found(session, query)
    assert found(session, 'NOT (kitap* AND "') == [2]


@on_both
def test_sessions_do_not_find_each_others_chunks(stored):
    words = [text for text in TEXTS if not any(map(str.isdigit, text))]  # a session's number is none of its words
    mine, other = stored(*words), stored("kitap", session_id="s2")
    foreign = stored("kitap kitap", owner="ben")
    assert (found(mine, "kitap"), found(other, "kitap"), found(foreign, "kitap")) == ([2], [0], [0])
    stored(f"@{mine.pk} kitap '@{mine.pk}' {mine.pk}", owner="cem")  # a text that pretends to be of another session
    assert found(mine, "kitap") == [2]
    assert found(mine, f"@{mine.pk}") == []


def test_a_hit_shows_where_its_words_stand_in_plain_text(db, stored):
    text = "😀 " + "dolgu metni " * 100 + "Sözleşmenin <b>SÜRESİ</b> iki yıldır. " + "başka şeyler " * 100
    session = stored(text, size=5000)
    _, (hit,) = search(session, "sözleşme süresi")
    assert [text[start:end] for start, end in hit.matches] == ["Sözleşmenin", "SÜRESİ"]
    shown = snippet(hit)
    assert text[shown["start"] :].startswith(shown["text"])
    assert len(shown["text"]) < SNIPPET + 60
    assert [shown["text"][start:end] for start, end in shown["highlights"]] == ["Sözleşmenin", "SÜRESİ"]
    assert "".join(part["text"] for part in shown["parts"]) == shown["text"]
    assert [part["text"] for part in shown["parts"] if part["hit"]] == ["Sözleşmenin", "SÜRESİ"]


def test_a_number_that_is_written_in_groups_is_shown_as_one_place(db, stored):
    session = stored("Bedel 1.250,00 TL.")
    for query in ("1250", "1.250", "1.250,00", "1,250.00"):
        _, (hit,) = search(session, query)
        assert [part["text"] for part in snippet(hit)["parts"] if part["hit"]] == ["1.250,00"]
        assert "".join(part["text"] for part in snippet(hit)["parts"]) == "Bedel 1.250,00 TL."


def test_words_next_to_each_other_come_before_the_same_words_apart(db, stored):
    apart = "Fesih için bir ay gerekir. Taraflar ihtar göndermek zorundadır, bildirim sonra gelir."
    together = "Taraflardan biri fesih bildirim süresine uymak zorundadır, aksi hâlde tazminat doğar."
    assert found(stored(apart, together), "fesih bildirim") == [1, 0]


def index_rows() -> int:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT count(*) FROM parsers_chunk WHERE terms @@ 'kitap'::tsquery")
        else:
            cursor.execute("SELECT count(*) FROM parsers_chunk_index WHERE parsers_chunk_index MATCH 'kitap'")
        return cursor.fetchone()[0]


def check_index() -> None:
    """Let SQLite compare its index with the table, word by word."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO parsers_chunk_index (parsers_chunk_index, rank) VALUES ('integrity-check', 1)")


@on_both
def test_what_is_deleted_is_gone_from_the_index_whoever_deletes_it(stored):
    session = stored("kitap bir", "kitap iki")
    other = stored("kitap üç", session_id="s2")
    foreign = stored("kitap dört", owner="ben")
    assert index_rows() == 4
    assert store.delete_document(session, session.documents.first().pk)
    assert index_rows() == 3
    assert store.delete_session(other) == {"documents": 1, "chunks": 1}
    assert index_rows() == 2
    make_user("ben").delete()
    assert index_rows() == 1
    assert not DocumentSession.objects.filter(pk=foreign.pk).exists()
    check_index()
    call_command("flush", interactive=False, verbosity=0)
    assert (index_rows(), Chunk.objects.count()) == (0, 0)
    check_index()


@on_both
def test_what_is_changed_in_the_table_is_changed_in_the_index(stored):
    session = stored("kitap")
    chunk = Chunk.objects.get()
    Chunk.objects.filter(pk=chunk.pk).update(terms=[f"@{session.pk}", "defter"])
    assert index_rows() == 0
    check_index()


@on_both
def test_a_longer_chunk_than_the_index_has_positions_for_is_stored_and_found(stored):
    session = stored("a b " * 20_000 + "kitap", size=100_000)
    assert Chunk.objects.count() == 1
    assert found(session, "kitap") == [0]


@on_both
def test_of_very_many_answers_the_best_are_found(stored):
    session = stored("kitap rafta duruyor ve bekliyor. " * 2000 + "Kitap kitaba kitapla kitap der. " * 9, size=100)
    count, hits = search(session, "kitap", limit=5)
    assert (count, len(hits)) == (300, 5)
    assert hits[0].chunk.text.count("itap") > 3


@on_both
def test_storing_again_with_another_size_replaces_the_chunks_in_the_index_too(stored):
    stored("kitap " * 200, size=1000)
    before = Chunk.objects.count()
    session = stored("kitap " * 200, size=200)
    assert Chunk.objects.count() > before
    assert index_rows() == Chunk.objects.count()
    assert len(search(session, "kitap")[1]) == Chunk.objects.count()
    assert not store.store_document(
        session.pk, cut("kitap " * 200, size=200), sha256=Document.objects.get().sha256, name="x", chunk_size=200,
        chunk_overlap=0, job_id=None,
    )  # fmt: skip
