"""The suites are the standard algorithms: checked against the standards' own vectors."""

from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from server.blobs.suite import DEFAULT, SUITES, Sm4Gcm, Suite

AES, SM = SUITES[DEFAULT], SUITES["sm4-gcm"]
PLAIN_16 = (
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
)
SEALED_16 = (
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
    "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
    "76fc6ece0f4e1768cddf8853bb2d551b"
)


@pytest.mark.parametrize(
    ("key", "nonce", "plain", "associated", "sealed"),
    [
        ("00" * 32, "00" * 12, "", "", "530f8afbc74536b9a963b4f1c4cb738b"),
        ("00" * 32, "00" * 12, "00" * 16, "", "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"),
        (
            "feffe9928665731c6d6a8f9467308308" * 2,
            "cafebabefacedbaddecaf888",
            PLAIN_16,
            "feedfacedeadbeeffeedfacedeadbeefabaddad2",
            SEALED_16,
        ),
    ],
    ids=["13", "14", "16"],
)
def test_aes_256_gcm_matches_its_specification(key: str, nonce: str, plain: str, associated: str, sealed: str) -> None:
    """The test cases of McGrew and Viega's specification of GCM, which SP 800-38D is made of."""
    cipher = AES.aead(bytes.fromhex(key))
    told = bytes.fromhex(nonce), bytes.fromhex(plain), bytes.fromhex(associated)
    assert cipher.encrypt(*told).hex() == sealed
    assert cipher.decrypt(told[0], bytes.fromhex(sealed), told[2]) == told[1]


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ),
    ],
)
def test_sha_256_matches_fips_180_4(text: bytes, digest: str) -> None:
    assert AES.digest(text) == digest


def test_keys_are_derived_as_rfc_5869_says() -> None:
    """Appendix A.1; of its 42 bytes those that a key has."""
    derived = AES.derive(b"\x0b" * 22, bytes(range(13)), bytes(range(0xF0, 0xFA)))
    assert derived.hex() == "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"


def test_sm4_matches_gm_t_0002() -> None:
    """GM/T 0002 (GB/T 32907) appendix A: one block, and the same a million times."""
    block = key = bytes.fromhex("0123456789abcdeffedcba9876543210")
    encryptor = Cipher(algorithms.SM4(key), modes.ECB()).encryptor()
    block = encryptor.update(block)
    assert block.hex() == "681edf34d206965e86b3e94f536e4246"
    for _ in range(999_999):
        block = encryptor.update(block)
    assert block.hex() == "595298c7c6fd271f0402f804c33d3f66"


def test_sm4_gcm_matches_rfc_8998() -> None:
    """RFC 8998 appendix A.1."""
    key = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
    nonce = bytes.fromhex("00001234567800000000ABCD")
    associated = bytes.fromhex("FEEDFACEDEADBEEFFEEDFACEDEADBEEFABADDAD2")
    plain = bytes.fromhex(
        "AAAAAAAAAAAAAAAABBBBBBBBBBBBBBBBCCCCCCCCCCCCCCCCDDDDDDDDDDDDDDDD"
        "EEEEEEEEEEEEEEEEFFFFFFFFFFFFFFFFEEEEEEEEEEEEEEEEAAAAAAAAAAAAAAAA"
    )
    expected = bytes.fromhex(
        "17F399F08C67D5EE19D0DC9969C4BB7D5FD46FD3756489069157B282BB200735"
        "D82710CA5C22F0CCFA7CBF93D496AC15A56834CBCF98C397B4024A2691233B8D"
        "83DE3541E4C2B58177E065A9BF7B62EC"
    )
    assert Sm4Gcm(key).encrypt(nonce, plain, associated) == expected
    assert Sm4Gcm(key).decrypt(nonce, expected, associated) == plain


def test_sm3_matches_its_standard() -> None:
    """GM/T 0004 (GB/T 32905) appendices A.1 and A.2."""
    assert SM.digest(b"abc") == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    assert SM.digest(b"abcd" * 16) == "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"


def test_sm4_refuses_what_was_changed() -> None:
    cipher = Sm4Gcm(bytes(16))
    sealed = cipher.encrypt(bytes(12), b"data", b"a")
    for blob, associated in ((sealed[:-1], b"a"), (sealed, b"b"), (b"short", b"a")):
        with pytest.raises(InvalidTag):
            cipher.decrypt(bytes(12), blob, associated)


@pytest.mark.parametrize("suite", SUITES.values(), ids=lambda suite: suite.name)
def test_derived_keys_fit_their_cipher_and_differ(suite: Suite) -> None:
    one, two = suite.derive(b"k" * 32, b"salt", b"one"), suite.derive(b"k" * 32, b"salt", b"two")
    assert len(one) == suite.key_bytes
    assert one != two
    suite.aead(one)


def test_default_is_aes() -> None:
    assert SUITES[DEFAULT].key_bytes == 32
    assert len({suite.number for suite in SUITES.values()}) == len(SUITES)
