from __future__ import annotations

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from link.protocol.errors import Unavailable
from server.store import schema
from server.store.tables import metadata

HEAD = "0015"
ROOT = Path(__file__).parents[3]


def test_a_new_database_gets_every_migration_and_a_current_one_none(database_url: str) -> None:
    assert schema.migrate(database_url) == (None, HEAD)
    assert schema.migrate(database_url) == (HEAD, HEAD)


def test_the_newest_file_is_the_end_of_the_chain() -> None:
    chain = ScriptDirectory(str(schema.MIGRATIONS))
    assert chain.get_current_head() == schema.newest() == HEAD
    for revision in chain.walk_revisions():
        assert Path(revision.path).name.startswith(f"{revision.revision}_"), "its number is read off its name"


def test_a_command_on_a_current_database_does_without_the_migrations_library(database_url: str) -> None:
    schema.migrate(database_url)
    program = (
        "import asyncio, sys; from server import cli; from server.store import Store\n"
        "async def main(): await (await Store.open(sys.argv[1])).close()\n"
        "asyncio.run(main())\n"
        "sys.exit(', '.join({'aiohttp', 'alembic', 'aiortc', 'av'} & sys.modules.keys()) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program, database_url], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_migrations_and_the_tables_say_the_same(database_url: str, tmp_path: Path) -> None:
    schema.migrate(database_url)
    engine = create_engine(f"sqlite:///{tmp_path / 'visavis.sqlite3'}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_what_was_there_before_a_migration_is_taken_over(database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "visavis.sqlite3"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schema, "newest", lambda: "0001")
        schema.migrate(database_url)
    columns = "kiosk, kiosk_name, branch, branch_zh, branch_en, service, service_zh, service_en, language, requested_us"
    with sqlite3.connect(file) as connection:
        for session in ("s1", "s2"):
            connection.execute(
                f"INSERT INTO session (id, state, {columns}) VALUES (?, 'closed'{', 7' * 10})", [session]
            )
        for seq in (1, 2):
            connection.execute("INSERT INTO journal VALUES ('s1', ?, 1, 'held', '{}', ?, ?)", [seq, b"p", b"%d" % seq])
        for seq, who in enumerate(("p1", "p2", "p1"), 3):
            payload = msgspec.json.encode(
                {"event": "answered", "specialist": who, "name": f"陈 {who}{'+' * (seq > 4)}"}
            )
            entry = [seq, payload, b"p", b"%d" % seq]
            connection.execute("INSERT INTO journal VALUES ('s1', ?, 1, 'answered', ?, ?, ?)", entry)
    schema.migrate(database_url)
    with sqlite3.connect(file) as connection:
        heads = connection.execute("SELECT head_seq, head_hash FROM session ORDER BY id").fetchall()
        specialists = connection.execute("SELECT * FROM session_specialist ORDER BY specialist").fetchall()
        places = connection.execute("SELECT place, session, texts FROM library_place ORDER BY place").fetchall()
        waiting = connection.execute("SELECT place FROM library_pending ORDER BY place").fetchall()
        after = connection.execute("SELECT appended_after FROM session ORDER BY id").fetchall()
    connection.close()
    assert after == [(0,), (None,)], "what no checkpoint knows yet counts as new"
    assert heads == [(5, b"5"), (None, None)]
    assert specialists == [("s1", "p1", "陈 p1"), ("s1", "p2", "陈 p2")]
    assert (places, waiting) == ([(1, "s1", None), (2, "s2", None)], [(1,), (2,)])


def test_a_newer_database_is_left_alone(database_url: str, tmp_path: Path) -> None:
    schema.migrate(database_url)
    with sqlite3.connect(tmp_path / "visavis.sqlite3") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(schema.SchemaTooNew, match="9999"):
        schema.migrate(database_url)


def test_two_that_migrate_at_once_do_not_meet(database_url: str) -> None:
    with ThreadPoolExecutor(2) as threads:
        results = list(threads.map(schema.migrate, [database_url] * 2))
    assert sorted(results, key=str) == [(HEAD, HEAD), (None, HEAD)]


def test_several_databases_of_one_process_are_migrated_at_once(tmp_path: Path) -> None:
    urls = [f"sqlite+aiosqlite:///{tmp_path / f'{number}.sqlite3'}" for number in range(4)]
    with ThreadPoolExecutor(len(urls)) as threads:
        assert list(threads.map(schema.migrate, urls)) == [(None, HEAD)] * len(urls)


def test_a_directory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "visavis.sqlite3").mkdir()
    with pytest.raises(Unavailable):
        schema.migrate(f"sqlite+aiosqlite:///{tmp_path / 'visavis.sqlite3'}")


def test_an_unknown_engine_is_told() -> None:
    with pytest.raises(Unavailable, match="mssql"):
        schema.migrate("mssql+aioodbc://host/db")
