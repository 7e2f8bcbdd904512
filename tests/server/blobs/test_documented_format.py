"""The containers and wrapped keys are what docs/evidence.md says: opened here by that page alone."""

from __future__ import annotations

import struct

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from server.blobs.container import ContainerWriter
from server.blobs.suite import SUITES
from server.blobs.vault import Vault
from tests.server.blobs.test_vault import Table

SUITE = SUITES["aes-256-gcm"]
KEY = bytes(range(32))


def hkdf(secret: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(hashes.SHA256(), 32, salt, info).derive(secret)


def read_as_documented(data_key: bytes, session: str, name: str, blob: bytes) -> bytes:
    header, rest = blob[:24], blob[24:]
    assert header[:6] == b"VSVC\x01\x01"
    info = b"visavis container\0\x01\0aes-256-gcm\0" + session.encode() + b"\0" + name.encode()
    cipher = AESGCM(hkdf(data_key, header[8:], info))
    data, count, final = b"", 0, 0
    while rest:
        (word,) = struct.unpack(">I", rest[:4])
        final, length = word >> 31, word & 0x7FFFFFFF
        nonce = count.to_bytes(11, "big") + bytes([final])
        data += cipher.decrypt(nonce, rest[4 : 4 + length], header + rest[:4])
        rest, count = rest[4 + length :], count + 1
    assert final
    return data


def test_container() -> None:
    writer = ContainerWriter(SUITE, KEY, "s1", "segment/kiosk.camera/3")
    blob = writer.header + writer.chunk(b"one ") + writer.chunk(b"two") + writer.chunk(b"", final=True)
    assert read_as_documented(KEY, "s1", "segment/kiosk.camera/3", blob) == b"one two"


async def test_wrapped_key() -> None:
    table = Table()
    key = await Vault(table, KEY).create("s1")
    wrapping = AESGCM(hkdf(KEY, b"", b"visavis data key\0aes-256-gcm"))
    bound = b"visavis data key\0aes-256-gcm\0s1"
    wrapped = table.rows["s1"].wrapped
    assert wrapping.decrypt(wrapped[:12], wrapped[12:], bound) == key.secret
