"""What somebody might do who can write the database and the recordings, and what a check must name then.

Each is done to a copy of a site (`site.py`) by means of SQL and files alone, with every hash made to fit that can be
made to fit without the signing key.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from server.blobs.suite import NONCE_BYTES, SUITES
from server.evidence.certificate import read_certificate, sign_certificate
from server.evidence.checkpoint import Checkpoint, read_line, read_statement, sign
from server.journal import entry_hash
from server.journal.audit import audit_hash
from server.journal.signing_key import SigningKey
from tests.server.evidence.authority import Authority
from tests.server.evidence.site import AUTHORITY, SITE_KEY, Site

Connection = sqlite3.Connection
Edit = Callable[[dict[str, Any]], None]
OTHER_KEY = SigningKey(bytes(32))
ORIGIN = bytes(32)


@dataclass(frozen=True)
class Falsification:
    """`apply` does it; the findings must contain each of `names`. `files`: more than the database is touched."""

    name: str
    apply: Callable[[Site, Connection], None]
    names: tuple[str, ...]
    files: bool = False


ALL: list[Falsification] = []


def falsification(
    name: str, *names: str, files: bool = False
) -> Callable[[Callable[[Site, Connection], None]], Callable[[Site, Connection], None]]:
    """Add the function to `ALL`."""

    def add(apply: Callable[[Site, Connection], None]) -> Callable[[Site, Connection], None]:
        ALL.append(Falsification(name, apply, names, files))
        return apply

    return add


def falsify(site: Site, one: Falsification) -> None:
    """Do it to this site. Who writes the database takes out first what stands in the way there."""
    with closing(sqlite3.connect(site.database, isolation_level=None)) as connection:
        for trigger in ("data_key_held_update", "data_key_held_delete"):
            connection.execute(f"DROP TRIGGER IF EXISTS {trigger}")
        one.apply(site, connection)


def sql(name: str, *names: str, statements: tuple[str, ...]) -> None:
    """Add a falsification that is a few statements."""

    def apply(_site: Site, connection: Connection) -> None:
        for statement in statements:
            connection.execute(statement)

    ALL.append(Falsification(name, apply, names))


# What the attacker needs to make hashes fit.


def chain(connection: Connection, session: str) -> None:
    """Number the session's entries anew, compute every hash, and set the row's head to the end."""
    rows = connection.execute(
        "SELECT rowid, at_us, kind, payload FROM journal WHERE session = ? ORDER BY seq", [session]
    ).fetchall()
    connection.execute("UPDATE journal SET seq = -seq WHERE session = ?", [session])
    prev, seq = ORIGIN, 0
    for rowid, at_us, kind, payload in rows:
        seq += 1
        own = entry_hash(session, seq, at_us, kind, payload, prev)
        connection.execute("UPDATE journal SET seq = ?, prev = ?, hash = ? WHERE rowid = ?", [seq, prev, own, rowid])
        prev = own
    connection.execute("UPDATE session SET head_seq = ?, head_hash = ? WHERE id = ?", [seq, prev, session])


def audit_chain(connection: Connection) -> None:
    """The same for the audit log."""
    rows = connection.execute("SELECT seq, at_us, actor, action, object, detail FROM audit ORDER BY seq").fetchall()
    connection.execute("DELETE FROM audit")
    prev = ORIGIN
    for seq, (_, at_us, actor, action, target, detail) in enumerate(rows, 1):
        own = audit_hash(seq, at_us, actor, action, target, detail, prev)
        connection.execute(
            "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?)", [seq, at_us, actor, action, target, detail, prev, own]
        )
        prev = own


def append_audit(connection: Connection, actor: str, action: str, target: str, detail: str) -> None:
    """An entry that follows the last one as it should."""
    seq, at_us, prev = connection.execute("SELECT seq, at_us, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    own = audit_hash(seq + 1, at_us + 1, actor, action, target, detail, prev)
    connection.execute(
        "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [seq + 1, at_us + 1, actor, action, target, detail, prev, own],
    )


def edit_entry(connection: Connection, session: str, kind: str, edit: Edit) -> None:
    """Change the payload of the session's first entry of this kind."""
    seq, payload = connection.execute(
        "SELECT seq, payload FROM journal WHERE session = ? AND kind = ? ORDER BY seq LIMIT 1", [session, kind]
    ).fetchone()
    told = msgspec.json.decode(payload)
    edit(told)
    connection.execute(
        "UPDATE journal SET payload = ? WHERE session = ? AND seq = ?", [msgspec.json.encode(told), session, seq]
    )


def person(connection: Connection, login: str) -> str:
    """The id of who logs in by this name."""
    return str(connection.execute("SELECT id FROM person WHERE login = ?", [login]).fetchone()[0])


def swap(connection: Connection, table: str, column: str, key: str, one: str, other: str) -> None:
    """Exchange a value of two rows."""
    first, second = (
        connection.execute(f"SELECT {column} FROM {table} WHERE {key} = ?", [name]).fetchone()[0]
        for name in (one, other)
    )
    connection.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", [second, one])
    connection.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", [first, other])


def segment(site: Site, session: str, track: str, index: int = 0) -> Any:
    """The file of a segment."""
    with closing(sqlite3.connect(site.database)) as connection:
        for (payload,) in connection.execute(
            "SELECT payload FROM journal WHERE session = ? AND kind = 'segment_sealed' ORDER BY seq", [session]
        ):
            told = msgspec.json.decode(payload)
            if told["track"] == track and told["index"] == index:
                return site.folder / "blobs" / told["blob"]
    raise LookupError(track)


def lines(site: Site) -> tuple[Any, list[bytes]]:
    """The second place's one file and its lines."""
    (file,) = site.second_place.glob("*.checkpoints")
    return file, file.read_bytes().splitlines(keepends=True)


def resigned(checkpoints: list[Checkpoint], key: SigningKey) -> list[Checkpoint]:
    """The same statements, chained and signed with another key."""
    made: list[Checkpoint] = []
    for checkpoint in checkpoints:
        previous = made[-1].hash if made else "0" * 64
        statement = msgspec.structs.replace(read_statement(checkpoint.body), previous=previous, key=key.public.hex())
        made.append(sign(statement, key))
    return made


def kept(connection: Connection) -> list[Checkpoint]:
    """The database's checkpoints."""
    return [Checkpoint(*row) for row in connection.execute("SELECT number, body, signature FROM checkpoint ORDER BY 1")]


def keep(connection: Connection, checkpoints: list[Checkpoint]) -> None:
    """Put these into the database in place of those of the same numbers."""
    for checkpoint in checkpoints:
        connection.execute(
            "UPDATE checkpoint SET body = ?, signature = ? WHERE number = ?",
            [checkpoint.body, checkpoint.signature, checkpoint.number],
        )


def drop(connection: Connection, session: str) -> None:
    """Every row of a session."""
    for table, column in (("journal", "session"), ("session", "id"), ("session_specialist", "session"),
                          ("data_key", "session")):  # fmt: skip
        connection.execute(f"DELETE FROM {table} WHERE {column} = ?", [session])


# Journals.


@falsification("journal entry edited", "session s-one: journal seq")
def _(_site: Site, connection: Connection) -> None:
    edit_entry(connection, "s-one", "chat_sent", lambda told: told.update(text="something else"))


@falsification("journal entry edited, all hashes computed anew", "session s-one: journal seq", "rewritten after")
def _(_site: Site, connection: Connection) -> None:
    edit_entry(connection, "s-one", "chat_sent", lambda told: told.update(text="something else"))
    chain(connection, "s-one")


@falsification("journal told from the beginning for another branch", "session s-one: journal seq", "session s-one: row")
def _(_site: Site, connection: Connection) -> None:
    edit_entry(connection, "s-one", "session_requested", lambda told: told.update(branch="b2"))
    connection.execute("UPDATE session SET branch = 'b2' WHERE id = 's-one'")
    chain(connection, "s-one")


@falsification("the notice that was agreed to changed, hashes anew", "session s-two: journal seq")
def _(_site: Site, connection: Connection) -> None:
    edit_entry(connection, "s-two", "consent_given", lambda told: told.update(version="2020-01"))
    chain(connection, "s-two")


sql(
    "journal's tail cut",
    "session s-one: journal seq",
    statements=("DELETE FROM journal WHERE session = 's-one' AND seq > 20",),
)


@falsification("journal's tail cut, the row's head set to it", "session s-one: journal seq", "the entry is missing")
def _(_site: Site, connection: Connection) -> None:
    connection.execute("DELETE FROM journal WHERE session = 's-one' AND seq > 20")
    connection.execute(
        "UPDATE session SET state = 'active', ended_us = NULL, closed_us = NULL, end_reason = NULL, rating = NULL, "
        "outcome = NULL WHERE id = 's-one'"
    )
    chain(connection, "s-one")


@falsification("one entry taken out, the rest numbered and hashed anew", "session s-two: journal seq")
def _(_site: Site, connection: Connection) -> None:
    connection.execute("DELETE FROM journal WHERE session = 's-two' AND kind = 'chat_sent'")
    chain(connection, "s-two")


@falsification("two entries exchanged, hashes anew", "session s-two: journal seq")
def _(_site: Site, connection: Connection) -> None:
    for seq, now in ((5, 9999), (6, 5), (9999, 6)):
        connection.execute("UPDATE journal SET seq = ? WHERE session = 's-two' AND seq = ?", [now, seq])
    chain(connection, "s-two")


@falsification("an entry's time moved, hashes anew", "session s-three: journal seq")
def _(_site: Site, connection: Connection) -> None:
    connection.execute("UPDATE journal SET at_us = at_us - 1 WHERE session = 's-three' AND kind = 'answered'")
    connection.execute("UPDATE session SET answered_us = answered_us - 1 WHERE id = 's-three'")
    chain(connection, "s-three")


@falsification("an entry added to a closed session, head set", "session s-one: journal seq", "written later")
def _(_site: Site, connection: Connection) -> None:
    connection.execute(
        "INSERT INTO journal SELECT session, seq + 1, at_us, 'rated', ?, prev, hash FROM journal "
        "WHERE session = 's-one' ORDER BY seq DESC LIMIT 1",
        [b'{"event":"rated","stars":1}'],
    )
    connection.execute("UPDATE session SET rating = 1 WHERE id = 's-one'")
    chain(connection, "s-one")


@falsification("the same, and the row says that it is signed", "session s-one: row", "signed_seq")
def _(_site: Site, connection: Connection) -> None:
    connection.execute(
        "INSERT INTO journal SELECT session, seq + 1, at_us, 'rated', ?, prev, hash FROM journal "
        "WHERE session = 's-one' ORDER BY seq DESC LIMIT 1",
        [b'{"event":"rated","stars":1}'],
    )
    connection.execute("UPDATE session SET rating = 1, signed_seq = signed_seq + 1 WHERE id = 's-one'")
    chain(connection, "s-one")


for number, (after, ahead) in enumerate((("appended_after", 10**16), ("10000000", 0), ("NULL", 10**16))):

    @falsification(
        f"an entry added as one that no checkpoint can know yet ({number + 1})", "session s-one: journal", "seq"
    )
    def _(_site: Site, connection: Connection, after: str = after, ahead: int = ahead) -> None:
        connection.execute(
            "INSERT INTO journal SELECT session, seq + 1, at_us + ?, 'rated', ?, prev, hash FROM journal "
            "WHERE session = 's-one' ORDER BY seq DESC LIMIT 1",
            [ahead, b'{"event":"rated","stars":1}'],
        )
        connection.execute(f"UPDATE session SET rating = 1, appended_after = {after} WHERE id = 's-one'")
        chain(connection, "s-one")


sql(
    "an entry's kind changed",
    "session s-one: journal seq",
    statements=("UPDATE journal SET kind = 'held' WHERE session = 's-one' AND seq = 5",),
)


@falsification("journals of two sessions exchanged, hashes anew", "session s-one", "session s-two")
def _(_site: Site, connection: Connection) -> None:
    for old, now in (("s-one", "x"), ("s-two", "s-one"), ("x", "s-two")):
        connection.execute("UPDATE journal SET session = ? WHERE session = ?", [now, old])
    for session in ("s-one", "s-two"):
        chain(connection, session)


# Sessions.


@falsification("session deleted with all its rows", "session s-two: it was deleted", "checkpoint")
def _(_site: Site, connection: Connection) -> None:
    drop(connection, "s-two")


@falsification(
    "session deleted with its rows, recording and everything that the audit log says of it",
    "session s-two",
    "audit seq",
    files=True,
)
def _(site: Site, connection: Connection) -> None:
    drop(connection, "s-two")
    shutil.rmtree(site.folder / "blobs" / "sessions" / "s-two")
    connection.execute("DELETE FROM audit WHERE object = 'session:s-two'")
    audit_chain(connection)


@falsification(
    "session deleted, and every checkpoint since", "session s-two: it was deleted", "missing in the database"
)
def _(_site: Site, connection: Connection) -> None:
    drop(connection, "s-two")
    connection.execute("DELETE FROM checkpoint WHERE body LIKE '%s-two%' OR number > 3")


sql("a session's row deleted", "session s-three", statements=("DELETE FROM session WHERE id = 's-three'",))
sql("a session's journal deleted", "session s-three", statements=("DELETE FROM journal WHERE session = 's-three'",))


@falsification("session planted", "session s-planted")
def _(_site: Site, connection: Connection) -> None:
    for table, column in (("journal", "session"), ("session", "id"), ("session_specialist", "session")):
        names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        chosen = ", ".join("'s-planted'" if name == column else name for name in names)
        connection.execute(f"INSERT INTO {table} SELECT {chosen} FROM {table} WHERE {column} = 's-one'")
    chain(connection, "s-planted")
    connection.execute("UPDATE session SET signed_seq = NULL WHERE id = 's-planted'")


@falsification("session planted, dated ahead", "session s-ahead")
def _(_site: Site, connection: Connection) -> None:
    for table, column in (("journal", "session"), ("session", "id"), ("session_specialist", "session")):
        names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        chosen = ", ".join({column: "'s-ahead'", "at_us": f"at_us + {10**16}"}.get(name, name) for name in names)
        connection.execute(f"INSERT INTO {table} SELECT {chosen} FROM {table} WHERE {column} = 's-one'")
    chain(connection, "s-ahead")
    connection.execute("UPDATE session SET signed_seq = NULL WHERE id = 's-ahead'")


for column, value in (("branch", "'b2'"), ("branch_en", "'Riverside'"), ("specialist_name", "'Somebody else'"),
                      ("outcome", "'refused'"), ("rating", "1"), ("requested_us", "requested_us + 1"),
                      ("state", "'ended'"), ("kiosk", "'k2'"), ("service", "'loans'")):  # fmt: skip
    sql(
        f"a session's {column} changed in its row",
        "session s-one: row",
        statements=(f"UPDATE session SET {column} = {value} WHERE id = 's-one'",),
    )

sql(
    "who answered taken out",
    "session s-one: row",
    statements=("DELETE FROM session_specialist WHERE session = 's-one'",),
)
sql(
    "who answered renamed",
    "session s-one: row",
    statements=("UPDATE session_specialist SET name = 'Somebody else' WHERE session = 's-one'",),
)


@falsification("branches of two sessions exchanged", "session s-one: row", "session s-two: row")
def _(_site: Site, connection: Connection) -> None:
    swap(connection, "session", "branch", "id", "s-one", "s-two")


# The audit log.

sql(
    "an audit entry edited",
    "audit seq",
    statements=("UPDATE audit SET actor = 'person:other' WHERE action = 'recording.view'",),
)


@falsification("who looked changed, hashes anew", "audit seq", "rewritten after checkpoint")
def _(_site: Site, connection: Connection) -> None:
    connection.execute("UPDATE audit SET actor = 'person:other' WHERE object = 'session:s-one'")
    audit_chain(connection)


@falsification("audit log written whole anew", "audit seq")
def _(_site: Site, connection: Connection) -> None:
    connection.execute("UPDATE audit SET at_us = at_us + 1")
    audit_chain(connection)


@falsification("an audit entry taken out, hashes anew", "audit seq")
def _(_site: Site, connection: Connection) -> None:
    connection.execute("DELETE FROM audit WHERE action = 'person.password'")
    audit_chain(connection)


sql(
    "audit log's tail cut",
    "audit seq",
    "the entry is missing",
    statements=("DELETE FROM audit WHERE seq > (SELECT max(seq) - 4 FROM audit)",),
)
sql("audit log emptied", "audit seq 1", statements=("DELETE FROM audit",))


@falsification("tails of journal and audit log cut, head set", "session s-three: journal seq", "audit seq")
def _(_site: Site, connection: Connection) -> None:
    connection.execute("DELETE FROM audit WHERE seq > (SELECT max(seq) - 4 FROM audit)")
    connection.execute("DELETE FROM journal WHERE session = 's-three' AND seq > 20")
    chain(connection, "s-three")


# Who may do what.


@falsification("a password's hash exchanged for another's", "person", "password hash", "checkpoint")
def _(_site: Site, connection: Connection) -> None:
    swap(connection, "person", "password_hash", "login", "wang.fang", "li.na")


@falsification("an earlier password put back", "password hash")
def _(site: Site, connection: Connection) -> None:
    with closing(sqlite3.connect(site.earlier)) as earlier:
        (old,) = earlier.execute("SELECT password_hash FROM person WHERE login = 'wang.fang'").fetchone()
    connection.execute("UPDATE person SET password_hash = ? WHERE login = 'wang.fang'", [old])


@falsification("a role raised", "roles", "no audit entry since then, up to checkpoint")
def _(_site: Site, connection: Connection) -> None:
    connection.execute("INSERT INTO person_grant VALUES (?, 'administrator', '*')", [person(connection, "chen.jing")])


@falsification("a role raised, with an audit entry that says so", "roles", "person.roles of person:")
def _(_site: Site, connection: Connection) -> None:
    who = person(connection, "chen.jing")
    connection.execute("INSERT INTO person_grant VALUES (?, 'administrator', '*')", [who])
    append_audit(connection, "cli:root", "person.roles", f"person:{who}", '{"roles":["administrator@*"]}')


@falsification("roles of before put back, with the signed entry of then once more", "person.roles of person:")
def _(_site: Site, connection: Connection) -> None:
    who = person(connection, "chen.jing")
    (detail,) = connection.execute("SELECT detail FROM audit WHERE action = 'person.roles'").fetchone()
    append_audit(connection, "cli:root", "person.roles", f"person:{who}", detail)


@falsification("a role for every branch", "roles")
def _(_site: Site, connection: Connection) -> None:
    connection.execute("UPDATE person_grant SET branch = '*' WHERE role = 'supervisor'")


@falsification("a person added", "person intruder")
def _(_site: Site, connection: Connection) -> None:
    connection.execute(
        "INSERT INTO person SELECT 'intruder', 'intruder', name, password_hash, languages, skills, 1, created_us "
        "FROM person WHERE login = 'li.na'"
    )


@falsification("a person added, with an audit entry that says so", "person intruder", "person.add of person:intruder")
def _(_site: Site, connection: Connection) -> None:
    connection.execute(
        "INSERT INTO person SELECT 'intruder', 'intruder', name, password_hash, languages, skills, 1, created_us "
        "FROM person WHERE login = 'li.na'"
    )
    append_audit(connection, "cli:root", "person.add", "person:intruder", '{"roles":[]}')


@falsification("a person deleted", "profile", "it is gone")
def _(_site: Site, connection: Connection) -> None:
    who = person(connection, "wang.fang")
    connection.execute("DELETE FROM person_grant WHERE person = ?", [who])
    connection.execute("DELETE FROM person WHERE id = ?", [who])


sql("a revoked person let in again", "profile", statements=("UPDATE person SET active = 1 WHERE login = 'li.na'",))


@falsification("two people exchanged", "profile", "password hash")
def _(_site: Site, connection: Connection) -> None:
    one, other = person(connection, "chen.jing"), person(connection, "li.na")
    for old, now in ((one, "x"), (other, one), ("x", other)):
        connection.execute("UPDATE person SET id = ? WHERE id = ?", [now, old])


@falsification("names of two people exchanged", "profile")
def _(_site: Site, connection: Connection) -> None:
    swap(connection, "person", "name", "login", "chen.jing", "wang.fang")


sql(
    "a kiosk's key exchanged",
    "kiosk k1",
    "public key",
    statements=("UPDATE kiosk SET public_key = randomblob(32) WHERE id = 'k1'",),
)
sql(
    "a kiosk's revocation undone",
    "kiosk k2",
    statements=("UPDATE kiosk SET revoked_us = NULL, public_key = randomblob(32) WHERE id = 'k2'",),
)
sql("a kiosk moved to another branch", "kiosk k1", statements=("UPDATE kiosk SET branch = 'b2' WHERE id = 'k1'",))
sql(
    "a kiosk added",
    "kiosk k9",
    statements=("INSERT INTO kiosk SELECT 'k9', name, branch, public_key, 1, 1, NULL FROM kiosk WHERE id = 'k1'",),
)
sql("a branch renamed", "branch b1", statements=("UPDATE branch SET name_zh = '总行' WHERE id = 'b1'",))
sql("a branch added", "branch b9", statements=("INSERT INTO branch VALUES ('b9', '分行', 'Ninth', 1)",))
sql(
    "branches exchanged",
    "branch b1",
    "branch b2",
    statements=(
        "UPDATE branch SET id = 'x' WHERE id = 'b1'",
        "UPDATE branch SET id = 'b1' WHERE id = 'b2'",
        "UPDATE branch SET id = 'b2' WHERE id = 'x'",
    ),
)
sql("a service's skill changed", "service wealth", statements=("UPDATE service SET skill = 'none'",))


# Recordings.


def exchange(one: Any, other: Any) -> None:
    data = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(data)


@falsification(
    "segments of two sessions exchanged",
    "session s-one: kiosk.camera segment 0",
    "session s-two: kiosk.camera segment 0",
    files=True,
)
def _(site: Site, _connection: Connection) -> None:
    exchange(segment(site, "s-one", "kiosk.camera"), segment(site, "s-two", "kiosk.camera"))


@falsification(
    "segments of two tracks exchanged",
    "session s-one: kiosk.camera segment 0",
    "session s-one: specialist.camera segment 0",
    files=True,
)
def _(site: Site, _connection: Connection) -> None:
    exchange(segment(site, "s-one", "kiosk.camera"), segment(site, "s-one", "specialist.camera"))


@falsification("a segment deleted", "session s-one: kiosk.camera segment 0", files=True)
def _(site: Site, _connection: Connection) -> None:
    segment(site, "s-one", "kiosk.camera").unlink()


@falsification("a segment cut", "session s-one: kiosk.camera segment 0", files=True)
def _(site: Site, _connection: Connection) -> None:
    file = segment(site, "s-one", "kiosk.camera")
    file.write_bytes(file.read_bytes()[:-100])


@falsification("a document exchanged for another session's", "session s-one: document d1", files=True)
def _(site: Site, _connection: Connection) -> None:
    for suffix in ("original", "view"):
        exchange(*(site.folder / f"blobs/sessions/{name}/documents/d1-0000-{suffix}" for name in ("s-one", "s-two")))


@falsification("a segment's span made longer, hashes anew", "session s-one: journal seq")
def _(_site: Site, connection: Connection) -> None:
    edit_entry(connection, "s-one", "segment_sealed", lambda told: told.update(end_ms=told["end_ms"] + 50))
    chain(connection, "s-one")


@falsification("the completeness statement changed, hashes anew", "session s-one: journal seq")
def _(_site: Site, connection: Connection) -> None:
    def shorten(told: dict[str, Any]) -> None:
        told["tracks"][0]["recorded_ms"] += 1

    edit_entry(connection, "s-one", "recording_completed", shorten)
    chain(connection, "s-one")


@falsification("a segment deleted with its entry, hashes anew", "session s-one: journal seq", files=True)
def _(site: Site, connection: Connection) -> None:
    segment(site, "s-one", "kiosk.camera").unlink()
    connection.execute(
        "DELETE FROM journal WHERE rowid = (SELECT rowid FROM journal WHERE session = 's-one' "
        "AND kind = 'segment_sealed' LIMIT 1)"
    )
    chain(connection, "s-one")


@falsification("data keys of two sessions exchanged", "session s-one: data key", "session s-two: data key")
def _(_site: Site, connection: Connection) -> None:
    swap(connection, "data_key", "wrapped", "session", "s-one", "s-two")


sql("a data key deleted", "session s-one: data key", statements=("DELETE FROM data_key WHERE session = 's-one'",))


# Retention, holds and deletions.

sql(
    "a data key destroyed without a certificate",
    "session s-one: data key",
    "no certificate",
    statements=("UPDATE data_key SET wrapped = x'', destroyed_us = 1 WHERE session = 's-one'",),
)
sql(
    "the data key of a held session destroyed",
    "session s-three: data key",
    "no certificate",
    statements=("UPDATE data_key SET wrapped = x'', destroyed_us = 1 WHERE session = 's-three'",),
)


def forge(connection: Connection, session: str, key: SigningKey | None) -> None:
    """Destroy a session's key under the certificate of another one, made to fit, and signed with this key."""
    body, signature = connection.execute("SELECT certificate, signature FROM deletion").fetchone()
    told = read_certificate(body)
    seq, head = connection.execute("SELECT head_seq, head_hash FROM session WHERE id = ?", [session]).fetchone()
    told = msgspec.structs.replace(told, session=session, head_seq=seq, head=head.hex())
    made = sign_certificate(told, key or OTHER_KEY)
    connection.execute("UPDATE data_key SET wrapped = x'', destroyed_us = ? WHERE session = ?", [told.at_us, session])
    connection.execute(
        "INSERT INTO deletion VALUES (?, ?, ?, ?, ?)",
        [session, made.certificate, made.signature if key else signature, told.at_us, told.at_us],
    )


@falsification("a certificate forged with another key", "session s-one: certificate", "not signed", "deletion of s-one")
def _(_site: Site, connection: Connection) -> None:
    forge(connection, "s-one", OTHER_KEY)


@falsification("a certificate forged with the signature of another", "session s-one: certificate", "deletion of s-one")
def _(_site: Site, connection: Connection) -> None:
    forge(connection, "s-one", None)


@falsification("a certificate forged, with an audit entry that says so", "deletion of s-one", "not signed")
def _(_site: Site, connection: Connection) -> None:
    forge(connection, "s-one", OTHER_KEY)
    append_audit(connection, "cli:root", "recording.delete", "deletion:s-one", '{"rule":"short"}')


@falsification("the certificate of one session put under another", "session s-two: certificate", "another session")
def _(_site: Site, connection: Connection) -> None:
    connection.execute("UPDATE data_key SET wrapped = x'', destroyed_us = 1 WHERE session = 's-two'")
    connection.execute("INSERT INTO deletion SELECT 's-two', certificate, signature, at_us, 1 FROM deletion")


@falsification("a certificate edited", "session s-gone: certificate", "not signed")
def _(_site: Site, connection: Connection) -> None:
    (body,) = connection.execute("SELECT certificate FROM deletion").fetchone()
    connection.execute("UPDATE deletion SET certificate = ?", [body.replace(b"cli:root", b"cli:anna")])


sql(
    "a certificate removed",
    "session s-gone: data key",
    "deletion of s-gone",
    statements=("DELETE FROM deletion",),
)


@falsification("a certificate removed with everything that the audit log says of it", "session s-gone", "audit seq")
def _(_site: Site, connection: Connection) -> None:
    connection.execute("DELETE FROM deletion")
    connection.execute("DELETE FROM audit WHERE action = 'recording.delete'")
    audit_chain(connection)


@falsification("a deleted session's key put back", "session s-gone: data key", "put back")
def _(_site: Site, connection: Connection) -> None:
    connection.execute(
        "UPDATE data_key SET wrapped = (SELECT wrapped FROM data_key WHERE session = 's-one'), destroyed_us = NULL "
        "WHERE session = 's-gone'"
    )


sql(
    "a deleted session's row of the key removed",
    "session s-gone: data key",
    statements=("DELETE FROM data_key WHERE session = 's-gone'",),
)
sql("a hold removed", "hold", "it is gone", statements=("DELETE FROM hold WHERE session = 's-three'",))
sql(
    "a hold lifted",
    "hold",
    "it is not what it was",
    statements=("UPDATE hold SET lifted_us = 1, lifted_by = 'cli:root' WHERE session = 's-three'",),
)
sql(
    "a hold moved to another session",
    "hold",
    statements=("UPDATE hold SET session = 's-two' WHERE session = 's-three'",),
)
sql("a hold's reason changed", "hold", statements=("UPDATE hold SET reason = 'none'",))


@falsification("a hold lifted, with an audit entry that says so", "hold", "hold.lift of hold:")
def _(_site: Site, connection: Connection) -> None:
    (hold,) = connection.execute("SELECT id FROM hold WHERE session = 's-three'").fetchone()
    connection.execute("UPDATE hold SET lifted_us = 1, lifted_by = 'cli:root' WHERE id = ?", [hold])
    append_audit(connection, "cli:root", "hold.lift", f"hold:{hold}", '{"session":"s-three"}')


sql(
    "a hold that was lifted put back over the deletion",
    "session s-gone: certificate",
    "in force",
    statements=("UPDATE hold SET lifted_us = NULL WHERE session = 's-gone'",),
)
sql(
    "a rule made shorter",
    "retention rule sales",
    "it is not what it was",
    statements=("UPDATE retention_rule SET keep = 'P1D' WHERE id = 'sales'",),
)
sql(
    "a rule's condition changed",
    "retention rule sales",
    statements=("""UPDATE retention_rule SET services = '["loans"]' WHERE id = 'sales'""",),
)
sql("a rule removed", "retention rule sales", "it is gone", statements=("DELETE FROM retention_rule WHERE id='sales'",))
sql(
    "a rule added",
    "retention rule mine",
    statements=(
        "CREATE TABLE mine AS SELECT * FROM retention_rule WHERE id = 'short'",
        "UPDATE mine SET id = 'mine'",
        "INSERT INTO retention_rule SELECT * FROM mine",
    ),
)
sql(
    "a product ended sooner",
    "fact s-one.product_ended",
    statements=("UPDATE session_fact SET value = '2001-01-01' WHERE session = 's-one'",),
)
sql("a fact removed", "fact s-one.product_ended", statements=("DELETE FROM session_fact WHERE session = 's-one'",))


# Checkpoints.

sql("checkpoints deleted from the database", "missing in the database", statements=("DELETE FROM checkpoint",))
sql(
    "one checkpoint deleted from the database",
    "checkpoint 3",
    "missing in the database",
    statements=("DELETE FROM checkpoint WHERE number = 3",),
)
sql(
    "the newest checkpoints deleted from the database",
    "missing in the database",
    statements=("DELETE FROM checkpoint WHERE number > 4",),
)
sql(
    "a checkpoint edited in the database",
    "checkpoint 3",
    statements=(
        "UPDATE checkpoint SET body = CAST(replace(body, 's-one', 's-two') AS BLOB) WHERE number = 2",
        "UPDATE checkpoint SET body = CAST(replace(body, 'session', 'minute') AS BLOB) WHERE number = 3",
    ),
)
sql(
    "two checkpoints exchanged in the database",
    "checkpoint",
    statements=(
        "UPDATE checkpoint SET number = 999 WHERE number = 3",
        "UPDATE checkpoint SET number = 3 WHERE number = 4",
        "UPDATE checkpoint SET number = 4 WHERE number = 999",
    ),
)


@falsification("checkpoints signed anew with another key", "not signed with this site's key in the database")
def _(_site: Site, connection: Connection) -> None:
    keep(connection, resigned(kept(connection), OTHER_KEY))


@falsification(
    "a session rewritten, and checkpoints signed anew with another key in both places",
    "session s-one",
    "not signed with this site's key in the second place",
    files=True,
)
def _(site: Site, connection: Connection) -> None:
    connection.execute("UPDATE session SET branch = 'b2' WHERE id = 's-one'")
    made = resigned(kept(connection), OTHER_KEY)
    keep(connection, made)
    file, _old = lines(site)
    file.write_bytes(b"".join(checkpoint.line() for checkpoint in made))


@falsification("second place cut in half", "missing in the second place", files=True)
def _(site: Site, _connection: Connection) -> None:
    file, old = lines(site)
    file.write_bytes(b"".join(old[: len(old) // 2]))


@falsification("second place's last line cut off", "missing in the second place", files=True)
def _(site: Site, _connection: Connection) -> None:
    file, old = lines(site)
    file.write_bytes(b"".join(old[:-1]))


@falsification("second place's last bytes cut off", "missing in the second place", files=True)
def _(site: Site, _connection: Connection) -> None:
    file, old = lines(site)
    file.write_bytes(b"".join(old)[:-10])


@falsification("second place deleted", "missing in the second place", files=True)
def _(site: Site, _connection: Connection) -> None:
    shutil.rmtree(site.second_place)


@falsification("a line of the second place edited", "second place", files=True)
def _(site: Site, _connection: Connection) -> None:
    file, old = lines(site)
    file.write_bytes(b"".join(old).replace(b'["s-one"', b'["s-two"', 1))


@falsification("two lines of the second place exchanged", "second place", files=True)
def _(site: Site, _connection: Connection) -> None:
    file, old = lines(site)
    old[2], old[3] = old[3], old[2]
    file.write_bytes(b"".join(old))


@falsification("both places cut at the same checkpoint, and a later session deleted", "session s-three", files=True)
def _(site: Site, connection: Connection) -> None:
    # What is left: the recording, the audit log's entries about it, and a longer log than the last checkpoint knows.
    file, old = lines(site)
    file.write_bytes(b"".join(line for line in old if read_line(line).number <= 3))
    connection.execute("DELETE FROM checkpoint WHERE number > 3")
    drop(connection, "s-three")


@falsification("database put back to an earlier copy", "missing in the database", "session s-three", files=True)
def _(site: Site, connection: Connection) -> None:
    connection.close()
    shutil.copy2(site.earlier, site.database)


@falsification("database and recordings put back to an earlier copy", "session s-three: it was deleted", files=True)
def _(site: Site, connection: Connection) -> None:
    connection.close()
    shutil.copy2(site.earlier, site.database)
    for session in ("s-two", "s-three"):
        shutil.rmtree(site.folder / "blobs" / "sessions" / session)


# Data keys' rows and time stamps.


sql(
    "time of a data key changed",
    "session s-one: data key: it is not the one that checkpoint",
    statements=("UPDATE data_key SET created_us = created_us - 60000000 WHERE session = 's-one'",),
)
sql(
    "a data key's row replaced by another session's",
    "session s-one: data key",
    statements=(
        "DELETE FROM data_key WHERE session = 's-one'",
        "INSERT INTO data_key SELECT 's-one', suite, wrapped, created_us, NULL FROM data_key WHERE session = 's-two'",
    ),
)


@falsification("a data key wrapped anew by who has the site's key", "session s-three: data key: it is not the one")
def _(_site: Site, connection: Connection) -> None:
    (wrapped,) = connection.execute("SELECT wrapped FROM data_key WHERE session = 's-three'").fetchone()
    suite, bound_to = SUITES["aes-256-gcm"], b"visavis data key\0aes-256-gcm\0s-three"
    aead = suite.aead(suite.derive(SITE_KEY, b"", b"visavis data key\0aes-256-gcm"))
    secret = aead.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], bound_to)
    nonce = bytes(NONCE_BYTES)
    anew = nonce + aead.encrypt(nonce, secret, bound_to)
    connection.execute("UPDATE data_key SET wrapped = ? WHERE session = 's-three'", [anew])


sql(
    "time stamps deleted from the database",
    "time stamp of checkpoint",
    "it is missing in the database",
    statements=("DELETE FROM checkpoint_timestamp",),
)


@falsification("time stamps of two checkpoints exchanged", "it is not of this checkpoint in the database")
def _(_site: Site, connection: Connection) -> None:
    (one,), (other,) = connection.execute("SELECT number FROM checkpoint_timestamp ORDER BY number LIMIT 2").fetchall()
    swap(connection, "checkpoint_timestamp", "token", "number", one, other)


def stamp_files(site: Site) -> list[Any]:
    """The time stamps of the second place."""
    return sorted(site.second_place.glob("*.tsr"))


@falsification("time stamps deleted in both places", "it is gone from both places, and checkpoint", files=True)
def _(site: Site, connection: Connection) -> None:
    for file in stamp_files(site):
        file.unlink()
    connection.execute("DELETE FROM checkpoint_timestamp")


@falsification("time stamps deleted in the second place", "it is missing in the second place, which had it", files=True)
def _(site: Site, _connection: Connection) -> None:
    for file in stamp_files(site):
        file.unlink()


@falsification("a time stamp of another authority in both places", "it does not count in the second place", files=True)
def _(site: Site, connection: Connection) -> None:
    file = stamp_files(site)[0]
    (body,) = connection.execute("SELECT body FROM checkpoint WHERE number = ?", [int(file.stem)]).fetchone()
    token = Authority().token(bytes.fromhex(Checkpoint(int(file.stem), body, b"").hash))
    file.write_bytes(token)
    connection.execute("UPDATE checkpoint_timestamp SET token = ? WHERE number = ?", [token, int(file.stem)])


@falsification("a later time stamp of the same authority in both places", "is not the one that checkpoint", files=True)
def _(site: Site, connection: Connection) -> None:
    file = stamp_files(site)[0]
    (body,) = connection.execute("SELECT body FROM checkpoint WHERE number = ?", [int(file.stem)]).fetchone()
    later = datetime.now(UTC) + timedelta(hours=3)
    token = AUTHORITY.token(bytes.fromhex(Checkpoint(int(file.stem), body, b"").hash), later)
    file.write_bytes(token)
    connection.execute("UPDATE checkpoint_timestamp SET token = ? WHERE number = ?", [token, int(file.stem)])


@falsification("a time stamp of the second place cut off", "it does not count in the second place", files=True)
def _(site: Site, _connection: Connection) -> None:
    file = stamp_files(site)[-1]
    file.write_bytes(file.read_bytes()[:-10])
