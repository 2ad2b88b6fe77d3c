"""The index of words behind search: FTS5 on SQLite, a GIN index of tsvector on PostgreSQL, asked in the same way."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from django.db import connection

WORD = re.compile(r"[^\W_]+")
MOST = 20_000  # characters of a node that are indexed
CHUNK = 400


def words_of(*texts: str) -> str:
    """The words of some texts, each once: letters and digits, parted at all else, in small letters."""
    found = (word for text in texts for word in WORD.findall(text.lower()[:MOST]) if len(word) <= 64)
    return " ".join(dict.fromkeys(found))


def create() -> None:
    """Make the table, for the migration."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("CREATE TABLE catalog_words (node bigint PRIMARY KEY, words tsvector NOT NULL)")
            cursor.execute("CREATE INDEX catalog_words_index ON catalog_words USING gin (words)")
        else:
            cursor.execute("CREATE VIRTUAL TABLE catalog_words USING fts5 (words, detail=none, tokenize='unicode61 remove_diacritics 0')")


def drop() -> None:
    """Take the table away."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE catalog_words")


def put(words: Iterable[tuple[int, str]]) -> None:
    """Index the words of nodes, by id."""
    rows = list(words)
    if connection.vendor == "postgresql":
        sql = (
            "INSERT INTO catalog_words (node, words) VALUES (%s, array_to_tsvector(string_to_array(%s, ' '))) "
            "ON CONFLICT (node) DO UPDATE SET words = EXCLUDED.words"
        )
    else:
        sql = "INSERT OR REPLACE INTO catalog_words (rowid, words) VALUES (%s, %s)"
    with connection.cursor() as cursor:
        cursor.executemany(sql, rows)


def forget(nodes: Iterable[int]) -> None:
    """Take nodes out of the index."""
    column = "node" if connection.vendor == "postgresql" else "rowid"
    for chunk in _chunks(list(nodes)):
        with connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM catalog_words WHERE {column} IN ({', '.join(['%s'] * len(chunk))})", chunk)  # noqa: S608 -- a column name of ours


def _chunks(ids: list[int]) -> Iterator[list[int]]:
    return (ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK))


def condition(query: str) -> tuple[str, list[str]] | None:
    """SQL for `node id IN (…)` with its parameters: nodes that have a word beginning with each word of the query; None without words."""
    asked = WORD.findall(query.lower())[:10]
    if not asked:
        return None
    if connection.vendor == "postgresql":
        return "SELECT node FROM catalog_words WHERE words @@ to_tsquery('simple', %s)", [" & ".join(f"'{word}':*" for word in asked)]
    return "SELECT rowid FROM catalog_words WHERE catalog_words MATCH %s", [" AND ".join(f'"{word}"*' for word in asked)]
