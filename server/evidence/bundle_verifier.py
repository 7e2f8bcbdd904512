"""Checks an evidence bundle of Visavis on any machine: this one file, Python 3.9 or newer, and `cryptography`.

    python3 verify.py [BUNDLE] [--key KEY] [--json]

BUNDLE is the directory that this file lies in, unless another is named. `--key` is the site's public signing key as it
was got from elsewhere (64 hexadecimal digits, or a file with these, with PEM or with 32 bytes): without it a signature
only shows that the bundle is of one piece. What is checked, and the formats, are in docs/evidence.md. It is one file
so that one file is all that anybody has to trust, to read and to carry to another machine.

Exit code 0: sound. 1: broken, and every broken place is named. 2: it cannot be checked here.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import json
import os
import re
import struct
import sys
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

try:
    from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF
except ImportError:
    sys.stderr.write(
        "verify: the Python package `cryptography` is needed, and is not here (pip install cryptography)\n"
    )
    raise SystemExit(2) from None

FORMAT = "visavis.bundle.v1"
BUNDLE, JOURNAL, KEY, STATEMENT, NOTICE = "bundle.json", "journal.jsonl", "key.json", "statement.json", "notice.txt"
SUMS, SIGNATURE, PUBLIC_KEY = "SHA256SUMS", "SHA256SUMS.sig", "signing.pub"
SOUND, BROKEN, UNUSABLE = "sound", "broken", "unusable"
EXIT_CODES = {SOUND: 0, BROKEN: 1, UNUSABLE: 2}
SCREEN = "cobrowse"

READ_BYTES = 1 << 20
MOST_BYTES = 64 << 20
"""Of one file that is read whole; segments and documents are far smaller."""
HEADER_BYTES, TAG_BYTES, CHUNK_BYTES, FINAL = 24, 16, 1 << 20, 1 << 31
_SUM = re.compile(rb"([0-9a-f]{64})  ([!-~]{1,1000})")
_TRAILER = b"# SHA-256 of the lines above: "
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}(/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}){0,7}")
_WRITTEN = ("chat_sent", "note_saved", "document_requested", "document_decided", "disposed")
"""Kinds of entries that may hold, sealed, what somebody wrote."""


class BundleFault(Exception):
    """Something is not as it must be; the message says what."""


class BundleReport:
    """What a check found. `signature` is the public key that signed it (hex), empty where it is not signed."""

    def __init__(self, bundle: str) -> None:
        self.bundle = bundle
        self.session = ""
        self.running = False
        self.entries = self.segments = self.documents = self.bytes = 0
        self.head = ""
        self.signature = ""
        self.findings: list[dict[str, str]] = []
        self.obstacles: list[dict[str, str]] = []

    @property
    def verdict(self) -> str:
        """Sound, broken or unusable."""
        return BROKEN if self.findings else UNUSABLE if self.obstacles else SOUND

    @property
    def exit_code(self) -> int:
        """0 sound, 1 broken, 2 unusable."""
        return EXIT_CODES[self.verdict]

    def broken(self, where: str, problem: str) -> None:
        """Note a broken place; the same one twice is one."""
        found = {"where": where, "problem": problem}
        if found not in self.findings[-8:]:
            self.findings.append(found)

    def hindered(self, where: str, problem: str) -> None:
        """Note what cannot be checked on this machine."""
        found = {"where": where, "problem": problem}
        if found not in self.obstacles:
            self.obstacles.append(found)

    def as_json(self) -> str:
        """The report as one JSON object."""
        shown = {name: value for name, value in vars(self).items() if name not in ("findings", "obstacles")}
        return json.dumps(
            {**shown, "verdict": self.verdict, "findings": self.findings + self.obstacles}, ensure_ascii=False
        )

    def as_text(self) -> str:
        """The report for a person; the last line is the verdict."""
        signed = f"by the key {self.signature}" if self.signature else "none: who made this is not proved"
        lines = [
            f"bundle    {self.bundle}",
            f"session   {self.session or '-'}{' (still running when it was made)' if self.running else ''}",
            f"journal   {self.entries} entries, head {self.head or '-'}",
            f"recording {self.segments} segments, {self.documents} documents, {self.bytes} bytes",
            f"signature {signed}",
        ]
        lines += [f"BROKEN    {found['where']}: {found['problem']}" for found in self.findings]
        lines += [f"UNUSABLE  {found['where']}: {found['problem']}" for found in self.obstacles]
        return "\n".join([*lines, f"verdict   {self.verdict}"])


def check_bundle(folder: Path, trusted: Collection[bytes] = ()) -> BundleReport:
    """Check a whole bundle. Where there are `trusted` public keys (32 bytes), one of them must have signed it."""
    report = BundleReport(str(folder))
    if not (folder / BUNDLE).exists() and not (folder / SUMS).exists():
        report.hindered(str(folder), f"is no evidence bundle: there is no {SUMS}")
        return report
    check_contents(folder, report)
    check_listing(folder, report)
    check_signature(folder, report, trusted)
    return report


def check_listing(folder: Path, report: BundleReport) -> None:
    """Check that SHA256SUMS names exactly the files that are there, and that each has its hash."""
    try:
        lines = _sums(folder, report)
    except BundleFault as fault:
        report.broken(SUMS, str(fault))
        return
    listed = set()
    for number, line in lines:
        match = _SUM.fullmatch(line)
        if match is None:
            report.broken(SUMS, f"line {number} cannot be read")
            continue
        name = match[2].decode("ascii")
        if name in listed or not _NAME.fullmatch(name):
            report.broken(SUMS, f"line {number} names {name!r}, which is listed before or is no file of a bundle")
            continue
        listed.add(name)
        try:
            if _sha256(_inside(folder, name)) != match[1].decode("ascii"):
                report.broken(name, f"its SHA-256 is not the one in {SUMS}")
        except (OSError, BundleFault) as error:
            report.broken(name, _reason(error))
    for name in _files(folder):
        if name not in listed and name not in (SUMS, SIGNATURE):
            report.broken(name, f"is not listed in {SUMS}")


def _sums(folder: Path, report: BundleReport) -> Iterator[tuple[int, bytes]]:
    """The lines of SHA256SUMS with their numbers, after a look at its first and its last one."""
    raw = _bytes(folder, SUMS)
    body, mark, rest = raw.rpartition(_TRAILER)
    if not mark or rest != hashlib.sha256(body).hexdigest().encode() + b"\n":
        report.broken(SUMS, "its last line, the hash of those above it, does not fit")
        body = raw
    lines = body.split(b"\n")
    if lines[0] != f"# {FORMAT} {report.session} {report.head}".encode():
        report.broken(SUMS, "its first line does not name this session and the last hash of its journal")
    return ((number, line) for number, line in enumerate(lines, 1) if line and not line.startswith(b"#"))


def check_signature(folder: Path, report: BundleReport, trusted: Collection[bytes] = ()) -> None:
    """Check the signature over SHA256SUMS, and that it is of one of the `trusted` keys where there are any."""
    signed = (folder / SIGNATURE).exists()
    if not signed:
        if trusted or (folder / PUBLIC_KEY).exists():
            report.broken(SIGNATURE, "there is no signature")
        return
    try:
        public = _public_key(_bytes(folder, PUBLIC_KEY))
    except (BundleFault, ValueError, TypeError) as error:
        report.broken(PUBLIC_KEY, f"is no Ed25519 public key: {_reason(error)}")
        return
    try:
        public.verify(_bytes(folder, SIGNATURE), _bytes(folder, SUMS))
    except (InvalidSignature, BundleFault, ValueError):
        report.broken(SIGNATURE, f"is not the signature of {SUMS} by the key in {PUBLIC_KEY}")
        return
    report.signature = _raw(public).hex()
    if trusted and _raw(public) not in trusted:
        report.broken(SIGNATURE, "is of another key than the one that is trusted")


def _public_key(data: bytes) -> Ed25519PublicKey:
    """An Ed25519 key from PEM, 32 bytes or 64 hexadecimal digits. Raises `ValueError` or `TypeError`."""
    if data.lstrip().startswith(b"-----"):
        try:
            key = serialization.load_pem_public_key(data)
        except UnsupportedAlgorithm as error:
            raise ValueError(str(error)) from error
        if not isinstance(key, Ed25519PublicKey):
            raise TypeError("a key of another kind")
        return key
    if len(data) != 32:
        data = bytes.fromhex(data.decode("ascii").strip())
    return Ed25519PublicKey.from_public_bytes(data)


def _raw(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def check_contents(folder: Path, report: BundleReport, progress: Callable[[int], None] | None = None) -> None:
    """Check journal, segments, documents, texts and accounts. `progress` hears how many pieces are checked."""
    told = _Told(folder, report, progress)
    for seq, at_us, event in _journal(folder, report, told.session):
        told.take(seq, at_us, event)
    told.end()


def _journal(folder: Path, report: BundleReport, session: str) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Each entry that can be read: its number, its time and its event. Checks the chain (docs/evidence.md)."""
    previous: bytes | None = bytes(32)
    expected = 0
    try:
        with _inside(folder, JOURNAL).open("rb") as file:
            for line in file:
                expected += 1
                where = f"journal seq {expected}"
                try:
                    seq, at_us, kind, payload, prev, own = _entry(line)
                except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                    report.broken(where, f"its line in {JOURNAL} cannot be read")
                    previous = None  # nobody knows its hash: what the next one names is taken for it
                    continue
                computed = _entry_hash(session, seq, at_us, kind, payload, prev)
                if seq != expected or prev != (prev if previous is None else previous) or own != computed:
                    report.broken(where, "the hash chain is broken here")
                    expected = seq if seq > expected else expected
                previous = own
                report.entries, report.head = report.entries + 1, own.hex()
                try:
                    event = json.loads(payload)
                    if not isinstance(event, dict) or event.get("event") != kind:
                        raise ValueError("another kind")
                except (ValueError, RecursionError):
                    report.broken(where, f"what it holds is no entry of the kind {kind}")
                    continue
                yield expected, at_us, event
    except (OSError, BundleFault) as error:
        report.broken(JOURNAL, _reason(error))


def _entry(line: bytes) -> tuple[int, int, str, bytes, bytes, bytes]:
    fields = json.loads(line)
    encoded = fields.get("payload_base64")
    payload = fields["payload"].encode() if encoded is None else base64.b64decode(encoded, validate=True)
    seq, at_us, kind = fields["seq"], fields["at_us"], fields["kind"]
    if not (_whole(seq) and _whole(at_us) and isinstance(kind, str)):
        raise ValueError("a field is of another type")
    return seq, at_us, kind, payload, bytes.fromhex(fields["prev"]), bytes.fromhex(fields["hash"])


def _whole(value: object) -> bool:
    return type(value) is int and 0 <= value < 1 << 63


def _entry_hash(session: str, seq: int, at_us: int, kind: str, payload: bytes, prev: bytes) -> bytes:
    texts = (b"visavis.journal.v1", session.encode(), seq.to_bytes(8, "big"), at_us.to_bytes(8, "big"), kind.encode())
    state = hashlib.sha256()
    for field in (*texts, payload, prev):
        state.update(len(field).to_bytes(4, "big") + field)
    return state.digest()


class _Told:
    """What the journal tells, piece by piece, and what of it does not fit the files."""

    def __init__(self, folder: Path, report: BundleReport, progress: Callable[[int], None] | None) -> None:
        self.folder, self.report, self.progress = folder, report, progress
        self.bundle = self._json(BUNDLE)
        self.session = report.session = str(self.bundle.get("session", ""))
        if self.bundle.get("format") != FORMAT:
            report.broken(BUNDLE, f"does not say that it is of the format {FORMAT}")
        self.key = self._key() if (folder / KEY).exists() else None
        self.lacking = set(map(str, self.bundle.get("missing") or ()))
        self.named: set[str] = set()
        self.spans: dict[str, list[tuple[int, int, str]]] = {}
        self.awaited: dict[str, list[tuple[int, int]]] = {}
        self.sums: dict[str, list[int]] = {}
        self.statement: list[dict[str, Any]] | None = None
        self.kinds: set[str] = set()
        self.consent = ""
        self.last_seq = 0

    def take(self, seq: int, _at_us: int, event: dict[str, Any]) -> None:
        """The next event."""
        kind = str(event["event"])
        if seq == 1 and (kind != "session_requested" or event.get("session") != self.session):
            self.report.broken("journal seq 1", "the session does not begin with its request")
        self.last_seq = seq
        self.kinds.add(kind)
        try:
            if kind == "segment_sealed":
                self._segment(event)
            elif kind == "gap_declared":
                self._gap(event)
            elif kind == "media_awaited":
                span = int(event["start_ms"]), int(event["end_ms"])
                self.awaited.setdefault(str(event["track"]), []).append(span)
            elif kind == "document_stored":
                self._document(event)
            elif kind == "recording_completed":
                self.statement = list(event.get("tracks", ()))
            elif kind == "consent_given":
                self.consent = str(event["text_sha256"])
            if kind in _WRITTEN and event.get("sealed"):
                self._text(seq, kind, str(event["sealed"]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            self.report.broken(f"journal seq {seq}", f"lacks something of the kind {kind}: {error}")

    def end(self) -> None:
        """The journal has ended: look at what it adds up to."""
        report = self.report
        report.running = "ended" not in self.kinds
        self._head()
        if "closed" in self.kinds and "ended" in self.kinds and self.spans and self.statement is None:
            report.broken("journal", "the session is closed without a completeness statement")
        if self.statement is None:  # what is awaited may still come; with a statement it has come, or is a gap
            for track, holes in self.awaited.items():
                self.spans[track] = _with_awaited(self.spans.get(track, []), holes)
        for track, pieces in self.spans.items():
            self._check_spans(track, sorted(pieces))
        if self.statement is not None:
            self._check_statement(self.statement)
        self._check_statement_file()
        if (self.folder / NOTICE).exists():
            self._check_notice()
        if self.key is None and self.named and not (self.folder / KEY).exists():
            report.broken(KEY, "is missing: nothing of the recording can be opened")
        for name in _files(self.folder):
            if name.startswith(("tracks/", "documents/")) and name not in self.named:
                report.broken(name, "no entry of the journal names it")

    def _head(self) -> None:
        report = self.report
        said = self.bundle.get("journal")
        said = said if isinstance(said, dict) else {}
        if said.get("entries") != self.last_seq or said.get("head") != report.head:
            report.broken(f"journal seq {self.last_seq}", f"the journal does not end where {BUNDLE} says")
        state = "closed" if "closed" in self.kinds else "ended" if "ended" in self.kinds else "running"
        if self.bundle.get("state") != state:
            report.broken(BUNDLE, f"says the session is {self.bundle.get('state')}; by the journal it is {state}")

    def _segment(self, event: dict[str, Any]) -> None:
        track, index, lost = str(event["track"]), int(event["index"]), int(event.get("lost_ms", 0))
        start, end = int(event["start_ms"]), int(event["end_ms"])
        self.spans.setdefault(track, []).append((start, end, f"segment {index}"))
        sums = self.sums.setdefault(track, [0, 0, 0])
        sums[0] += end - start - lost
        sums[1] += lost
        sums[2] += 1
        self.report.segments += 1
        where = f"{track} segment {index}"
        blob = self._piece(where, str(event["blob"]))
        if blob is None:
            return
        if len(blob) != event["size"] or hashlib.sha256(blob).hexdigest() != event["sha256"]:
            self.report.broken(where, "it is not the journaled one: its size or SHA-256 is another")
        else:
            self._open(where, f"segment/{track}/{index}", blob, digest=str(event.get("digest", "")))

    def _gap(self, event: dict[str, Any]) -> None:
        track, start, end = str(event["track"]), int(event["start_ms"]), int(event["end_ms"])
        self.spans.setdefault(track, []).append((start, end, f"gap ({event['reason']})"))
        self.sums.setdefault(track, [0, 0, 0])[1] += end - start

    def _document(self, event: dict[str, Any]) -> None:
        self.report.documents += 1
        where = f"document {event['document']}"
        for field, sha256 in (("original_blob", event["sha256"]), ("blob", event["view_sha256"])):
            blob = self._piece(where, str(event[field]))
            if blob is None:
                continue
            name = str(event[field]).split("/", 2)[2]
            data = self._open(where, name, blob)
            if data is not None and hashlib.sha256(data).hexdigest() != sha256:
                self.report.broken(where, f"{name}: its contents are not the journaled ones")

    def _text(self, seq: int, kind: str, sealed: str) -> None:
        where = f"journal seq {seq}"
        try:
            self._open(where, f"journal/{kind}", base64.b64decode(sealed, validate=True))
        except binascii.Error:
            self.report.broken(where, "what was written in it cannot be read")

    def _piece(self, where: str, blob: str) -> bytes | None:
        """The file of a blob, which is named as in the store, without `sessions/SESSION/`."""
        prefix = f"sessions/{self.session}/"
        name = blob[len(prefix) :]
        if not blob.startswith(prefix) or not _NAME.fullmatch(name):
            self.report.broken(where, f"the journal names {blob!r}, which is nothing of this session")
            return None
        self.named.add(name)
        if self.progress is not None:
            self.progress(self.report.segments + self.report.documents)
        try:
            data = _bytes(self.folder, name)
        except BundleFault as fault:
            already = " (it was when the bundle was made)" if name in self.lacking else ""
            self.report.broken(where, f"{name} {fault}{already}")
            return None
        self.report.bytes += len(data)
        return data

    def _open(self, where: str, name: str, blob: bytes, digest: str = "") -> bytes | None:
        if self.key is None:
            return None
        suite, secret = self.key
        try:
            if digest and digest != f"sm3:{_sm3(blob)}":
                self.report.broken(where, "its SM3 digest is not the journaled one")
            return _open_container(suite, secret, self.session, name, blob)
        except BundleFault as fault:
            self.report.broken(where, f"does not open: {fault}")
        except UnsupportedAlgorithm:
            self.report.hindered(suite, "this machine's `cryptography` has no SM4 or SM3: use a build that has them")
        return None

    def _key(self) -> tuple[str, bytes] | None:
        told = self._json(KEY)
        try:
            secret = bytes.fromhex(str(told["data_key"]))
            suite = str(told["suite"])
            if told["session"] != self.session or len(secret) != {"aes-256-gcm": 32, "sm4-gcm": 16}[suite]:
                raise ValueError("of another session or suite")
        except (KeyError, ValueError) as error:
            self.report.broken(KEY, f"holds no key of this session: {error}")
            return None
        return suite, secret

    def _json(self, name: str) -> dict[str, Any]:
        try:
            told = json.loads(_bytes(self.folder, name))
            if isinstance(told, dict):
                return told
            self.report.broken(name, "holds something else than it should")
        except (BundleFault, ValueError, RecursionError) as error:
            self.report.broken(name, f"cannot be read: {_reason(error)}")
        return {}

    def _check_spans(self, track: str, pieces: list[tuple[int, int, str]]) -> None:
        before_end = pieces[0][0]
        for start, end, what in pieces:
            if end < start:
                self.report.broken(f"{track} {what}", f"ends at {end} ms before it begins at {start} ms")
            if track != SCREEN and start > before_end:
                self.report.broken(f"{track} {what}", f"nothing accounts for {before_end} to {start} ms before it")
            if start < before_end:
                self.report.broken(f"{track} {what}", f"begins at {start} ms, inside what ends at {before_end} ms")
            before_end = max(before_end, end)

    def _check_statement(self, statement: list[dict[str, Any]]) -> None:
        stated = {str(line.get("track")): line for line in statement if isinstance(line, dict)}
        for track in sorted(set(stated) | set(self.sums)):
            recorded, gap, count = self.sums.get(track, [0, 0, 0])
            line = stated.get(track)
            if line is None:
                self.report.broken(track, "is missing in the completeness statement")
            elif line.get("segments") != count:
                self.report.broken(track, f"has {count} segments, the statement says {line.get('segments')}")
            elif line.get("gap_ms") != gap or (track != SCREEN and line.get("recorded_ms") != recorded):
                said = f"{line.get('recorded_ms')} + {line.get('gap_ms')} ms"
                self.report.broken(track, f"has {recorded} + {gap} ms, the completeness statement says {said}")

    def _check_statement_file(self) -> None:
        told = self._json(STATEMENT)
        counted = {
            track: {"recorded_ms": sums[0], "gap_ms": sums[1], "segments": sums[2]} for track, sums in self.sums.items()
        }
        if told.get("stated") != self.statement or told.get("counted") != counted:
            self.report.broken(STATEMENT, "does not say what the journal says")

    def _check_notice(self) -> None:
        try:
            fits = hashlib.sha256(_bytes(self.folder, NOTICE)).hexdigest() == self.consent
        except BundleFault:
            fits = False
        if not fits:
            self.report.broken(NOTICE, "is not the text that the customer agreed to")


def _open_container(suite: str, secret: bytes, session: str, name: str, blob: bytes) -> bytes:
    """What a container holds (docs/evidence.md, Containers). Raises `BundleFault`, `UnsupportedAlgorithm`."""
    numbers = {"aes-256-gcm": 1, "sm4-gcm": 2}
    header = blob[:HEADER_BYTES]
    if len(header) < HEADER_BYTES or header[:5] != b"VSVC\x01" or header[5] != numbers[suite] or header[6:8] != b"\0\0":
        raise BundleFault(f"it is no container of the suite {suite}")
    info = b"\0".join((b"visavis container", b"\x01", suite.encode(), session.encode(), name.encode()))
    aes = suite == "aes-256-gcm"
    derive = HKDF(hashes.SHA256() if aes else hashes.SM3(), 32 if aes else 16, header[8:], info)
    cipher_key = derive.derive(secret)
    decrypt = AESGCM(cipher_key).decrypt if aes else _sm4_gcm(cipher_key)
    parts: list[bytes] = []
    at, final = HEADER_BYTES, False
    while at < len(blob) and not final:
        word = blob[at : at + 4]
        number = struct.unpack(">I", word)[0] if len(word) == 4 else 0
        final, length = bool(number & FINAL), number & (FINAL - 1)
        sealed = blob[at + 4 : at + 4 + length]
        if not TAG_BYTES <= length <= CHUNK_BYTES + TAG_BYTES or len(sealed) != length:
            raise BundleFault(f"it is cut off or damaged at byte {at}")
        try:
            parts.append(decrypt(len(parts).to_bytes(11, "big") + bytes([final]), sealed, header + word))
        except InvalidTag:
            raise BundleFault(f"the chunk at byte {at} is not authentic") from None
        at += 4 + length
    if not final or at != len(blob):
        raise BundleFault(f"it does not end with its last chunk, at byte {at}")
    return b"".join(parts)


def _sm4_gcm(key: bytes) -> Callable[[bytes, bytes, bytes], bytes]:
    def decrypt(nonce: bytes, data: bytes, associated: bytes) -> bytes:
        decryptor = Cipher(algorithms.SM4(key), modes.GCM(nonce, data[-TAG_BYTES:])).decryptor()
        decryptor.authenticate_additional_data(associated)
        return decryptor.update(data[:-TAG_BYTES]) + decryptor.finalize()

    return decrypt


def _sm3(data: bytes) -> str:
    digest = hashes.Hash(hashes.SM3())
    digest.update(data)
    return digest.finalize().hex()


def _inside(folder: Path, name: str) -> Path:
    """The path of a file of the bundle. Raises `BundleFault` where it is none, or is reached over a link."""
    path = folder
    for word in name.split("/"):
        path = path / word
        if path.is_symlink():
            raise BundleFault("is a link")
    if not path.is_file():
        raise BundleFault("is missing" if not path.exists() else "is no file")
    return path


def _bytes(folder: Path, name: str) -> bytes:
    path = _inside(folder, name)
    try:
        if path.stat().st_size > MOST_BYTES and name not in (SUMS,):
            raise BundleFault("is too large to be what it should be")
        return path.read_bytes()
    except OSError as error:
        raise BundleFault(_reason(error)) from error


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while True:
            piece = file.read(READ_BYTES)
            if not piece:
                return digest.hexdigest()
            digest.update(piece)


def _with_awaited(pieces: list[tuple[int, int, str]], holes: list[tuple[int, int]]) -> list[tuple[int, int, str]]:
    """Add what is left of awaited spans to the pieces that account for the others."""
    added = list(pieces)
    for start, end in holes:
        edge = start
        for begun, ended, _ in sorted(piece for piece in pieces if start <= piece[0] < end):
            if begun > edge:
                added.append((edge, begun, "awaited"))
            edge = max(edge, ended)
        if edge < end:
            added.append((edge, end, "awaited"))
    return added


def _files(folder: Path) -> Iterator[str]:
    """The names of all files of a bundle but hidden ones at its top, which are of an export that goes on."""
    for at, folders, names in os.walk(folder):
        folders.sort()
        here = Path(at).relative_to(folder)
        for name in sorted(names + [item for item in folders if (Path(at) / item).is_symlink()]):
            relative = (here / name).as_posix()
            if not (relative.startswith(".") or relative.endswith(".part")):
                yield relative


def _reason(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def _trusted_key(text: str) -> bytes:
    """The type of an argument that is a public key, or a file with one."""
    try:
        return _raw(_public_key(text.encode() if re.fullmatch("[0-9a-fA-F]{64}", text) else Path(text).read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        raise argparse.ArgumentTypeError(f"{text} is no Ed25519 public key: {_reason(error)}") from error


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser("verify", description="Check an evidence bundle of Visavis.")
    parser.add_argument("bundle", metavar="BUNDLE", nargs="?", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument("--key", metavar="KEY", type=_trusted_key, help="the site's public key, as got from elsewhere")
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    options = parser.parse_args(arguments)
    report = check_bundle(options.bundle, [options.key] if options.key else [])
    sys.stdout.write((report.as_json() if options.json else report.as_text()) + "\n")
    return report.exit_code


if __name__ == "__main__":
    raise SystemExit(main())
