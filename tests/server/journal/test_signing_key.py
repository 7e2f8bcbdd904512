from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from server.journal.signing_key import (
    SigningKey,
    SigningKeyError,
    is_signed,
    open_signing_key,
    read_or_make_signing_key,
    read_signing_key,
)
from server.store import Store

# RFC 8032, section 7.1, test 2.
SEED = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
PUBLIC = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
SIGNATURE = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)


def test_it_signs_as_the_standard_says() -> None:
    key = SigningKey(SEED)
    assert key.public == PUBLIC
    assert key.sign(b"\x72") == SIGNATURE
    assert is_signed([PUBLIC], b"\x72", SIGNATURE)


@pytest.mark.parametrize("signature", [SIGNATURE[:-1], SIGNATURE[:-1] + b"\1", b"", None, "text", bytes(64)])
def test_what_is_no_signature_of_it_does_not_count(signature: object) -> None:
    assert not is_signed([PUBLIC], b"\x72", signature)
    assert not is_signed([], b"\x72", SIGNATURE)
    assert not is_signed([bytes(32), b"short"], b"\x72", SIGNATURE)
    assert is_signed([bytes(32), PUBLIC], b"\x72", SIGNATURE), "an older key is tried too"


def test_the_file_is_made_once_and_for_its_account_only(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "signing.key"
    made = read_or_make_signing_key(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [path.name for path in file.parent.iterdir()] == ["signing.key"]
    assert read_or_make_signing_key(file).public == made.public == read_signing_key(file).public


def test_many_at_once_have_one_key(tmp_path: Path) -> None:
    """A command and the server may both be the first."""
    file = tmp_path / "signing.key"
    with ThreadPoolExecutor(16) as pool:
        keys = list(pool.map(read_or_make_signing_key, [file] * 64))
    assert len({key.public for key in keys}) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["signing.key"]


def test_a_file_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    file = tmp_path / "signing.key"
    with pytest.raises(SigningKeyError, match="cannot be read"):
        read_signing_key(file)
    file.write_bytes(bytes(31))
    file.chmod(0o600)
    with pytest.raises(SigningKeyError, match="31 bytes"):
        read_or_make_signing_key(file)
    file.chmod(0o640)
    with pytest.raises(SigningKeyError, match="mode 0640"):
        read_signing_key(file)


async def test_a_lost_key_is_not_silently_another(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "signing.key"
    key = await open_signing_key(file, store)
    await store.checkpoints.add(1, b"", b"", {})
    assert (await open_signing_key(file, store)).public == key.public
    file.unlink()
    with pytest.raises(SigningKeyError, match="is missing, and checkpoints were signed with it"):
        await open_signing_key(file, store)
    assert not file.exists()
