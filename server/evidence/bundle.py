"""`visavis export --bundle SESSION DIR`: a session as it is stored, for a court or whoever checks it without Visavis.

The encrypted segments and documents byte for byte, the journal, the session's data key, the completeness statement, a
report in Chinese and English for printing, the verifier, `SHA256SUMS` over everything and, where the site has a signing
key, a signature of that. docs/evidence.md has the format. The bundle is whole when it has a `SHA256SUMS`.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from link.protocol.values import Language
from link.version import version
from server.blobs.blobs import Blobs, Missing
from server.blobs.vault import SessionKey, Vault
from server.evidence import bundle_verifier as verifier
from server.evidence.bundle_readme import README
from server.evidence.bundle_report import Origin, write_report
from server.evidence.bundle_verifier import BundleReport, check_contents
from server.evidence.export import Progress, journal_line
from server.evidence.output import OutputFolder
from server.evidence.signing import Signer, public_pem
from server.evidence.survey import Survey, survey, told
from server.journal import Journal
from server.recording_notice import RecordingNotice
from server.session import events as e
from server.store.stamps import now_us

KEPT: Final = ("tracks", "documents")
"""Folders whose files never change, so that an interrupted bundle of a running call keeps them."""
ROOM_BYTES: Final = 4 << 20
"""For journal, lists and report beside what is copied."""
SUMS_TRAILER: Final = b"# SHA-256 of the lines above: "
KEY_WARNING: Final = (
    "This key opens this session's recording and nothing else. Whoever has the bundle can see and hear it: keep it as "
    "you keep the recording. 本密钥只能打开本次会话的录音录像。持有本证据包即可观看全部内容，请按录音录像同等要求保管。"
)


@dataclass(frozen=True, slots=True)
class BundleMade:
    """A finished bundle: where it is, how it was found, and what of it cannot be had."""

    folder: Path
    session: str
    verdict: str
    segments: int
    documents: int
    bytes: int
    signature: str
    missing: tuple[str, ...]


@dataclass(slots=True)
class _Making:
    """A bundle that is being made."""

    found: Survey
    output: OutputFolder
    sums: IO[bytes]
    progress: Progress | None
    digest: Any = field(default_factory=hashlib.sha256)
    done: int = 0
    missing: list[str] = field(default_factory=list)
    counted: dict[str, dict[str, int]] = field(default_factory=dict)
    gaps: list[dict[str, object]] = field(default_factory=list)
    stated: list[dict[str, object]] | None = None
    kinds: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)
    consent: e.ConsentGiven | None = None

    def line(self, text: bytes) -> None:
        """A line of SHA256SUMS."""
        self.sums.write(text)
        self.digest.update(text)

    def write(self, name: str, data: bytes) -> None:
        """A file, and its line of SHA256SUMS."""
        self.output.write(name, data)
        self.line(f"{hashlib.sha256(data).hexdigest()}  {name}\n".encode())

    def listed(self, name: str) -> None:
        """The line of a file that is written."""
        self.line(f"{self.output.sha256(name)}  {name}\n".encode())

    def step(self, done: int) -> None:
        """So many pieces are written or, after all of them, checked."""
        if self.progress is not None:
            self.progress(done, 2 * self.found.pieces)


async def export_bundle(
    session: str,
    folder: Path,
    *,
    journal: Journal,
    blobs: Blobs,
    vault: Vault,
    origin: Origin,
    signer: Signer | None = None,
    notice: RecordingNotice | None = None,
    progress: Progress | None = None,
    leave_free_bytes: int = 0,
) -> BundleMade:
    """Write the evidence bundle of a session into `folder`, made if needed.

    A folder in which a bundle of this session was interrupted is gone on with. `notice` is the notice in force: its
    text is in the bundle where the customer agreed to this very one. What is missing in the store is missing in the
    bundle, which says so; what is damaged is in it as it is.

    Raises:
        FileExistsError: the folder has something else in it.
        LookupError: there is no such session.
        NoKey, Broken: there is no key to put into it, or the journal cannot be read.
        NotWritten: the disk is full, or fails; what was written so far is whole.
        NoRoom: it would not fit, or leave less than `leave_free_bytes`.
    """
    found = await survey(journal, session)
    key = await vault.open(session) if found.keyed else None
    output = await asyncio.to_thread(OutputFolder, folder, session, found.head, keep=KEPT)
    await asyncio.to_thread(output.check_room, found.bytes + ROOM_BYTES, leave_free_bytes)
    with output.whole(verifier.SUMS) as sums:
        making = _Making(found, output, sums, progress)
        making.line(f"# {verifier.FORMAT} {session} {found.head}\n".encode())
        await _copy(making, journal, blobs)
        await asyncio.to_thread(_describe, making, key, origin, signer, notice)
        report = await asyncio.to_thread(_check, making)
        with output.whole("report.html") as page:
            await write_report(
                page, journal, found, report, key=key, origin=origin, gaps=making.gaps, counted=making.counted,
                stated=making.stated, notice=_agreed(making.consent, notice),
                signed_by="" if signer is None else signer.public.hex(),
            )  # fmt: skip
        making.listed("report.html")
        sums.write(SUMS_TRAILER + making.digest.hexdigest().encode() + b"\n")
    if signer is not None:
        listing = await asyncio.to_thread((folder / verifier.SUMS).read_bytes)
        output.write(verifier.SIGNATURE, signer.sign(listing))
    output.finish()
    return BundleMade(
        *(folder, session, report.verdict, report.segments, report.documents, report.bytes),
        *("" if signer is None else signer.public.hex(), tuple(making.missing)),
    )


async def _copy(making: _Making, journal: Journal, blobs: Blobs) -> None:
    """Write the journal, and copy what its entries name."""
    found = making.found
    with making.output.whole(verifier.JOURNAL) as lines:
        async for entry, event in told(journal, found.session, up_to=found.seq):
            lines.write(journal_line(entry))
            making.kinds.add(entry.kind)
            match event:
                case e.SegmentSealed():
                    _count(making, event.track, event.end_ms - event.start_ms - event.lost_ms, event.lost_ms, 1)
                    await _copy_blob(making, blobs, event.blob, event.sha256)
                    making.done += 1
                    making.step(making.done)
                case e.DocumentStored():
                    await _copy_blob(making, blobs, event.original_blob)
                    await _copy_blob(making, blobs, event.blob)
                    making.done += 1
                    making.step(making.done)
                case e.GapDeclared():
                    _count(making, event.track, 0, event.end_ms - event.start_ms, 0)
                    span = {"start_ms": event.start_ms, "end_ms": event.end_ms}
                    making.gaps.append({"track": event.track, **span, "reason": event.reason})
                case e.RecordingCompleted():
                    making.stated = json.loads(entry.payload).get("tracks", [])
                case e.ConsentGiven():
                    making.consent = event
                case _:
                    pass
    making.listed(verifier.JOURNAL)


def _count(making: _Making, track: str, recorded: int, gap: int, segments: int) -> None:
    sums = making.counted.setdefault(track, {"recorded_ms": 0, "gap_ms": 0, "segments": 0})
    for name, value in (("recorded_ms", recorded), ("gap_ms", gap), ("segments", segments)):
        sums[name] += value


async def _copy_blob(making: _Making, blobs: Blobs, blob: str, sha256: str = "") -> None:
    """Copy a blob as it is, unless it was copied before; `sha256` is the journaled one, where there is one."""
    prefix = f"sessions/{making.found.session}/"
    name = blob[len(prefix) :]
    if name in making.named:
        return
    making.named.add(name)
    try:
        if not blob.startswith(prefix):
            raise Missing(blob)
        if making.output.has(name):
            known = await asyncio.to_thread(making.output.sha256, name)
            if not sha256 or known == sha256:
                making.line(f"{known}  {name}\n".encode())
                return
        data = await blobs.get(blob)
    except (Missing, ValueError):
        making.missing.append(name)
        return
    await asyncio.to_thread(making.write, name, data)


def _describe(
    making: _Making, key: SessionKey | None, origin: Origin, signer: Signer | None, notice: RecordingNotice | None
) -> None:
    """Write the files that say what the others are."""
    found = making.found
    state = "closed" if "closed" in making.kinds else "ended" if "ended" in making.kinds else "running"
    bundle = {
        "format": verifier.FORMAT,
        "session": found.session,
        "state": state,
        "journal": {"entries": found.seq, "head": found.head},
        "segments": found.segments,
        "documents": len(found.documents),
        "missing": making.missing,
        "made_at_us": now_us(),
        "made_by": origin.by,
        "wished_by": origin.wished_by,
        "approved_by": origin.approved_by,
        "purpose": origin.purpose,
        "software": f"visavis {version()}",
    }
    making.write(verifier.BUNDLE, _json(bundle))
    statement = {"stated": making.stated, "counted": making.counted, "gaps": making.gaps}
    making.write(verifier.STATEMENT, _json(statement))
    if key is not None:
        told_key = {"warning": KEY_WARNING, "session": found.session, "suite": key.suite.name}
        making.write(verifier.KEY, _json({**told_key, "data_key": key.secret.hex()}))
    text = _agreed(making.consent, notice)
    if text:
        making.write(verifier.NOTICE, text.encode())
    if signer is not None:
        making.write(verifier.PUBLIC_KEY, public_pem(signer.public))
    making.write("verify.py", Path(verifier.__file__).read_bytes())
    making.write("README.txt", README.encode())


def _agreed(consent: e.ConsentGiven | None, notice: RecordingNotice | None) -> str:
    """The text that the customer agreed to, where it is the one in force; else empty."""
    if consent is None or notice is None:
        return ""
    texts = {Language.ZH: notice.notice.text_zh, Language.EN: notice.notice.text_en}
    return next((text for language, text in texts.items() if notice.sha256(language) == consent.text_sha256), "")


def _check(making: _Making) -> BundleReport:
    """Check what was written, by the verifier that lies in the bundle."""
    report = BundleReport(str(making.output.path))

    def step(done: int) -> None:
        making.step(making.found.pieces + done)

    check_contents(making.output.path, report, step)
    return report


def _json(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()
