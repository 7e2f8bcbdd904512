"""A key service that wraps data keys: the transit engine of HashiCorp Vault, or whatever speaks its HTTP API.

The key that wraps never leaves the service. Used are `POST /v1/MOUNT/encrypt/KEY` and `…/decrypt/KEY` with
`associated_data`, so the key has to be of an AEAD type (`aes256-gcm96`, `chacha20-poly1305`), and a token whose policy
allows `update` on these two paths.
"""

from __future__ import annotations

import base64
import binascii
import stat
from typing import Any, Final

import aiohttp
import msgspec

from link.protocol.errors import Unavailable
from server.blobs.container import Broken
from server.blobs.vault import SiteKeyError
from server.config import Config

MARK: Final = b"vault:"
"""What a wrapped key of this service begins with: its ciphertexts are `vault:vN:…`, N the version of its key."""
TIMEOUT_S: Final = 5.0
MOST_BYTES: Final = 64 * 1024


class _Data(msgspec.Struct):
    ciphertext: str = ""
    plaintext: str = ""


class _Answer(msgspec.Struct):
    data: _Data = msgspec.field(default_factory=_Data)
    errors: list[str] = []


class Transit:
    """One key of a transit engine."""

    mark = MARK

    def __init__(self, address: str, key: str, token: str, *, timeout_s: float = TIMEOUT_S) -> None:
        """`address` is the service's, such as `https://vault.bank.example:8200`; `token` is sent as X-Vault-Token.

        `key` is the engine's mount and the key's name, `transit/visavis`.
        """
        mount, _, self._key = key.strip("/").rpartition("/")
        if not mount or not self._key:
            raise ValueError(f"{key} is no mount and key of a transit engine, such as transit/visavis")
        self._base = f"{address.rstrip('/')}/v1/{mount}"
        self._headers = {"X-Vault-Token": token, "X-Vault-Request": "true"}
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)

    async def wrap(self, bound_to: bytes, secret: bytes) -> bytes:
        """Wrap a data key, bound to these bytes. Raises `Unavailable`."""
        answer = await self._post("encrypt", {"plaintext": _text(secret), "associated_data": _text(bound_to)})
        wrapped = answer.data.ciphertext.encode()
        if not wrapped.startswith(MARK):
            raise Unavailable("the key service answered with something else than a wrapped key")
        return wrapped

    async def unwrap(self, bound_to: bytes, wrapped: bytes) -> bytes:
        """The data key. Raises `Broken` where it does not open it, `Unavailable` where it does not answer."""
        told = {"ciphertext": wrapped.decode("ascii", "replace"), "associated_data": _text(bound_to)}
        answer = await self._post("decrypt", told)
        try:
            return base64.b64decode(answer.data.plaintext, validate=True)
        except binascii.Error as error:
            raise Unavailable("the key service answered with something else than a key") from error

    async def _post(self, what: str, body: dict[str, Any]) -> _Answer:
        url = f"{self._base}/{what}/{self._key}"
        try:
            # One connection for each: a service that was moved is found again, and keys are asked for rarely.
            async with (
                aiohttp.ClientSession(timeout=self._timeout, headers=self._headers) as http,
                http.post(url, json=body, allow_redirects=False) as response,
            ):
                text = await response.content.read(MOST_BYTES)
                status = response.status
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unavailable(f"the key service does not answer: {type(error).__name__}") from error
        try:
            answer = msgspec.json.decode(text or b"{}", type=_Answer)
        except msgspec.MsgspecError as error:
            raise Unavailable(f"the key service answered with something else: status {status}") from error
        # It says 400 for a ciphertext that does not open, and for a key that it does not have.
        if status == 400 and what == "decrypt" and not any("not found" in said for said in answer.errors):
            raise Broken("the key service cannot open the data key: not wrapped by its key, or altered")
        if status != 200:
            raise Unavailable(f"the key service refused to {what}: status {status}")
        return answer


def transit_of(config: Config) -> Transit | None:
    """The key service of the options; None where there is none. Blocking. Raises `SiteKeyError`, `ValueError`."""
    path = config.key_service_token
    if not config.key_service or path is None:
        return None
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise SiteKeyError(f"{path}: mode {mode:04o} lets others read the key service's token; chmod 600 it")
    return Transit(config.key_service, config.key_service_key, path.read_text(encoding="ascii").strip())


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
