"""How the kiosk client connects to its server: URL and TLS."""

from __future__ import annotations

import ssl
from pathlib import Path

SOCKET_PATH = "/ws/kiosk"


def socket_url(server: str) -> str:
    """Return the address of the kiosk's WebSocket on `server` (http:// or https://)."""
    return "ws" + server.removeprefix("http") + SOCKET_PATH


def tls_context(server: str, ca_file: Path | None) -> ssl.SSLContext | None:
    """Return the TLS settings: the system's authorities, or only the one of `ca_file`. None for plain http."""
    if not server.startswith("https:"):
        return None
    context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
