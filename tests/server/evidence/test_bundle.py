"""An evidence bundle of a really recorded session, and the verifier that lies in it, on a machine without Visavis."""

from __future__ import annotations

import asyncio
import html
import json
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import cryptography
import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from server.blobs.blobs import Blobs
from server.blobs.vault import NoKey
from server.evidence import bundle, bundle_verifier
from server.evidence.bundle import BundleMade, export_bundle
from server.evidence.bundle_report import Origin
from server.evidence.bundle_verifier import BundleReport, check_bundle
from server.evidence.signing import load_signer, public_pem
from server.journal.signing_key import SigningKey, SigningKeyError
from server.recording_notice import RecordingNotice
from server.session import events as e
from server.session.private import sealed
from server.store.sessions import Projection
from tests.server.evidence.recorded import SESSION, STARTED_US, Archive, record, requested

SECRET = bytes(range(100, 132))
SIGNER = SigningKey(SECRET)
NOTICE = RecordingNotice()
ORIGIN = Origin("cli:somebody", "person:p9", "court")


async def made(archive: Archive, folder: Path, *, session: str = SESSION, **more: Any) -> BundleMade:
    parts: dict[str, Any] = {"journal": archive.journal, "blobs": archive.blobs, "vault": archive.vault}
    return await export_bundle(session, folder, **parts, **{"origin": ORIGIN, "notice": NOTICE, **more})


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A signed bundle of a recorded session, not to be changed."""
    folder = tmp_path_factory.mktemp("bundle")

    async def make() -> None:
        async with Archive.opened(folder) as archive:
            await record(archive)
            key = await archive.vault.open(SESSION)
            await archive.add(SESSION, 9000, sealed(e.NoteSaved("写给法庭 {by} <i>"), key))
            await made(archive, folder / "made", signer=SIGNER)

    asyncio.run(make())
    return folder / "made"


@pytest.fixture
def copied(signed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(signed, tmp_path / "copy"))


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    async with Archive.opened(tmp_path) as opened:
        await record(opened)
        yield opened


def places(report: BundleReport) -> list[str]:
    return [found["where"] for found in report.findings]


def alone(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The bundle's own verifier, isolated, with `cryptography` and nothing else beside the standard library."""
    packages = Path(cryptography.__file__).parents[1]
    wanted = ("cryptography", "cffi", "_cffi_backend")
    elsewhere = folder.parent / "packages"
    elsewhere.mkdir(exist_ok=True)
    for path in packages.iterdir():
        if path.name.split(".")[0] in wanted and not (elsewhere / path.name).exists():
            (elsewhere / path.name).symlink_to(path)
    begin = (
        "import runpy, sys; sys.path[:] = [p for p in sys.path if 'site-packages' not in p] + [sys.argv[1]]; "
        "sys.argv = sys.argv[2:]; code = 0\n"
        "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "except SystemExit as ended: code = ended.code\n"
        "known = {name.partition('.')[0] for name in sys.modules}\n"
        "ours = known & {'server', 'link', 'web', 'msgspec', 'aiohttp', 'zstandard'}\n"
        "print('imported', sorted(ours), file=sys.stderr); sys.exit(code)"
    )
    command = [sys.executable, "-I", "-S", "-c", begin, str(elsewhere), str(folder / "verify.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd="/", check=False)


def test_the_bundles_own_verifier_needs_nothing_of_ours(signed: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(signed, tmp_path / "copy"))
    result = alone(copy)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.splitlines()[-1] == "verdict   sound"
    assert result.stderr.splitlines()[-1] == "imported []"
    told = json.loads(alone(copy, str(copy), "--json").stdout)
    assert (told["session"], told["verdict"], told["findings"]) == (SESSION, "sound", [])
    assert told["segments"] >= 17
    assert told["documents"] == 1
    assert told["signature"] == SIGNER.public.hex()
    victim = next((copy / "tracks" / "kiosk.camera").iterdir())
    victim.write_bytes(victim.read_bytes()[:-1])
    result = alone(copy)
    assert result.returncode == 1
    assert "BROKEN    kiosk.camera segment" in result.stdout
    assert f"BROKEN    {victim.relative_to(copy).as_posix()}: its SHA-256" in result.stdout
    assert alone(copy, str(tmp_path)).returncode == 2


def test_coreutils_and_openssl_say_the_same(signed: Path) -> None:
    """Nobody needs to believe our verifier: hashes and signature are of standard tools' own forms."""
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=signed, capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here")
    command = "openssl pkeyutl -verify -pubin -inkey signing.pub -rawin -in SHA256SUMS -sigfile SHA256SUMS.sig"
    assert command in (signed / "README.txt").read_text("utf-8")
    assert subprocess.run(command.split(), cwd=signed, capture_output=True, check=False).returncode == 0


def files(folder: Path) -> Iterator[str]:
    return (path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file())


def test_one_flipped_byte_in_any_file_is_found_and_named(copied: Path) -> None:
    """At the first, the middle and the last byte of every file, and of the short ones at every seventh."""
    names = list(files(copied))
    assert len(names) > 25
    for name in names:
        path = copied / name
        data = path.read_bytes()
        spots = {0, len(data) // 2, len(data) - 1} | set(range(0, len(data) if len(data) < 200 else 0, 7))
        for at in sorted(spots):
            path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            report = check_bundle(copied)
            assert report.exit_code == 1, f"{name} at {at}"
            assert name in places(report), f"{name} at {at}: {places(report)}"
        path.write_bytes(data)
    assert check_bundle(copied).exit_code == 0


def test_a_flip_anywhere_in_an_unsigned_list_is_named_too(copied: Path) -> None:
    (copied / bundle_verifier.SIGNATURE).unlink()
    (copied / bundle_verifier.PUBLIC_KEY).unlink()
    sums = copied / bundle_verifier.SUMS
    lines = [line for line in sums.read_text().splitlines(keepends=True) if "signing.pub" not in line]
    data = resealed(lines[:-1])
    sums.write_bytes(data)
    assert check_bundle(copied).exit_code == 0
    for at in range(0, len(data), 131):
        sums.write_bytes(data[:at] + bytes([data[at] ^ 2]) + data[at + 1 :])
        assert bundle_verifier.SUMS in places(check_bundle(copied)), at


def resealed(lines: list[str]) -> bytes:
    """SHA256SUMS as somebody makes it who knows the format."""
    import hashlib

    body = "".join(lines).encode()
    return body + bundle.SUMS_TRAILER + hashlib.sha256(body).hexdigest().encode() + b"\n"


def listed_anew(folder: Path) -> None:
    """Give the changed bundle a list that fits it, as whoever changed it would; without the key it is not signed."""
    import hashlib

    first = (folder / bundle_verifier.SUMS).read_text().splitlines(keepends=True)[0]
    (folder / bundle_verifier.SIGNATURE).unlink(missing_ok=True)
    (folder / bundle_verifier.PUBLIC_KEY).unlink(missing_ok=True)
    names = [name for name in files(folder) if name != bundle_verifier.SUMS]
    sums = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (folder / bundle_verifier.SUMS).write_bytes(resealed([first, *sums]))


@pytest.mark.parametrize(
    ("attack", "where"),
    [
        ("swap", "kiosk.camera segment 0"),
        ("drop", "kiosk.camera segment 1"),
        ("add", "tracks/kiosk.camera/000099"),
        ("document", "document d1"),
        ("entry", "journal seq 5"),
        ("cut", "journal seq"),
        ("drop entry", "journal seq 5"),
        ("key", "key.json"),
        ("no key", "key.json"),
        ("wrong key", "kiosk.camera segment 0"),
        ("statement", "statement.json"),
        ("state", "bundle.json"),
        ("notice", "notice.txt"),
        ("link", "kiosk.camera segment 1"),
        ("rubbish", "journal seq 7"),
    ],
)
def test_who_changes_a_bundle_and_its_list_is_found_all_the_same(copied: Path, attack: str, where: str) -> None:
    camera = copied / "tracks" / "kiosk.camera"
    journal, key = copied / "journal.jsonl", copied / "key.json"
    lines = journal.read_text("utf-8").splitlines(keepends=True)
    match attack:
        case "swap":
            one, two = (camera / "000000").read_bytes(), (camera / "000001").read_bytes()
            (camera / "000000").write_bytes(two)
            (camera / "000001").write_bytes(one)
        case "drop":
            (camera / "000001").unlink()
        case "add":
            (camera / "000099").write_bytes(b"more")
        case "document":
            path = copied / "documents" / "d1-0000-original"
            path.write_bytes(path.read_bytes()[:-1])
        case "entry":
            journal.write_text("".join([*lines[:4], lines[4].replace('"at_us": 1', '"at_us": 2'), *lines[5:]]), "utf-8")
        case "cut":
            journal.write_text("".join(lines[:-2]), "utf-8")
        case "drop entry":
            journal.write_text("".join(lines[:4] + lines[5:]), "utf-8")
        case "key":
            key.write_text(key.read_text("utf-8").replace(SESSION, "another"), "utf-8")
        case "no key":
            key.unlink()
        case "wrong key":
            told = json.loads(key.read_text("utf-8"))
            key.write_text(json.dumps({**told, "data_key": "00" * 32}))
        case "statement":
            path = copied / "statement.json"
            path.write_text(path.read_text("utf-8").replace('"recorded_ms": ', '"recorded_ms": 1'), "utf-8")
        case "state":
            path = copied / "bundle.json"
            path.write_text(path.read_text("utf-8").replace('"closed"', '"running"'), "utf-8")
        case "notice":
            (copied / "notice.txt").write_text("another")
        case "link":
            (camera / "000001").unlink()
            (camera / "000001").symlink_to("/etc/passwd")
        case "rubbish":
            journal.write_bytes(
                b"".join(line.encode() if n != 6 else b'{"seq":[[' + b"\xff\n" for n, line in enumerate(lines))
            )
    if attack == "notice":
        (copied / "notice.txt").write_text("another")
    listed_anew(copied)
    report = check_bundle(copied)
    assert report.exit_code == 1
    assert any(place.startswith(where) for place in places(report)), places(report)


def test_a_list_that_leads_out_of_the_bundle_is_not_followed(copied: Path) -> None:
    sums = copied / bundle_verifier.SUMS
    lines = sums.read_text().splitlines(keepends=True)[:-1]
    for name in ("../secret", "/etc/passwd", "tracks/../../secret"):
        sums.write_bytes(resealed([*lines, f"{'0' * 64}  {name}\n"]))
        found = [found["problem"] for found in check_bundle(copied).findings if found["where"] == bundle_verifier.SUMS]
        assert any("no file of a bundle" in problem for problem in found), name


def test_the_signature_is_of_the_key_that_one_has_from_elsewhere(copied: Path, tmp_path: Path) -> None:
    other = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    report = check_bundle(copied, [other, SIGNER.public])
    assert (report.exit_code, report.signature) == (0, SIGNER.public.hex())
    assert places(check_bundle(copied, [other])) == [bundle_verifier.SIGNATURE]
    # Who makes the whole bundle anew signs it with another key, or not at all.
    listed_anew(copied)
    assert check_bundle(copied).exit_code == 0
    assert places(check_bundle(copied, [SIGNER.public])) == [bundle_verifier.SIGNATURE]


def test_the_key_is_given_in_any_form(signed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    public, file = SIGNER.public, tmp_path / "key"
    assert bundle_verifier.main([str(signed), "--key", public.hex()]) == 0
    for told in (public_pem(public), public, public.hex().encode() + b"\n"):
        file.write_bytes(told)
        assert bundle_verifier.main([str(signed), "--key", str(file)]) == 0
    assert bundle_verifier.main([str(signed), "--key", "00" * 32]) == 1
    file.write_bytes(b"no key at all")
    for wrong in (str(file), str(tmp_path / "nothing"), "00"):
        with pytest.raises(SystemExit) as ended:
            bundle_verifier.main([str(signed), "--key", wrong])
        assert ended.value.code == 2
    assert "is no Ed25519 public key" in capsys.readouterr().err


def test_the_signing_key_is_a_file_for_its_account_only(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "signing.key"
    assert load_signer(path) is None
    path.parent.mkdir()
    path.write_bytes(SECRET)
    path.chmod(0o644)
    with pytest.raises(SigningKeyError, match="0644"):
        load_signer(path)
    path.chmod(0o600)
    signer = load_signer(path)
    assert signer is not None
    assert signer.public == SIGNER.public
    path.write_bytes(SECRET[:-1])
    with pytest.raises(SigningKeyError, match="31 bytes"):
        load_signer(path)


async def test_what_is_stored_is_in_the_bundle_byte_for_byte(archive: Archive, tmp_path: Path) -> None:
    folder, heard = tmp_path / "made", []
    result = await made(archive, folder, progress=lambda done, total: heard.append((done, total)))
    assert (result.verdict, result.missing, result.signature) == ("sound", (), "")
    root = archive.folder / "blobs" / "sessions" / SESSION
    stored = {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert len(stored) == result.segments + 2 * result.documents
    assert {name: (folder / name).read_bytes() for name in stored} == stored
    entries = await archive.journal.read(SESSION)
    lines = [json.loads(line) for line in (folder / "journal.jsonl").read_text("utf-8").splitlines()]
    assert [line["payload"].encode() for line in lines] == [entry.payload for entry in entries]
    key = await archive.vault.open(SESSION)
    told = json.loads((folder / "key.json").read_text("utf-8"))
    assert (told["data_key"], told["suite"]) == (key.secret.hex(), "aes-256-gcm")
    assert "keep the recording" in told["warning"]
    pieces = result.segments + result.documents
    assert heard[-1] == (2 * pieces, 2 * pieces)
    assert [done for done, _ in heard] == sorted(done for done, _ in heard)
    about = json.loads((folder / "bundle.json").read_text("utf-8"))
    assert (about["made_by"], about["wished_by"], about["purpose"]) == ("cli:somebody", "person:p9", "court")
    assert "signature none" in check_bundle(folder).as_text()
    with pytest.raises(FileExistsError):
        await made(archive, folder)
    with pytest.raises(LookupError):
        await made(archive, tmp_path / "other", session="nobody")
    await archive.vault.destroy(SESSION)
    with pytest.raises(NoKey):
        await made(archive, tmp_path / "third")
    assert not (tmp_path / "third").exists()


async def test_sm4(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Archive.opened(tmp_path, "sm4-gcm") as archive:
        await record(archive, seconds=2)
        assert (await made(archive, tmp_path / "made")).verdict == "sound"
    victim = tmp_path / "made" / "tracks" / "cobrowse" / "000000"
    data = victim.read_bytes()
    victim.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert "cobrowse segment 0" in places(check_bundle(tmp_path / "made"))
    victim.write_bytes(data)

    def missing(*_: object) -> Any:
        raise UnsupportedAlgorithm("no SM4")

    monkeypatch.setattr(bundle_verifier, "_sm4_gcm", missing)
    report = check_bundle(tmp_path / "made")
    assert (report.exit_code, report.findings) == (2, [])
    assert "has no SM4" in report.as_text()


async def test_damage_and_loss_are_in_the_bundle_as_they_are(archive: Archive, tmp_path: Path) -> None:
    root = archive.folder / "blobs" / "sessions" / SESSION
    (root / "tracks/kiosk.camera/000001").unlink()
    damaged = root / "tracks/kiosk.microphone/000000"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    result = await made(archive, tmp_path / "made")
    assert (result.verdict, result.missing) == ("broken", ("tracks/kiosk.camera/000001",))
    assert (tmp_path / "made/tracks/kiosk.microphone/000000").read_bytes() == damaged.read_bytes()
    report = check_bundle(tmp_path / "made")
    assert places(report) == ["kiosk.camera segment 1", "kiosk.microphone segment 0"]
    assert "it was when the bundle was made" in report.findings[0]["problem"]
    page = (tmp_path / "made" / "report.html").read_text("utf-8")
    assert page.count("kiosk.microphone segment 0") == 2, "once in each language"


async def test_a_call_that_nobody_answered_has_a_bundle_without_key(tmp_path: Path) -> None:
    async with Archive.opened(tmp_path) as archive:
        event, row = requested("s-left")
        await archive.add("s-left", 0, event, projection=row)
        await archive.add("s-left", 5000, e.Ended("kiosk", "left"), e.Closed(), projection=Projection(state="closed"))
        assert (await made(archive, tmp_path / "made", session="s-left")).verdict == "sound"
    assert not (tmp_path / "made" / "key.json").exists()
    assert check_bundle(tmp_path / "made").exit_code == 0
    page = (tmp_path / "made" / "report.html").read_text("utf-8")
    assert "日志中没有客户同意录音录像的记录" in page


@pytest.mark.parametrize("stopped_after", [0, 3, 12, 18])
async def test_an_interrupted_bundle_goes_on(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped_after: int
) -> None:
    """What is there is not read from the store again, and what was spoiled meanwhile is."""
    asked: list[str] = []
    real = Blobs.get

    async def get(blobs: Blobs, name: str) -> bytes:
        if len(asked) == stopped_after:
            raise KeyboardInterrupt
        asked.append(name)
        return await real(blobs, name)

    folder = tmp_path / "made"
    with monkeypatch.context() as killed:
        killed.setattr(Blobs, "get", get)
        with pytest.raises(KeyboardInterrupt):
            await made(archive, folder)
    assert not (folder / "SHA256SUMS").exists()
    assert not list(folder.rglob("*.part"))
    assert check_bundle(folder).exit_code != 0
    spoiled = sorted(folder.glob("tracks/*/*"))[:1]
    for path in spoiled:
        path.write_bytes(b"")
    again: list[str] = []

    async def count(blobs: Blobs, name: str) -> bytes:
        again.append(name)
        return await real(blobs, name)

    monkeypatch.setattr(Blobs, "get", count)
    assert (await made(archive, folder)).verdict == "sound"
    assert len(again) == len(set(again)) == stored(archive) - stopped_after + len(spoiled)
    assert not (folder / ".unfinished").exists()
    assert check_bundle(folder).exit_code == 0


def stored(archive: Archive) -> int:
    return sum(path.is_file() for path in (archive.folder / "blobs").rglob("*"))


async def test_a_bundle_of_a_running_call_says_so_and_goes_on_with_what_came(tmp_path: Path) -> None:
    async with Archive.opened(tmp_path) as archive:
        await record(archive, finished=False)
        (tmp_path / "made" / "tracks").mkdir(parents=True)
        (tmp_path / "made" / ".unfinished").write_text(f"{SESSION} {'0' * 64}\n")
        (tmp_path / "made" / "report.html").write_text("of an earlier state")
        assert (await made(archive, tmp_path / "made")).verdict == "sound"
    report = check_bundle(tmp_path / "made")
    assert (report.verdict, report.running) == ("sound", True)
    assert "still running" in report.as_text()
    assert "制作证据包时通话尚未结束" in (tmp_path / "made" / "report.html").read_text("utf-8")


def test_the_report_tells_all_of_it_in_both_languages(signed: Path) -> None:
    page = (signed / "report.html").read_text("utf-8")
    zh, en = page.split('<section id="en" lang="en">')
    for text, words in (
        (
            zh,
            (
                "完好",
                "城中支行",
                "客户同意录音录像（告知书版本 2026-01）",
                "Chen Jing 接听",
                "身份证",
                "已确认",
                "缺失",
                "未收到音视频",
                "诉讼或仲裁",
            ),
        ),
        (
            en,
            (
                "Sound:",
                "Downtown",
                "The customer agreed to be recorded",
                "Chen Jing answered",
                "Identity card",
                "accepted",
                "Missing",
                "Nothing was received",
                "Court or arbitration",
            ),
        ),
    ):
        for word in words:
            assert word in text, word
        assert SIGNER.public.hex() in text
        assert "person:p9" in text
    assert "请把证件放到摄像头下 &lt;b&gt;" in page
    assert "<b>" not in page
    assert not re.search(r"(?:src|href)=\"(?!#)", page), "nothing from elsewhere"
    assert "default-src 'none'" in html.unescape(page)
    assert "@media print" in page
    assert "<script" not in page


async def test_the_notice_is_in_it_where_it_is_the_one_agreed_to(tmp_path: Path) -> None:
    from link.protocol.values import Language

    async with Archive.opened(tmp_path) as archive:
        first, row = requested("s-agreed")
        consent = e.ConsentGiven(NOTICE.notice.version, "en", NOTICE.sha256(Language.EN))
        await archive.add("s-agreed", 0, first, consent, projection=row)
        await made(archive, tmp_path / "made", session="s-agreed")
        await made(archive, tmp_path / "unknown", session="s-agreed", notice=None)
    assert (tmp_path / "made" / "notice.txt").read_text("utf-8") == NOTICE.notice.text_en
    assert NOTICE.notice.text_en in html.unescape((tmp_path / "made" / "report.html").read_text("utf-8"))
    assert check_bundle(tmp_path / "made").exit_code == 0
    assert not (tmp_path / "unknown" / "notice.txt").exists()
    (tmp_path / "made" / "notice.txt").write_text("another")
    assert "notice.txt" in places(check_bundle(tmp_path / "made"))


def test_the_session_begins_when_it_did(signed: Path) -> None:
    lines = [json.loads(line) for line in (signed / "journal.jsonl").read_text("utf-8").splitlines()]
    assert lines[0]["at_us"] == STARTED_US
