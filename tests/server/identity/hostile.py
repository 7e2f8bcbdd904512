"""Hostile JSON Web Tokens, built by hand so that no library refuses to make them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from typing import Any

Sign = Callable[[bytes], bytes]
Json = dict[str, Any]


def part(content: object) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def token(header: object, claims: object, sign: Sign) -> str:
    signed = f"{part(header)}.{part(claims)}"
    return f"{signed}.{part(sign(signed.encode()))}"


def hmac_sign(key: bytes, algorithm: str = "sha256") -> Sign:
    return lambda content: hmac.new(key, content, getattr(hashlib, algorithm)).digest()


def hostile_tokens(
    header: Json, claims: Json, sign: Sign, *, public_forms: list[bytes], now: int
) -> Iterator[tuple[str, str]]:
    """Name and token of each attack, given a good token's parts and, in `public_forms`, what is publicly known."""
    yield "empty", ""
    yield "one part", "abc"
    yield "two parts", f"{part(header)}.{part(claims)}"
    yield "four parts", token(header, claims, sign) + ".x"
    yield "not base64", "!!!.???.***"
    yield "not JSON", token(b"\xff\xfe", claims, sign)
    yield "header is a list", token([header], claims, sign)
    yield "claims are a list", token(header, [claims], sign)
    yield "claims are text", token(header, b"hello", sign)
    yield "deep nesting", token(header, b"[" * 1500, sign)
    yield "huge", token(header, claims | {"pad": "x" * 5000}, sign)
    yield "unicode", token(header, claims, sign) + "é"
    yield "whitespace", " " + token(header, claims, sign).replace(".", " .")
    yield "no signature", f"{part(header)}.{part(claims)}."
    yield "signature cut", token(header, claims, sign)[:-4]
    good = token(header, claims, sign)
    yield "signature altered", good[:-6] + ("A" if good[-6] != "A" else "B") + good[-5:]
    yield "claims altered", f"{part(header)}.{part(claims | {'sub': 'admin'})}.{good.split('.')[2]}"
    yield "signed by another", token(header, claims, lambda content: bytes(64))
    for algorithm in ("none", "None", "NONE", "nOnE", ""):
        yield f"alg {algorithm!r}", f"{part(header | {'alg': algorithm})}.{part(claims)}."
        yield f"alg {algorithm!r}, signed", token(header | {"alg": algorithm}, claims, sign)
    for algorithm in ("HS384", "HS512", "RS256", "ES256", "PS256", "EdDSA", "HS256", "hs256"):
        if algorithm != header["alg"]:
            yield f"alg {algorithm}", token(header | {"alg": algorithm}, claims, sign)
    for number, form in enumerate(public_forms):
        for algorithm in ("HS256", "HS384", "HS512"):
            digest = "sha" + algorithm[2:]
            confused = token(header | {"alg": algorithm}, claims, hmac_sign(form, digest))
            yield f"public form {number} as {algorithm} secret", confused
    yield "alg missing", token({key: value for key, value in header.items() if key != "alg"}, claims, sign)
    yield "typ missing", token({key: value for key, value in header.items() if key != "typ"}, claims, sign)
    for typ in ("JWT", "at+jwt", "visavis-login+jwt", "visavis-kiosk+jwt", None, 1):
        if typ != header["typ"]:
            yield f"typ {typ}", token(header | {"typ": typ}, claims, sign)
    for name, value in (
        ("jku", "http://192.0.2.1/keys"),
        ("x5u", "http://192.0.2.1/cert"),
        ("jwk", {"kty": "oct", "k": part(b"0" * 32)}),
        ("x5c", ["AAAA"]),
        ("crit", ["exp"]),
        ("b64", False),
        ("cty", "JWT"),
        ("zip", "DEF"),
    ):
        yield f"header {name}", token(header | {name: value}, claims, sign)
    for kid in (
        "../../../../dev/null",
        "/dev/null",
        "k1' OR '1'='1",
        "k1'; DROP TABLE kiosk;--",
        "",
        "x" * 500,
        7,
        None,
    ):
        yield f"kid {str(kid)[:30]!r}", token(header | {"kid": kid}, claims, sign)
    for name in ("iss", "aud", "iat", "exp"):
        yield f"{name} missing", token(header, {key: value for key, value in claims.items() if key != name}, sign)
        yield f"{name} null", token(header, claims | {name: None}, sign)
        yield f"{name} a list", token(header, claims | {name: [claims[name]]}, sign)
        yield f"{name} other", token(header, claims | {name: "someone"}, sign)
    yield "aud among others", token(header, claims | {"aud": [claims["aud"], "x"]}, sign)
    yield "ended", token(header, claims | {"iat": now - 7200, "exp": now - 3600}, sign)
    yield "not yet", token(header, claims | {"iat": now + 3600, "exp": now + 3630}, sign)
    yield "nbf later", token(header, claims | {"nbf": now + 3600}, sign)
    yield "for ever", token(header, claims | {"exp": now + 10**9}, sign)
    yield "backwards", token(header, claims | {"iat": now + 20, "exp": now + 10}, sign)
    yield "exp a text", token(header, claims | {"exp": str(claims["exp"])}, sign)
    yield "exp a fraction", token(header, claims | {"exp": claims["exp"] + 0.5}, sign)
    yield "exp huge", token(header, claims | {"exp": 10**400}, sign)
    yield "exp infinite", token(header, part_json(claims, '"exp":1e999'), sign)
    yield "an extra claim", token(header, claims | {"admin": True}, sign)


def part_json(claims: Json, text: str) -> bytes:
    """Claims with one member written by hand."""
    rest = {key: value for key, value in claims.items() if key != "exp"}
    return (json.dumps(rest)[:-1] + "," + text + "}").encode()
