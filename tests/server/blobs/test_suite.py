"""The suites are the standard algorithms: checked against the standards' own vectors."""

from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidTag

from server.blobs.suite import DEFAULT, SUITES, Sm4Gcm, Suite


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
    """GB/T 32905 appendix A.1."""
    assert SUITES["sm4-gcm"].digest(b"abc") == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"


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
