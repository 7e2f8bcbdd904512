"""Every option of the kiosk client, read once at start into one frozen `Config`.

An option `name` is set, strongest first, by the flag `--name` (dashes for underscores), the environment variable
`VISAVIS_KIOSK_NAME`, or the key `name` of a TOML file named by `--config` or `VISAVIS_KIOSK_CONFIG`. `docs/kiosk.md`
has one line for each; a test compares.
"""

from __future__ import annotations

import argparse
import dataclasses
import ipaddress
import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PREFIX = "VISAVIS_KIOSK_"
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class ConfigError(Exception):
    """An option is unknown or ill-formed; the message names it and says what is accepted."""


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("a text is expected")
    return value


def _path(value: object) -> Path:
    return Path(_text(value)).expanduser()


def _optional_path(value: object) -> Path | None:
    return _path(value) if value else None


def _networks(value: object) -> tuple[Network, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, Sequence) or not all(isinstance(part, str) for part in parts):
        raise ValueError("a list of networks such as 10.0.0.0/8 is expected")
    return tuple(ipaddress.ip_network(part.strip()) for part in parts if part.strip())


def _whole(low: int, high: int) -> Callable[[object], int]:
    def parse(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError("a whole number is expected")
        number = int(value)
        if not low <= number <= high:
            raise ValueError(f"a whole number from {low} to {high} is expected")
        return number

    return parse


def _truth(value: object) -> bool:
    words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False, "": False}
    if isinstance(value, bool):
        return value
    if not isinstance(value, str) or value.lower() not in words:
        raise ValueError("true or false is expected")
    return words[value.lower()]


def server_url(value: object) -> str:
    """Parse the server's address: https, or plain http towards this very machine only."""
    text = _text(value).rstrip("/")
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path:
        raise ValueError("an address such as https://visavis.bank.example is expected")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ValueError("plain http is for a server on this machine only; use https")
    return text


def _size(value: object) -> tuple[int, int]:
    width, _, height = _text(value).partition("x")
    if not (width.isdigit() and height.isdigit() and 64 <= int(width) <= 3840 and 64 <= int(height) <= 2160):
        raise ValueError("a size such as 1280x720 is expected")
    return int(width) // 2 * 2, int(height) // 2 * 2


def _option(default: object, parse: Callable[[object], object], text: str) -> Any:
    return dataclasses.field(default=default, metadata={"parse": parse, "help": text})


@dataclass(frozen=True, slots=True)
class Config:
    """The kiosk client's options. The server's address comes from the enrolment, not from here."""

    data: Path = _option(
        Path("~/.local/share/visavis-kiosk").expanduser(),
        _path,
        "Directory of the device key and the enrolment; made with mode 0700.",
    )
    page_port: int = _option(8700, _whole(0, 65535), "Port of the kiosk page on 127.0.0.1; 0 takes a free one.")
    document_camera: str = _option(
        "", _text, "Document camera: a V4L2 device (/dev/video2) or a folder of images. Empty: none."
    )
    ca_file: Path | None = _option(
        None, _optional_path, "PEM file of the authority that signed the server's certificate. Empty: the system's."
    )
    loopback: bool = _option(
        False, _truth, "Offer 127.0.0.1 to the media connections too: a machine without any other network address."
    )
    media_networks: tuple[Network, ...] = _option(
        (), _networks, "Networks that the server's media, and its TURN servers, may be in (10.0.0.0/8). Empty: any."
    )
    idle_s: int = _option(90, _whole(15, 3600), "Seconds without a touch after which the page asks, then starts over.")
    source: str = _option("synthetic", _text, "Headless only: picture and sound, a media file or the word synthetic.")
    picture: tuple[int, int] = _option((1280, 720), _size, "Headless only: size of the picture.")


def load(
    arguments: argparse.Namespace, environment: Mapping[str, str] = os.environ, *, file: Path | None = None
) -> Config:
    """Combine flags, environment and file. Raises ConfigError."""
    path = file or _config_file(arguments, environment)
    from_file: dict[str, object] = {}
    if path is not None:
        try:
            from_file = tomllib.loads(path.read_text("utf-8"))
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"configuration file {path}: {error}") from error
    fields = {field.name: field for field in dataclasses.fields(Config)}
    if unknown := sorted(set(from_file) - set(fields)):
        raise ConfigError(f"configuration file {path}: unknown option {unknown[0]}")
    values: dict[str, Any] = {}
    for name, field in fields.items():
        given = getattr(arguments, name, None)
        if given is None:
            given = environment.get(PREFIX + name.upper(), from_file.get(name))
        if given is None:
            continue
        try:
            values[name] = field.metadata["parse"](given)
        except ValueError as error:
            raise ConfigError(f"{name}: {error}") from error
    return Config(**values)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add one flag per option, and `--config`."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="TOML file with any of these options.")
    for field in dataclasses.fields(Config):
        flag = "--" + field.name.replace("_", "-")
        if field.type == "bool":
            parser.add_argument(flag, action="store_const", const=True, help=field.metadata["help"])
        else:
            parser.add_argument(flag, metavar="VALUE", help=field.metadata["help"])


def _config_file(arguments: argparse.Namespace, environment: Mapping[str, str]) -> Path | None:
    given = getattr(arguments, "config", None) or environment.get(PREFIX + "CONFIG")
    return Path(given) if given else None
