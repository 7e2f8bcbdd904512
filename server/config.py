"""Every option of the server, read once at start into one frozen `Config` and passed down as values.

An option `name` is set, strongest first, by the flag `--name` (dashes for underscores), the environment variable
`VISAVIS_NAME`, or the key `name` of a TOML file named by `--config` or `VISAVIS_CONFIG`. `docs/operate.md` has one line
for each; a test compares.
"""

from __future__ import annotations

import argparse
import dataclasses
import ipaddress
import os
import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from link.protocol.values import IceServer
from link.rtc.transport.turn_address import parse_url

PREFIX = "VISAVIS_"
NAME = 40
"""The longest name that fits where customers read it."""
LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMATS = ("auto", "console", "json")
SUITES = ("aes-256-gcm", "sm4-gcm")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class ConfigError(Exception):
    """An option is unknown, ill-formed or contradicts another; the message names it and says what is accepted."""


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("a text is expected")
    return value


def _path(value: object) -> Path:
    text = _text(value)
    if not text:
        raise ValueError("a path is expected")
    return Path(text).expanduser()


def _optional_path(value: object) -> Path | None:
    return _path(value) if value != "" else None


def _short_name(value: object) -> str:
    text = _text(value).strip()
    if len(text) > NAME or not (text.isprintable() or not text):
        raise ValueError(f"at most {NAME} characters that can be seen are expected")
    return text


def _whole(low: int, high: int) -> Callable[[object], int]:
    def parse(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError("a whole number is expected")
        number = int(value)
        if not low <= number <= high:
            raise ValueError(f"a whole number from {low} to {high} is expected")
        return number

    return parse


def _one_of(*choices: str) -> Callable[[object], str]:
    def parse(value: object) -> str:
        if value not in choices:
            raise ValueError(f"one of {', '.join(choices)} is expected")
        return str(value)

    return parse


def _texts(value: object) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, Sequence) or not all(isinstance(part, str) for part in parts):
        raise ValueError("a list of texts is expected")
    return tuple(part.strip() for part in parts if part.strip())


def _networks(value: object) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(part) for part in _texts(value))


def _ice_servers(value: object) -> tuple[IceServer, ...]:
    try:
        if isinstance(value, str):
            return tuple(msgspec.json.decode(value or "[]", type=list[IceServer]))
        return tuple(msgspec.convert(value, list[IceServer]))
    except (msgspec.MsgspecError, ValueError) as error:
        raise ValueError(f'a list such as [{{"urls": ["turn:192.0.2.1:3478"]}}] is expected ({error})') from error


def _turn_urls(value: object) -> tuple[str, ...]:
    urls = _texts(value)
    for url in urls:
        if not parse_url(url).turn:
            raise ValueError(f"{url} is not the address of a TURN server")
    return urls


def _database(value: object) -> str:
    text = _text(value)
    try:
        known = not text or make_url(text).drivername == "sqlite+aiosqlite"
    except ArgumentError:
        known = False
    if not known:
        raise ValueError("sqlite+aiosqlite:///FILE is expected")
    return text


def _option(default: object, parse: Callable[[object], object], text: str) -> Any:
    return dataclasses.field(default=default, metadata={"parse": parse, "help": text})


@dataclass(frozen=True, slots=True)
class Config:
    """The server's options. Times end in their unit; paths under `data` are made with mode 0700 at first start."""

    data: Path = _option(Path("var"), _path, "Directory of everything the server writes and keeps.")
    host: str = _option("127.0.0.1", _text, "Address to listen on; with another than loopback use TLS.")
    port: int = _option(8080, _whole(0, 65535), "TCP port to listen on; 0 takes a free one.")
    tls_certificate: Path | None = _option(
        None, _optional_path, "PEM file of the certificate chain; needs tls_key. Empty: plain HTTP."
    )
    tls_key: Path | None = _option(None, _optional_path, "PEM file of the certificate's private key.")
    origins: tuple[str, ...] = _option(
        (), _texts, "Origins that pages may come from (https://expert.bank.example). Empty: the address asked for."
    )
    trusted_proxies: tuple[Network, ...] = _option(
        (), _networks, "Proxies whose X-Forwarded-For is believed: addresses or networks (10.0.0.0/24). Empty: none."
    )
    connections_per_address: int = _option(
        512, _whole(0, 60_000), "Connections of one address that nobody has logged in on; 0: as many as there can be."
    )
    database: str = _option(
        "", _database, "SQLAlchemy URL of the database, so far sqlite+aiosqlite. Empty: in the data directory."
    )
    blobs: str = _option(
        "", _text, "Where segments and documents lie: a directory or s3://bucket/prefix. Empty: data/blobs."
    )
    empty_database: str = _option(
        "refuse",
        _one_of("refuse", "accept"),
        "Whether to serve although the database holds no session and recordings lie beside it: refuse or accept.",
    )
    suite: str = _option("aes-256-gcm", _one_of(*SUITES), "Cipher suite of new recordings.")
    site_key: Path | None = _option(
        None, _optional_path, "File of the 32-byte key that wraps the data keys. Empty: data/keys/site.key."
    )
    login_key: Path | None = _option(
        None, _optional_path, "File of the 32-byte key that signs login cookies. Empty: data/keys/login.key."
    )
    login_minutes: int = _option(15, _whole(1, 60), "Life of a login cookie; pages renew it while they are open.")
    login_hours: int = _option(12, _whole(1, 72), "Longest life of a login, however busy.")
    enrolment_minutes: int = _option(10, _whole(1, 1440), "Life of a kiosk's one-time enrolment code.")
    notice: Path | None = _option(
        None, _optional_path, "TOML file of the recording notice (version, text_zh, text_en). Empty: the text included."
    )
    bank_zh: str = _option("", _short_name, "The bank's name in Chinese, as kiosks show it at the top. Empty: none.")
    bank_en: str = _option("", _short_name, "The bank's name in English. Empty: the Chinese one.")
    ice_servers: tuple[IceServer, ...] = _option(
        (), _ice_servers, "STUN and TURN servers as JSON, as in RTCIceServer. There is no default."
    )
    turn_urls: tuple[str, ...] = _option(
        (), _turn_urls, "TURN servers that share turn_secret (turn:192.0.2.1:3478?transport=udp). There is no default."
    )
    turn_secret: Path | None = _option(
        None, _optional_path, "File of that secret, coturn's static-auth-secret; needs turn_urls."
    )
    turn_lifetime_s: int = _option(600, _whole(30, 86400), "Seconds in which the credentials made for a leg open it.")
    media_networks: tuple[Network, ...] = _option(
        (), _networks, "Networks that far ends of media, and their TURN servers, may be in (10.0.0.0/8). Empty: any."
    )
    ice_policy: str = _option("all", _one_of("all", "relay"), "relay: media takes no way but through a TURN server.")
    heartbeat_s: int = _option(5, _whole(1, 120), "Seconds of silence after which a WebSocket is pinged.")
    ring_s: int = _option(20, _whole(5, 120), "Seconds a call rings at one specialist before the next is tried.")
    specialist_grace_s: int = _option(
        20,
        _whole(1, 120),
        "Seconds a lost specialist has to return before the call goes back to the queue; 8 at most after a crash.",
    )
    kiosk_grace_s: int = _option(40, _whole(5, 600), "Seconds a lost kiosk has to return before its call is ended.")
    closing_s: int = _option(600, _whole(10, 3600), "Seconds after a call in which rating and disposition are taken.")
    minimum_free_mb: int = _option(
        1024, _whole(0, 10**9), "Free space in MiB of the data directory below which no new call is taken."
    )
    log_level: str = _option("info", _one_of(*LOG_LEVELS), "Least level that is logged.")
    log_format: str = _option("auto", _one_of(*LOG_FORMATS), "Log lines as console text or JSON; auto: by terminal.")

    @property
    def tls(self) -> bool:
        """True when the server itself speaks HTTPS."""
        return self.tls_certificate is not None

    @property
    def database_url(self) -> str:
        """SQLAlchemy URL of the database with its asynchronous driver."""
        return self.database or f"sqlite+aiosqlite:///{(self.data / 'visavis.sqlite3').absolute()}"

    @property
    def blobs_location(self) -> str:
        """The blobs' directory or S3 address."""
        return self.blobs or str((self.data / "blobs").absolute())

    @property
    def spool(self) -> Path:
        """Directory of the segments that are still being written."""
        return self.data / "spool"

    @property
    def site_key_file(self) -> Path:
        """File of the key that wraps data keys."""
        return self.site_key or self.data / "keys" / "site.key"

    @property
    def login_key_file(self) -> Path:
        """File of the key that signs login cookies."""
        return self.login_key or self.data / "keys" / "login.key"


def options() -> dict[str, dataclasses.Field[Any]]:
    """Every option by its name, with its default and, in its metadata, `help` and `parse`."""
    return {field.name: field for field in dataclasses.fields(Config)}


def add_flags(parser: argparse.ArgumentParser, names: Collection[str] | None = None) -> None:
    """Give `parser` one flag for each option (or for those in `names`), and `--config`."""
    group = parser.add_argument_group("options", f"Each can also be set as {PREFIX}NAME or in the TOML file.")
    group.add_argument("--config", metavar="FILE", help="TOML file with options.")
    for name, field in options().items():
        if names is None or name in names:
            text = str(field.metadata["help"]).replace("%", "%%")
            group.add_argument(f"--{name.replace('_', '-')}", dest=name, metavar="VALUE", help=text)


def load(flags: Mapping[str, object] | None = None, environment: Mapping[str, str] | None = None) -> Config:
    """Read the options from flags (other names in them are left alone), the environment and the TOML file.

    Raises:
        ConfigError: naming the option and where its bad value came from.
    """
    environment = os.environ if environment is None else environment
    known = {*options(), "config"}
    given = {name: value for name, value in (flags or {}).items() if name in known and value is not None}
    file = given.pop("config", None) or environment.get(f"{PREFIX}CONFIG") or None
    values = {name: (value, str(file)) for name, value in _read_file(str(file)).items()} if file else {}
    for name in options():
        variable = PREFIX + name.upper()
        if variable in environment:
            values[name] = (environment[variable], variable)
        if name in given:
            values[name] = (given[name], "--" + name.replace("_", "-"))
    parsed: dict[str, Any] = {name: _parse(name, value, source) for name, (value, source) in values.items()}
    config = Config(**parsed)
    if (config.tls_certificate is None) != (config.tls_key is None):
        raise ConfigError("tls_certificate and tls_key belong together: set both or neither")
    if bool(config.turn_urls) != (config.turn_secret is not None):
        raise ConfigError("turn_urls and turn_secret belong together: set both or neither")
    if config.ice_policy == "relay" and not (config.turn_urls or config.ice_servers):
        raise ConfigError("ice_policy relay needs turn_urls")
    return config


def _read_file(path: str) -> dict[str, object]:
    try:
        values = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"the configuration file {path} cannot be read: {error}") from error
    unknown = sorted(set(values) - set(options()))
    if unknown:
        raise ConfigError(f"{path}: unknown option {', '.join(unknown)}")
    return values


def _parse(name: str, value: object, source: str) -> object:
    parse: Callable[[object], object] = options()[name].metadata["parse"]
    try:
        return parse(value)
    except ValueError as error:
        raise ConfigError(f"{source}: {name}: {error}") from error
