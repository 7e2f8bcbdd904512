"""Keys, assertions and enrolment against a real HTTP server."""

from __future__ import annotations

import stat
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk_client.agent import identity
from kiosk_client.agent.enrol import enrol
from kiosk_client.agent.identity import AUDIENCE, DeviceIdentity, Enrolment, IdentityError
from tests.kiosk_client.head_office import KIOSK, HeadOffice, opened


def make() -> DeviceIdentity:
    return DeviceIdentity(Enrolment("https://visavis.example", "kiosk-1", "One"), Ed25519PrivateKey.generate())


def test_an_assertion_is_short_lived_and_never_the_same() -> None:
    device = make()
    tokens = [device.assertion() for _ in range(2)]
    claims = [
        jwt.decode(token, device.key.public_key(), algorithms=["EdDSA"], audience=AUDIENCE, issuer="kiosk-1")
        for token in tokens
    ]
    assert claims[0]["jti"] != claims[1]["jti"]
    assert all(0 < one["exp"] - one["iat"] <= 60 for one in claims)
    assert jwt.get_unverified_header(tokens[0]) == {"alg": "EdDSA", "kid": "kiosk-1", "typ": "visavis-kiosk+jwt"}


def test_what_is_saved_is_for_this_user_only(tmp_path: Path) -> None:
    device = make()
    data = tmp_path / "deep" / "data"
    identity.save(data, device.enrolment, device.key)
    for name in (identity.KEY_FILE, identity.ENROLMENT_FILE):
        assert stat.S_IMODE((data / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    loaded = identity.load(data)
    assert loaded.enrolment == device.enrolment
    assert identity.public_key(loaded.key) == identity.public_key(device.key)


def test_a_machine_that_is_not_enrolled_is_told_how(tmp_path: Path) -> None:
    with pytest.raises(IdentityError, match="visavis-kiosk enrol"):
        identity.load(tmp_path)


@pytest.mark.parametrize("name", [identity.KEY_FILE, identity.ENROLMENT_FILE])
def test_damaged_files_are_named_as_such(tmp_path: Path, name: str) -> None:
    device = make()
    identity.save(tmp_path, device.enrolment, device.key)
    (tmp_path / name).write_bytes(b"{damaged")
    with pytest.raises(IdentityError, match="enrol again"):
        identity.load(tmp_path)


async def test_enrolment_makes_a_key_that_the_server_knows(tmp_path: Path) -> None:
    office = HeadOffice()
    async with opened(office) as address:
        device = await enrol(address, f" {office.code} ", tmp_path)
    assert device.enrolment == Enrolment(address, KIOSK, "滨江 1 号机")
    assert office.public_key is not None
    assert identity.load(tmp_path).enrolment.kiosk == KIOSK
    jwt.decode(device.assertion(), office.public_key, algorithms=["EdDSA"], audience=AUDIENCE)


async def test_a_refused_code_leaves_the_old_identity(tmp_path: Path) -> None:
    office = HeadOffice()
    async with opened(office) as address:
        first = await enrol(address, office.code, tmp_path)
        with pytest.raises(IdentityError, match="ask for a new one"):
            await enrol(address, "00000000", tmp_path)
    assert identity.public_key(identity.load(tmp_path).key) == identity.public_key(first.key)


async def test_a_server_that_is_not_there_is_said_plainly(tmp_path: Path) -> None:
    async with opened(HeadOffice()) as address:
        pass
    with pytest.raises(IdentityError, match="cannot be reached"):
        await enrol(address, "1", tmp_path)
    assert not list(tmp_path.iterdir())


async def test_a_code_is_not_used_up_where_nothing_can_be_kept(tmp_path: Path) -> None:
    office = HeadOffice()
    (tmp_path / "file").touch()
    async with opened(office) as address:
        with pytest.raises(IdentityError, match="nothing can be kept"):
            await enrol(address, office.code, tmp_path / "file")
    assert office.public_key is None
