"""Enrolment: exchanges a one-time code for an identity whose private key only this machine has."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk_client.agent import identity
from kiosk_client.agent.identity import DeviceIdentity, Enrolment, IdentityError
from kiosk_client.agent.transport import tls_context

PATH = "/api/kiosk/enrol"
TIMEOUT = aiohttp.ClientTimeout(total=20)

_REFUSALS = {
    "not_found": "the code is not valid (any more); ask for a new one",
    "not_authenticated": "the code is not valid (any more); ask for a new one",
    "not_allowed": "the code is not valid (any more); ask for a new one",
    "rate_limited": "too many attempts; wait a minute",
}


class _Reply(msgspec.Struct):
    kiosk: str
    name: str = ""


async def enrol(server: str, code: str, data: Path, *, ca_file: Path | None = None) -> DeviceIdentity:
    """Make a key, prove the code to `server` and keep the identity in `data`.

    Raises IdentityError when the server refuses or cannot be reached, and, with the code still good, when `data` cannot
    be written; an identity that was there before then stays.
    """
    identity.prepare(data)
    key = Ed25519PrivateKey.generate()
    body = {"code": code.strip(), "public_key": identity.public_key(key)}
    try:
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT) as http,
            http.post(server + PATH, json=body, ssl=tls_context(server, ca_file) or True) as response,
        ):
            content = await response.read()
            if response.status >= 400:
                raise IdentityError(_refusal(content, response.status))
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise IdentityError(f"the server cannot be reached: {error or type(error).__name__}") from error
    try:
        reply = msgspec.json.decode(content, type=_Reply)
    except msgspec.MsgspecError as error:
        raise IdentityError("the server's answer is not understood; is the address right?") from error
    enrolment = Enrolment(server, reply.kiosk, reply.name)
    identity.save(data, enrolment, key)
    return DeviceIdentity(enrolment, key)


def _refusal(content: bytes, status: int) -> str:
    try:
        code = str(msgspec.json.decode(content)["error"]["code"])
    except (msgspec.MsgspecError, KeyError, TypeError):
        return f"the server refused with status {status}"
    return _REFUSALS.get(code, f"the server refused: {code}")
