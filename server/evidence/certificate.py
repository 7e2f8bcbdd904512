"""The certificate of a deletion: what was destroyed, under which rule, when and by whom, signed with the site's key.

It takes the recording's place: `verify` holds it against the journal, which stays, and against the row of the data key.
docs/evidence.md says how to check one without anything of ours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from server.evidence.checkpoint import moment
from server.evidence.integrity_checks import Finding
from server.journal import Entry
from server.journal.hash_chain import framed
from server.journal.signing_key import SigningKey, is_signed
from server.session import events as e
from server.session.private import has_text, is_sealed
from server.store import Store
from server.store.data_keys import DataKey
from server.store.holds import LegalHold
from server.store.retention import Deletion

CERTIFICATE_DOMAIN: Final = b"visavis.deletion.v1"
FILE_BYTES: Final = 64 * 1024


class CertifiedRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rule that let the session go, as it was then, and the moment at which it ended."""

    id: str
    applies_to: str
    counts_from: str
    keep: str
    source: str
    due_us: int


class Destroyed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was destroyed, as the journal names it; all of it was encrypted with one data key.

    `data_key_sha256` is of the wrapped key. `blobs_sha256` is of the lines `SHA-256 NAME` of all blobs, in the order of
    their names. `texts` are what people wrote; `texts_in_clear` were journaled without encryption by an early version,
    and stay.
    """

    data_key_sha256: str
    suite: str
    segments: int
    documents: int
    texts: int
    texts_in_clear: int
    bytes: int
    blobs_sha256: str


class Certificate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a certificate says. `head_seq` and `head` are number and hash of the journal's last entry, which stays."""

    format: str
    session: str
    at_us: int
    by: str
    rule: CertifiedRule
    destroyed: Destroyed
    head_seq: int
    head: str
    key: str


class NoCertificate(ValueError):
    """These bytes are no certificate."""


class CertificateFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A certificate as it is handed out: the signed bytes as text, and their signature in hexadecimal."""

    certificate: str
    signature: str


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a session's data key: its row, the certificate of its deletion, and its holds.

    `trusted` are the public keys whose signatures count.
    """

    key: DataKey | None
    deletion: Deletion | None
    holds: Sequence[LegalHold]
    trusted: Collection[bytes]

    @property
    def is_deleted(self) -> bool:
        """Whether the key is destroyed, or something says that it was."""
        destroyed = self.key is not None and (not self.key.wrapped or self.key.destroyed_us is not None)
        return self.deletion is not None or destroyed


async def fate_of(session: str, *, store: Store, trusted: Collection[bytes]) -> Fate:
    """Look it up, at one moment. Raises `Unavailable`."""
    async with store.database.read():
        return Fate(
            await store.data_keys.get(session),
            await store.retention.deletion(session),
            await store.holds.of(session),
            trusted,
        )


def sign_certificate(certificate: Certificate, key: SigningKey) -> Deletion:
    """The certificate, signed, as it is kept."""
    body = msgspec.json.encode(certificate)
    return Deletion(certificate.session, body, key.sign(_message(body)), certificate.at_us, None)


def read_certificate(body: bytes) -> Certificate:
    """What these bytes say. Raises `NoCertificate`."""
    try:
        found = msgspec.json.decode(body, type=Certificate)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, TypeError) as error:
        raise NoCertificate(str(error)) from error
    if found.format != CERTIFICATE_DOMAIN.decode():
        raise NoCertificate("another format")
    return found


def write_file(deletion: Deletion) -> bytes:
    """The certificate as a file to hand out."""
    told = CertificateFile(deletion.certificate.decode(), deletion.signature.hex())
    return msgspec.json.format(msgspec.json.encode(told), indent=1) + b"\n"


def check_file(data: bytes, trusted: Collection[bytes]) -> Certificate:
    """The certificate of such a file, if one of these public keys has signed it. Raises `NoCertificate`."""
    try:
        told = msgspec.json.decode(data, type=CertificateFile)
        signature = bytes.fromhex(told.signature)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise NoCertificate(f"no certificate of a deletion: {error}") from error
    body = told.certificate.encode()
    certificate = read_certificate(body)
    if not is_signed(trusted, _message(body), signature):
        raise NoCertificate("it is not signed with this key")
    return certificate


def destroyed_by(entries: Iterable[Entry], key: DataKey) -> Destroyed:
    """What is destroyed with the data key of this journal's session. CPU-bound. Raises `MsgspecError`."""
    return _destroyed((e.decode(entry.payload) for entry in entries), key.wrapped, key.suite)


def _check_destroyed(key: DataKey | None, certificate: Certificate | None) -> Iterator[Finding]:
    """The row of a key that has a certificate of its destruction."""
    if key is None:
        yield Finding("data key", "its row is missing, which stays when a session is deleted")
        return
    if key.wrapped:
        yield Finding("data key", "it is there, although the certificate says that it was destroyed: it was put back")
    if certificate is None:
        return
    if (key.destroyed_us, key.suite) != (certificate.at_us, certificate.destroyed.suite):
        yield Finding("data key", "its row says another time or suite than the certificate")


def check_certificate(
    session: str, fate: Fate, entries: Sequence[Entry], events: Sequence[e.Event]
) -> Iterator[Finding]:
    """Check that a destroyed key has a certificate of this site that says what the journal says, and the reverse."""
    key, deletion = fate.key, fate.deletion
    if deletion is None:
        yield Finding("data key", "it was destroyed, and there is no certificate that says under which rule")
        return
    certificate = _readable(deletion)
    yield from _check_destroyed(key, certificate)
    if certificate is None:
        yield Finding("certificate", "it cannot be read")
        return
    if not _is_signed(deletion, fate.trusted):
        yield Finding("certificate", "it is not signed with this site's key")
    if certificate.session != session:
        yield Finding("certificate", f"it is of another session, {certificate.session}")
        return
    if deletion.at_us != certificate.at_us:
        yield Finding("certificate", "it says another time than its row does")
    last = entries[-1] if entries else None
    head = last.hash.hex() if last is not None and isinstance(last.hash, bytes) else ""
    if last is None or (certificate.head_seq, certificate.head) != (last.seq, head):
        yield Finding("certificate", f"it knows {certificate.head_seq} journal entries that end otherwise")
    found = _destroyed(events, b"", certificate.destroyed.suite)
    same = msgspec.structs.replace(found, data_key_sha256=certificate.destroyed.data_key_sha256)
    if same != certificate.destroyed:
        yield Finding("certificate", "what it says was destroyed is not what the journal names")
    for hold in fate.holds:
        if _in_force(hold, certificate.at_us):
            yield Finding("certificate", f"the session was deleted while the hold {hold.id} was in force")


def is_certified(session: str, certificate: object, signature: object, trusted: Collection[bytes]) -> bool:
    """Whether one of these keys has signed that the session was deleted."""
    if not isinstance(certificate, bytes) or not isinstance(signature, bytes):
        return False
    told = _readable(Deletion(session, certificate, signature, 0, None))
    return told is not None and told.session == session and is_signed(trusted, _message(certificate), signature)


def summary(deletion: Deletion) -> dict[str, Any]:
    """A certificate in a few words, for reports and pages."""
    certificate = _readable(deletion)
    if certificate is None:
        return {}
    rule = certificate.rule
    return {
        "at": moment(certificate.at_us),
        "by": certificate.by,
        "rule": rule.id,
        "keep": rule.keep,
        "counts_from": rule.counts_from,
        "source": rule.source,
        "certificate_sha256": hashlib.sha256(_message(deletion.certificate)).hexdigest(),
    }


def _in_force(hold: LegalHold, at_us: int) -> bool:
    """Whether the hold was; one whose times are none, as somebody else may have written them, was."""
    placed, lifted = hold.placed_us, hold.lifted_us
    return not (isinstance(placed, int) and placed > at_us) and not (isinstance(lifted, int) and lifted <= at_us)


def _readable(deletion: Deletion) -> Certificate | None:
    try:
        return read_certificate(deletion.certificate) if isinstance(deletion.certificate, bytes) else None
    except NoCertificate:
        return None


def _is_signed(deletion: Deletion, trusted: Collection[bytes]) -> bool:
    return is_signed(trusted, _message(deletion.certificate), deletion.signature)


def _destroyed(events: Iterable[e.Event], wrapped: bytes, suite: str) -> Destroyed:
    segments = documents = texts = clear = size = 0
    blobs: list[tuple[str, str]] = []
    for event in events:
        match event:
            case e.SegmentSealed():
                segments, size = segments + 1, size + event.size
                blobs.append((event.blob, event.sha256))
            case e.DocumentStored():
                documents, size = documents + 1, size + event.size
                # The journal has the hashes of what is in a document's blobs, not of the blobs.
                blobs += [(event.original_blob, event.sha256), (event.blob, event.view_sha256)]
            case _ if is_sealed(event):
                texts += 1
            case _ if has_text(event):
                clear += 1
    lines = "".join(f"{sha256} {name}\n" for name, sha256 in sorted(blobs))
    return Destroyed(
        data_key_sha256=hashlib.sha256(wrapped).hexdigest(),
        suite=suite,
        segments=segments,
        documents=documents,
        texts=texts,
        texts_in_clear=clear,
        bytes=size,
        blobs_sha256=hashlib.sha256(lines.encode()).hexdigest(),
    )


def _message(body: bytes) -> bytes:
    return framed(CERTIFICATE_DOMAIN, body)
