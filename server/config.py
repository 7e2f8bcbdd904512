"""Every option of the server, read once at start into one frozen `Config` and passed down as values.

`link/options.py` says how each is set; environment variables begin with `VISAVIS_`. `docs/operate.md` has one line for
each; a test compares.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from link.options import (
    ConfigError,
    IpNetwork,
    OptionReader,
    networks,
    one_of,
    option,
    optional_path,
    path,
    text,
    texts,
    whole,
)
from link.protocol.values import IceServer
from link.rtc.transport.turn_address import parse_url

PREFIX = "VISAVIS_"
NAME = 40
"""Characters; longer names do not fit the kiosk's header."""
LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMATS = ("auto", "console", "json")
SUITES = ("aes-256-gcm", "sm4-gcm")


def _short_name(value: object) -> str:
    given = text(value).strip()
    if len(given) > NAME or not (given.isprintable() or not given):
        raise ValueError(f"at most {NAME} characters that can be seen are expected")
    return given


def _ice_servers(value: object) -> tuple[IceServer, ...]:
    try:
        if isinstance(value, str):
            return tuple(msgspec.json.decode(value or "[]", type=list[IceServer]))
        return tuple(msgspec.convert(value, list[IceServer]))
    except (msgspec.MsgspecError, ValueError) as error:
        raise ValueError(f'a list such as [{{"urls": ["turn:192.0.2.1:3478"]}}] is expected ({error})') from error


def _turn_urls(value: object) -> tuple[str, ...]:
    urls = texts(value)
    for url in urls:
        if not parse_url(url).turn:
            raise ValueError(f"{url} is not the address of a TURN server")
    return urls


def _database(value: object) -> str:
    given = text(value)
    try:
        known = not given or make_url(given).drivername == "sqlite+aiosqlite"
    except ArgumentError:
        known = False
    if not known:
        raise ValueError("sqlite+aiosqlite:///FILE is expected")
    return given


def _timestamp_authority(value: object) -> str:
    given = text(value)
    if given and not given.startswith(("http://", "https://")):
        raise ValueError("http://… or https://… is expected")
    return given


@dataclass(frozen=True, slots=True)
class Config:
    """The server's options. Times end in their unit; paths under `data` are made with mode 0700 at first start."""

    data: Path = option(Path("var"), path, "Directory of everything the server writes and keeps.")
    host: str = option("127.0.0.1", text, "Address to listen on; with another than loopback use TLS.")
    port: int = option(8080, whole(0, 65535), "TCP port to listen on; 0 takes a free one.")
    tls_certificate: Path | None = option(
        None, optional_path, "PEM file of the certificate chain; needs tls_key. Empty: plain HTTP."
    )
    tls_key: Path | None = option(None, optional_path, "PEM file of the certificate's private key.")
    origins: tuple[str, ...] = option(
        (), texts, "Origins that pages may come from (https://expert.bank.example). Empty: the address asked for."
    )
    trusted_proxies: tuple[IpNetwork, ...] = option(
        (), networks, "Proxies whose X-Forwarded-For is believed: addresses or networks (10.0.0.0/24). Empty: none."
    )
    connections_per_address: int = option(
        512, whole(0, 60_000), "Connections of one address that nobody has logged in on; 0: as many as there can be."
    )
    database: str = option(
        "", _database, "SQLAlchemy URL of the database, so far sqlite+aiosqlite. Empty: in the data directory."
    )
    blobs: str = option(
        "", text, "Where segments and documents lie: a directory or s3://bucket/prefix. Empty: data/blobs."
    )
    empty_database: str = option(
        "refuse",
        one_of("refuse", "accept"),
        "Whether to serve although the database holds no session and recordings lie beside it: refuse or accept.",
    )
    suite: str = option("aes-256-gcm", one_of(*SUITES), "Cipher suite of new recordings.")
    site_key: Path | None = option(
        None, optional_path, "File of the 32-byte key that wraps the data keys. Empty: data/keys/site.key."
    )
    key_service: str = option(
        "", text, "URL of a HashiCorp Vault whose transit engine wraps the data keys. Empty: the site's key does."
    )
    key_service_key: str = option("transit/visavis", text, "Mount and name of the transit engine's key there.")
    key_service_token: Path | None = option(None, optional_path, "File of the token for it; needs key_service.")
    signing_key: Path | None = option(
        None, optional_path, "File of the 32-byte Ed25519 key that signs checkpoints. Empty: data/keys/signing.key."
    )
    checkpoints: str = option(
        "",
        text,
        "Second place of the signed checkpoints, best on another disk: a directory or s3://bucket/prefix. "
        "Empty: data/checkpoints.",
    )
    timestamp_authority: str = option(
        "",
        _timestamp_authority,
        "URL of an authority (RFC 3161) that time-stamps checkpoints; needs timestamp_certificate. Empty: none.",
    )
    timestamp_certificate: Path | None = option(
        None, optional_path, "PEM file of its root certificate, and of those in between that its answers lack."
    )
    timestamp_minutes: int = option(10, whole(1, 1440), "Minutes between two time stamps while something happens.")
    login_key: Path | None = option(
        None, optional_path, "File of the 32-byte key that signs login cookies. Empty: data/keys/login.key."
    )
    login_minutes: int = option(15, whole(1, 60), "Life of a login cookie; pages renew it while they are open.")
    login_hours: int = option(12, whole(1, 72), "Longest life of a login, however busy.")
    enrolment_minutes: int = option(10, whole(1, 1440), "Life of a kiosk's one-time enrolment code.")
    notice: Path | None = option(
        None, optional_path, "TOML file of the recording notice (version, text_zh, text_en). Empty: the text included."
    )
    purposes: Path | None = option(
        None,
        optional_path,
        "TOML file of what recordings are opened for ([[purpose]] with code, zh, en). Empty: the list included.",
    )
    purpose_minutes: int = option(
        120, whole(5, 720), "Minutes for which a stated purpose opens a recording to the person who stated it."
    )
    export_approval: str = option(
        "off",
        one_of("off", "required"),
        "required: an export of a recording needs a second person's yes.",
    )
    approval_hours: int = option(
        24, whole(1, 168), "Hours in which such a request is decided, and in which an approved one is used."
    )
    bank_zh: str = option("", _short_name, "The bank's name in Chinese, as kiosks show it at the top. Empty: none.")
    bank_en: str = option("", _short_name, "The bank's name in English. Empty: the Chinese one.")
    ice_servers: tuple[IceServer, ...] = option(
        (), _ice_servers, "STUN and TURN servers as JSON, as in RTCIceServer. There is no default."
    )
    turn_urls: tuple[str, ...] = option(
        (), _turn_urls, "TURN servers that share turn_secret (turn:192.0.2.1:3478?transport=udp). There is no default."
    )
    turn_secret: Path | None = option(
        None, optional_path, "File of that secret, coturn's static-auth-secret; needs turn_urls."
    )
    turn_lifetime_s: int = option(600, whole(30, 86400), "Seconds in which the credentials made for a leg open it.")
    media_networks: tuple[IpNetwork, ...] = option(
        (), networks, "Networks that far ends of media, and their TURN servers, may be in (10.0.0.0/8). Empty: any."
    )
    ice_policy: str = option("all", one_of("all", "relay"), "relay: media takes no way but through a TURN server.")
    heartbeat_s: int = option(5, whole(1, 120), "Seconds of silence after which a WebSocket is pinged.")
    ring_s: int = option(20, whole(5, 120), "Seconds a call rings at one specialist before the next is tried.")
    specialist_grace_s: int = option(
        20,
        whole(1, 120),
        "Seconds a lost specialist has to return before the call goes back to the queue; 8 at most after a crash.",
    )
    kiosk_grace_s: int = option(40, whole(5, 600), "Seconds a lost kiosk has to return before its call is ended.")
    closing_s: int = option(600, whole(10, 3600), "Seconds after a call in which rating and disposition are taken.")
    late_media_s: int = option(
        180,
        whole(0, 3600),
        "Seconds after a call in which a recording waits for what the network lost of its kiosk; 0: none is fetched.",
    )
    retention_hours: int = option(
        0,
        whole(0, 8760),
        "Hours between two passes that delete what no rule of retention and no hold keeps; 0: only by command.",
    )
    minimum_free_mb: int = option(
        1024, whole(0, 10**9), "Free space in MiB of the data directory below which no new call is taken."
    )
    log_level: str = option("info", one_of(*LOG_LEVELS), "Least level that is logged.")
    log_format: str = option("auto", one_of(*LOG_FORMATS), "Log lines as console text or JSON; auto: by terminal.")

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
    def signing_key_file(self) -> Path:
        """File of the key that signs checkpoints and changes of who may do what."""
        return self.signing_key or self.data / "keys" / "signing.key"

    @property
    def checkpoints_location(self) -> str:
        """The directory or S3 address of the checkpoints' second place."""
        return self.checkpoints or str((self.data / "checkpoints").absolute())

    @property
    def login_key_file(self) -> Path:
        """File of the key that signs login cookies."""
        return self.login_key or self.data / "keys" / "login.key"


_reader = OptionReader(Config, PREFIX)
options = _reader.options
add_flags = _reader.add_flags


def load(flags: Mapping[str, object] | None = None, environment: Mapping[str, str] | None = None) -> Config:
    """Read the options as `OptionReader.load` does.

    Raises:
        ConfigError: as there, and where two options contradict each other.
    """
    config = _reader.load(flags, environment)
    if (config.tls_certificate is None) != (config.tls_key is None):
        raise ConfigError("tls_certificate and tls_key belong together: set both or neither")
    if bool(config.turn_urls) != (config.turn_secret is not None):
        raise ConfigError("turn_urls and turn_secret belong together: set both or neither")
    if bool(config.key_service) != (config.key_service_token is not None):
        raise ConfigError("key_service and key_service_token belong together: set both or neither")
    if config.timestamp_authority and config.timestamp_certificate is None:
        raise ConfigError("timestamp_authority needs timestamp_certificate")
    if config.ice_policy == "relay" and not (config.turn_urls or config.ice_servers):
        raise ConfigError("ice_policy relay needs turn_urls")
    return config
