"""The command as people type it: a process of its own on a directory of its own."""

from __future__ import annotations

import asyncio
import io
import json
import os
import pwd
import re
import sqlite3
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from link.compiled import SWITCH
from server.admin import AdminError, open_desk, people
from server.cli.main import main
from server.config import Config
from server.identity.passwords import WeakPassword, check_strength
from server.journal import Journal
from server.session import events as e
from server.store import Store
from server.store.people import Grant, Role
from tests.server.evidence.recorded import SESSION, Archive, record, requested

ROOT = Path(__file__).parents[3]


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


async def visavis(data: Path, *arguments: str, stdin: str = "") -> Result:
    """The command as a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "server", *arguments, "--data", str(data),
        cwd=ROOT, env=environment(), stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(stdin.encode()), 60)
    return Result(process.returncode or 0, out.decode(), err.decode())


async def good(data: Path, *arguments: str, stdin: str = "") -> Any:
    """The answer in JSON of a command that must work."""
    result = await visavis(data, *arguments, "--json", stdin=stdin)
    assert result.code == 0, result.err
    return result.json


def environment() -> dict[str, str]:
    """Without settings of who runs the tests, but from source: where machine code is stale, a process warns."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VISAVIS_")}
    return {**kept, SWITCH: "0"}


class Command:
    """The same command in this process, which is ten times faster."""

    def __init__(self, data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.data, self._capsys, self._monkeypatch = data, capsys, monkeypatch

    def __call__(self, *arguments: str, stdin: str = "") -> Result:
        self._monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        self._capsys.readouterr()
        try:
            code = main([*arguments, "--data", str(self.data)])
        except SystemExit as usage:
            code = int(usage.code or 0)
        return Result(code, *self._capsys.readouterr())

    def good(self, *arguments: str, stdin: str = "") -> Any:
        result = self(*arguments, "--json", stdin=stdin)
        assert result.code == 0, result.err
        return result.json


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setattr("server.cli.main.configure_logs", lambda _config: None)
    return Command(tmp_path / "data", capsys, monkeypatch)


def test_an_administrator_sets_a_branch_up(command: Command) -> None:
    command.good("admin", "branch", "add", "riverside", "--zh", "滨江支行", "--en", "Riverside")
    command.good("admin", "service", "add", "wealth", "--zh", "理财", "--en", "Wealth")
    kiosk = command.good("admin", "kiosk", "add", "r-1", "--name", "一号机", "--branch", "riverside")
    assert re.fullmatch(r"[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}", kiosk["code"])
    assert (kiosk["state"], kiosk["minutes"]) == ("new", 10)
    adding = ("admin", "person", "add", "li", "--name", "李", "--role", "specialist@*", "--skill", "wealth")
    person = command.good(*adding, stdin="correct horse battery\n")
    assert person["roles"] == ["specialist@*"]
    assert "password" not in person
    made_up = command.good("admin", "person", "password", "li", "--generate")
    check_strength(made_up["password"])
    text = command("admin", "person", "list").out
    assert "li" in text
    assert "specialist@*" in text
    assert command.good("audit")["sound"]
    for file in command.data.glob("visavis.sqlite3*"):
        assert b"correct horse" not in file.read_bytes()
        assert made_up["password"].encode() not in file.read_bytes()


def test_what_cannot_be_done_is_said_in_a_sentence(command: Command) -> None:
    command.good("admin", "branch", "add", "riverside", "--zh", "滨江支行", "--en", "Riverside")
    person = ("admin", "person", "add", "li", "--name", "李")
    for arguments, words in (
        (("admin", "branch", "add", "riverside", "--zh", "甲", "--en", "A"), "already a branch"),
        (("admin", "service", "add", "s", "--zh", "甲", "--en", "A", "--icon", "nosuch"), "no icon nosuch; there are"),
        (("admin", "branch", "add", "Bad Id", "--zh", "甲", "--en", "A"), "is no id"),
        (("admin", "kiosk", "add", "k", "--name", "n", "--branch", "nowhere"), "no branch nowhere"),
        (("admin", "kiosk", "revoke", "k9"), "no kiosk k9"),
        (("admin", "person", "revoke", "nobody"), "no person"),
        ((*person, "--role", "king@*", "--generate"), "is no role"),
        ((*person, "--role", "guide", "--generate"), "is no role"),
        ((*person, "--role", "guide@nowhere", "--generate"), "no branch nowhere"),
        ((*person, "--role", "guide@riverside", "--language", "fr", "--generate"), "is no language"),
        ((*person, "--role", "guide@riverside"), "at least 10 characters"),
        (("export", "s1", "out"), "there is no directory"),
    ):
        result = command(*arguments)
        assert result.code == 1, arguments
        assert words in result.err, arguments
        assert "Traceback" not in result.err
        assert result.out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("nonsense",),
        ("admin",),
        ("admin", "person", "add", "li"),
        ("serve", "--port", "x"),
        ("serve", "--nonsense"),
        ("verify", "b\udcff"),
        ("export", "s1", "\udcff"),
        ("verify", "--public-key", "00ff"),
        ("verify", "--public-key", "no key"),
        ("sessions", "--branch", "\udcff"),
        ("sessions", "--limit", "-5"),
        ("sessions", "--limit", "9" * 30),
        ("admin", "service", "add", "s", "--zh", "甲", "--en", "A", "--position", "9" * 30),
        ("admin", "branch", "list", "--database", "nonsense"),
        ("admin", "branch", "list", "--database", "sqlite:////tmp/x"),
        ("audit", "--database", "postgresql+asyncpg://somewhere/x"),
    ],
)
def test_wrong_usage_is_2(command: Command, arguments: tuple[str, ...]) -> None:
    result = command(*arguments)
    assert result.code == 2
    assert "Traceback" not in result.err


def test_a_mistyped_directory_is_not_an_empty_one(command: Command) -> None:
    for arguments, code in ((("sessions",), 1), (("audit",), 2), (("verify", "s1"), 2), (("export", "s1", "x"), 1)):
        assert command(*arguments).code == code
    assert not command.data.exists()


def test_an_emptied_database_is_neither_sound_nor_made_anew(command: Command) -> None:
    command.good("admin", "branch", "add", "a", "--zh", "甲", "--en", "A")
    file = command.data / "visavis.sqlite3"
    for left_over in command.data.glob("visavis.sqlite3*"):
        left_over.unlink()
    file.touch()
    for arguments, code in ((("audit",), 2), (("verify", "s1"), 2), (("sessions",), 1), (("export", "s1", "x"), 1)):
        assert command(*arguments).code == code, arguments
        assert file.stat().st_size == 0
    file.write_bytes(b"no database" * 100)
    assert command("audit").code == 2


def test_evidence_on_a_read_only_medium_asks_for_a_copy(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    command.good("admin", "branch", "add", "a", "--zh", "甲", "--en", "A")
    monkeypatch.setattr("os.access", lambda path, _mode: Path(path) != command.data)
    for arguments in (("audit",), ("verify", "s1")):
        result = command(*arguments)
        assert result.code == 2
        assert "check a copy" in result.out + result.err


def test_evidence_can_be_looked_at_while_another_process_writes(command: Command) -> None:
    command.good("admin", "branch", "add", "a", "--zh", "甲", "--en", "A")
    with sqlite3.connect(command.data / "visavis.sqlite3", isolation_level=None) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert command.good("audit")["entries"] == 1
        writer.execute("ROLLBACK")
    writer.close()


def test_a_check_that_fails_by_itself_does_not_say_broken(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("of ours")

    command.good("admin", "branch", "add", "a", "--zh", "甲", "--en", "A")
    (command.data / "keys").mkdir(exist_ok=True)
    (command.data / "keys" / "site.key").write_bytes(bytes(32))
    (command.data / "keys" / "site.key").chmod(0o600)
    (command.data / "blobs").mkdir()
    monkeypatch.setattr("server.cli.evidence.verify_kept", fail)
    result = command("verify", "s1", "--json")
    report = json.loads(result.out.splitlines()[-1])
    assert (result.code, report["verdict"]) == (2, "unusable")
    assert "ZeroDivisionError" in report["findings"][0]["problem"]


def test_a_tampered_audit_log_is_1(command: Command) -> None:
    command.good("admin", "branch", "add", "a", "--zh", "甲", "--en", "A")
    with sqlite3.connect(command.data / "visavis.sqlite3") as connection:
        connection.execute("UPDATE audit SET hash = 'somebody'")
    connection.close()
    result = command("audit", "--json")
    assert result.code == 1
    assert result.json["broken_at"] == 1


def test_an_export_is_audited_and_for_its_account_only(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads evidence by command leaves a trace, under the account that the kernel knows."""
    command.good("admin", "branch", "add", "a", "--zh", "甲", "--en", "A")
    url = f"sqlite+aiosqlite:///{command.data / 'visavis.sqlite3'}"

    async def fill() -> None:
        store, event = await Store.open(url), requested("s1")[0]
        await Journal(store).append("s1", [(e.kind(event), e.encode(event))], at_us=1)
        await store.close()

    asyncio.run(fill())
    (command.data / "blobs").mkdir()
    key = command.data / "keys" / "site.key"
    key.parent.mkdir(mode=0o700, exist_ok=True)
    key.write_bytes(bytes(32))
    key.chmod(0o600)
    monkeypatch.setenv("LOGNAME", "somebody-else")
    before = os.umask(0)
    try:
        files = command.good("export", "s1", str(tmp_path / "out"))
    finally:
        assert os.umask(before) == 0, "whoever calls us keeps their own"
    assert [oct(Path(file["file"]).stat().st_mode & 0o777) for file in files] == ["0o600"] * len(files)
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o700
    with sqlite3.connect(command.data / "visavis.sqlite3") as connection:
        [(actor, target)] = connection.execute("SELECT actor, object FROM audit WHERE action = 'recording.export'")
    connection.close()
    assert (actor, target) == (f"cli:{pwd.getpwuid(os.getuid()).pw_name}", "session:s1")
    result = command("audit", "--json")
    assert (result.code, result.json["lost_sessions"]) == (1, ["s1"]), "its row of the list is missing"


def test_tables_with_chinese_names_stand_in_line(command: Command) -> None:
    for branch, name in (("a", "滨江支行"), ("bc", "Westgate")):
        command.good("admin", "branch", "add", branch, "--zh", name, "--en", "A")
    assert command("admin", "branch", "list").out.splitlines() == [
        "branch  zh        en",
        "a       滨江支行  A",
        "bc      Westgate  A",
    ]


def test_the_password_never_is_an_argument(command: Command) -> None:
    result = command("admin", "person", "add", "--help")
    assert result.code == 0
    assert not re.search(r"--password", result.out)


async def test_a_revoked_person_can_come_back(tmp_path: Path) -> None:
    async with open_desk(Config(data=tmp_path)) as desk:
        await people.add_person(
            desk, "li", name="李", roles=["guide@*"], languages=["en"], skills=[], password="correct horse"
        )
        assert not (await people.revoke_person(desk, "li")).active
        assert (await people.restore_person(desk, "li")).active
        changed = await people.set_roles(desk, "li", ["supervisor@*", "guide@*"])
        assert sorted(changed.roles) == ["guide", "supervisor"]
        with pytest.raises(AdminError, match="at least"):
            await people.set_password(desk, "li", "short")
        actions = [entry.action for entry in await desk.audit.read()]
    assert actions == ["person.add", "person.revoke", "person.restore", "person.roles"]


def test_a_weak_password_is_an_error_of_its_own() -> None:
    with pytest.raises(WeakPassword):
        check_strength("short")


async def recorded(data: Path) -> None:
    """A recorded session in a data directory, as the command expects it."""
    data.mkdir()
    async with Archive.opened(data) as archive:
        await record(archive, seconds=2)
    (data / "store.sqlite3").rename(data / "visavis.sqlite3")
    (data / "keys").mkdir(mode=0o700)
    for name, secret in (("site.key", bytes(range(32))), ("signing.key", bytes(32))):
        (data / "keys" / name).write_bytes(secret)
        (data / "keys" / name).chmod(0o600)


async def supervisor(data: Path) -> str:
    """A supervisor of the session's branch, by login li.zhu; the id."""
    store = await Store.open(f"sqlite+aiosqlite:///{data / 'visavis.sqlite3'}")
    try:
        grants = [Grant(Role.SUPERVISOR, "b1")]
        made = await store.people.add(
            login="li.zhu", name="Li Zhu", password_hash="x", languages=[], skills=[], grants=grants
        )
        return made.id
    finally:
        await store.close()


def test_a_bundle_is_made_signed_audited_and_verified(command: Command, tmp_path: Path) -> None:
    asyncio.run(recorded(command.data))
    folder = tmp_path / "bundle"
    exporting = ("export", "--bundle", SESSION, str(folder))
    made = command.good(*exporting, "--purpose", "court", "--wished-by", "person:7")
    assert (made["verdict"], made["missing"], made["folder"]) == ("sound", 0, str(folder))
    report = command("verify", str(folder), "--json")
    assert (report.code, report.json["verdict"], report.json["signature"]) == (0, "sound", made["signature"])
    assert command("verify", str(folder)).out.splitlines()[-1] == "verdict   sound"
    public = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw().hex()
    assert command("verify", "--public-key", public, str(folder)).code == 0
    assert command("verify", "--public-key", "00" * 32, "--public-key", public, str(folder)).code == 0
    assert command("verify", "--public-key", "00" * 32, str(folder)).code == 1
    assert command("verify", "--public-key", "00", str(folder)).code == 2
    for file in folder.rglob("*"):
        assert file.stat().st_mode & 0o077 == 0, f"{file} is for its account only"
    with sqlite3.connect(command.data / "visavis.sqlite3") as connection:
        [(detail,)] = connection.execute("SELECT detail FROM audit WHERE action = 'recording.export'")
    connection.close()
    assert json.loads(detail) == {"bundle": True, "purpose": "court", "wished_by": "person:7"}
    # Where the site wants a second person, the command is told who it was.
    ruled = ("--export-approval", "required", SESSION)
    for wrong, why in (
        ((), "--approved-by"),
        (("--approved-by", "nobody"), "no supervisor"),
        (
            ("--approved-by", "li.zhu", "--wished-by", f"person:{asyncio.run(supervisor(command.data))}"),
            "cannot be who",
        ),
    ):
        refused = command("export", "--bundle", *wrong, *ruled, str(tmp_path / "none"))
        assert refused.code != 0
        assert why in refused.err
    agreed = tmp_path / "agreed"
    command.good("export", "--bundle", "--approved-by", "li.zhu", *ruled, str(agreed))
    about = json.loads((agreed / "bundle.json").read_text("utf-8"))
    assert about["approved_by"].startswith("person:")
    with sqlite3.connect(command.data / "visavis.sqlite3") as connection:
        *_, (detail,) = connection.execute("SELECT detail FROM audit WHERE action = 'recording.export' ORDER BY seq")
    connection.close()
    assert json.loads(detail)["approved_by"] == about["approved_by"]
    (folder / "key.json").unlink()
    result = command("verify", str(folder))
    assert result.code == 1
    assert "BROKEN    key.json" in result.out
    again = command(*exporting)
    assert again.code == 1
    assert "is not empty" in again.err
    assert command("verify", str(tmp_path)).code == 2
    for wrong in (("--wished-by", "Wang Wei"), ("--purpose", "curiosity"), ("--leave-free-mb", "x")):
        assert command("export", "--bundle", *wrong, SESSION, str(tmp_path / "x")).code == 2
    full = command("export", "--bundle", "--leave-free-mb", "999999999", SESSION, str(tmp_path / "y"))
    assert full.code == 1
    assert "too little room on the disk" in full.err
    (command.data / "keys" / "signing.key").chmod(0o644)
    assert "chmod 600" in command("export", "--bundle", SESSION, str(tmp_path / "z")).err


def test_a_viewing_copy_is_made_and_audited(command: Command, tmp_path: Path) -> None:
    asyncio.run(recorded(command.data))
    file = tmp_path / "look.mp4"
    made = command.good("export", "--viewing-copy", "--no-screen", "--viewer", "Li Zhu", SESSION, str(file))
    assert (made["file"], made["left_out"], made["redactions"], made["statement"]) == (str(file), 0, 0, None)
    assert made["screen"] == "The customer's screen was left out of this copy on request."
    assert made["bytes"] == file.stat().st_size > 10_000
    assert command("export", "--viewing-copy", SESSION, str(file)).code == 1
    assert command("export", "--viewing-copy", "--bundle", SESSION, str(tmp_path / "x")).code == 1
    with sqlite3.connect(command.data / "visavis.sqlite3") as connection:
        details = [row[0] for row in connection.execute("SELECT detail FROM audit WHERE action = 'recording.export'")]
    connection.close()
    assert json.loads(details[0]) == {"viewing_copy": True}
    assert "Li Zhu" not in "".join(details)


def test_a_redacted_copy_is_audited_with_the_hash_of_its_list(command: Command, tmp_path: Path) -> None:
    asyncio.run(recorded(command.data))
    file, redaction = tmp_path / "look.mp4", tmp_path / "redaction.json"
    told: dict[str, Any] = {"format": "visavis.redaction.v1", "session": SESSION}
    hidden = {"track": "kiosk.microphone", "from_ms": 1500, "to_ms": 1800, "reason": "a card number"}
    options = ("export", "--viewing-copy", "--no-screen", "--redact", str(redaction))
    for wrong, why in (
        ({**told, "intervals": [{**hidden, "track": "nobody.camera"}]}, "the session has no nobody.camera"),
        ({**told, "intervals": [{**hidden, "to": 3}]}, "unknown field `to`"),
        ({**told, "format": "?", "intervals": [hidden]}, "format: visavis.redaction.v1 is expected"),
    ):
        redaction.write_text(json.dumps(wrong), encoding="utf-8")
        refused = command(*options, SESSION, str(file))
        assert (refused.code, why in refused.err) == (1, True), refused.err
        assert not list(tmp_path.glob("look*"))
    redaction.write_text(json.dumps({**told, "intervals": [hidden]}), encoding="utf-8")
    assert command("export", "--redact", str(redaction), SESSION, str(tmp_path / "x")).code == 1
    made = command.good(*options, SESSION, str(file))
    assert (made["redactions"], made["statement"]) == (1, f"{file}.redactions.json")
    with sqlite3.connect(command.data / "visavis.sqlite3") as connection:
        details = [row[0] for row in connection.execute("SELECT detail FROM audit WHERE action = 'recording.export'")]
    connection.close()
    assert json.loads(details[-1]) == {"viewing_copy": True, "redactions": 1, "redacted": made["redacted"]}
    assert "card number" not in "".join(details)
