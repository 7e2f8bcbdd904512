"""Every option of the kiosk client, read once at start into one frozen `Config`.

`link/options.py` says how each is set; environment variables begin with `VISAVIS_KIOSK_`. `docs/kiosk.md` has one line
for each; a test compares.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from link.options import IpNetwork, OptionReader, networks, option, optional_path, path, text, truth, whole

PREFIX = "VISAVIS_KIOSK_"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def server_url(value: object) -> str:
    """Parse the server's address: https, or plain http towards this very machine only."""
    given = text(value).rstrip("/")
    parts = urlsplit(given)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path:
        raise ValueError("an address such as https://visavis.bank.example is expected")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ValueError("plain http is for a server on this machine only; use https")
    return given


def _size(value: object) -> tuple[int, int]:
    width, _, height = text(value).partition("x")
    if not (width.isdigit() and height.isdigit() and 64 <= int(width) <= 3840 and 64 <= int(height) <= 2160):
        raise ValueError("a size such as 1280x720 is expected")
    return int(width) // 2 * 2, int(height) // 2 * 2


@dataclass(frozen=True, slots=True)
class Config:
    """The kiosk client's options. The server's address comes from the enrolment, not from here."""

    data: Path = option(
        Path("~/.local/share/visavis-kiosk").expanduser(),
        path,
        "Directory of the device key and the enrolment, made with mode 0700.",
    )
    page_port: int = option(
        8700, whole(0, 65535), "Port of the kiosk's page on 127.0.0.1; 0 takes a free one, which is printed."
    )
    document_camera: str = option(
        "", text, "Document camera: a V4L2 device (/dev/video2), or a folder of JPEG and PNG images. Empty: none."
    )
    ca_file: Path | None = option(
        None, optional_path, "PEM file of the authority that signed the server's certificate. Empty: the system's."
    )
    loopback: bool = option(
        False, truth, "Offer 127.0.0.1 to the media connections too: a machine without any other network address."
    )
    media_networks: tuple[IpNetwork, ...] = option(
        (), networks, "Networks that the server's media, and its TURN servers, may be in (10.0.0.0/8). Empty: any."
    )
    idle_s: int = option(
        90, whole(15, 3600), "Seconds without a touch after which the page starts over; it asks 20 seconds before."
    )
    keep_media_mb: int = option(
        256, whole(0, 100_000), "MiB on the disk for what is sent in a call, so that what is lost can follow; 0: none."
    )
    keep_media_s: int = option(600, whole(10, 86_400), "Seconds of a call that are kept so, the newest.")
    late_media_kbps: int = option(
        1000, whole(50, 10**6), "kbit/s at which what was lost follows while the call is on; afterwards at any rate."
    )
    source: str = option("synthetic", text, "Headless only: picture and sound, a media file or the word synthetic.")
    picture: tuple[int, int] = option((1280, 720), _size, "Headless only: size of the picture.")


_reader = OptionReader(Config, PREFIX)
add_flags = _reader.add_flags
load = _reader.load
