"""Uploads a document: PUT with its SHA-256 (RFC 9530), retried until it is stored or refused."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import ssl
from collections.abc import Callable, Mapping, Sequence

import aiohttp
import msgspec
import structlog

from kiosk_client.devices.document_camera import Still

log = structlog.get_logger()

PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0, 8.0)
TIMEOUT = aiohttp.ClientTimeout(total=60, sock_connect=10)


class UploadFailed(Exception):
    """The upload failed; `code` is the server's code, or `upload_failed`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Uploader:
    """Uploads to one server with a fresh device assertion per attempt."""

    def __init__(
        self,
        server: str,
        headers: Callable[[], Mapping[str, str]],
        *,
        tls: ssl.SSLContext | None = None,
        pauses_s: Sequence[float] = PAUSES_S,
    ) -> None:
        self._server, self._headers, self._tls = server, headers, tls
        self._pauses_s = pauses_s

    async def put(self, session: str, document: str, still: Still) -> None:
        """Deliver `still` as the document. Raises UploadFailed."""
        digest = await asyncio.to_thread(lambda: hashlib.sha256(still.data).digest())
        headers = {
            "Content-Type": still.media_type,
            "Content-Digest": f"sha-256=:{base64.b64encode(digest).decode()}:",
        }
        url = f"{self._server}/api/kiosk/sessions/{session}/documents/{document}"
        async with aiohttp.ClientSession(timeout=TIMEOUT) as http:
            for pause in (*self._pauses_s, None):
                try:
                    async with http.put(
                        url, data=still.data, headers={**headers, **self._headers()}, ssl=self._tls or True
                    ) as response:
                        content = await response.read()
                        if response.status < 300:
                            return
                        if response.status < 500 and response.status not in (401, 408, 429):
                            raise UploadFailed(_code(content))
                        log.info("upload will be tried again", document=document, status=response.status)
                except (aiohttp.ClientError, TimeoutError, OSError) as error:
                    log.info("upload will be tried again", document=document, error=type(error).__name__)
                if pause is not None:
                    await asyncio.sleep(pause)
        raise UploadFailed("upload_failed")


def _code(content: bytes) -> str:
    try:
        return str(msgspec.json.decode(content)["error"]["code"])
    except (msgspec.MsgspecError, KeyError, TypeError):
        return "refused"
