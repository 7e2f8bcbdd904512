from __future__ import annotations

import argparse
import dataclasses
import re
from pathlib import Path

import pytest

from link.options import ConfigError
from link.protocol.values import IceServer
from server.blobs.suite import SUITES
from server.config import SUITES as CONFIGURED_SUITES
from server.config import Config, add_flags, load, options
from server.session.graces import Graces

DOCS = Path(__file__).parents[2] / "docs" / "operate.md"


def test_every_option_has_its_line_in_the_document() -> None:
    lines = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*) \|$", DOCS.read_text("utf-8"), re.MULTILINE)
    expected = []
    for name, field in options().items():
        default = "–" if field.default in (None, "", ()) else f"`{field.default}`"
        expected.append((name, default, field.metadata["help"]))
    assert lines == expected


def test_the_suites_are_those_there_are() -> None:
    assert set(CONFIGURED_SUITES) == set(SUITES)


def test_flags_beat_the_environment_which_beats_the_file(tmp_path: Path) -> None:
    file = tmp_path / "visavis.toml"
    file.write_text('host = "192.0.2.1"\nport = 1\nring_s = 30\norigins = ["https://a.example", "https://b.example"]\n')
    environment = {"VISAVIS_CONFIG": str(file), "VISAVIS_PORT": "2", "VISAVIS_RING_S": "25", "OTHER": "x"}
    config = load({"ring_s": "15", "data": None, "json": True}, environment)
    assert (config.host, config.port, config.ring_s) == ("192.0.2.1", 2, 15)
    assert config.origins == ("https://a.example", "https://b.example")
    assert config.data == Path("var")


def test_nothing_needs_to_be_set() -> None:
    assert load({}, {}) == Config()


def test_every_option_can_be_a_flag() -> None:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    given = vars(parser.parse_args(["--minimum-free-mb", "7", "--log-format", "json", "--data", "~/x"]))
    config = load(given, {})
    assert (config.minimum_free_mb, config.log_format, config.data) == (7, "json", Path.home() / "x")
    assert set(given) == {*options(), "config"}


def test_ice_servers_are_read_from_json_and_toml(tmp_path: Path) -> None:
    server = IceServer(["turn:192.0.2.1:3478"], "user", "secret")
    text = '[{"urls": ["turn:192.0.2.1:3478"], "username": "user", "credential": "secret"}]'
    assert load({}, {"VISAVIS_ICE_SERVERS": text}).ice_servers == (server,)
    file = tmp_path / "visavis.toml"
    file.write_text('[[ice_servers]]\nurls = ["turn:192.0.2.1:3478"]\nusername = "user"\ncredential = "secret"\n')
    assert load({"config": str(file)}, {}).ice_servers == (server,)
    assert Config().ice_servers == (), "there is never a public default"


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"VISAVIS_PORT": "x"}, "VISAVIS_PORT: port"),
        ({"VISAVIS_PORT": "70000"}, "from 0 to 65535"),
        ({"VISAVIS_SUITE": "rot13"}, "aes-256-gcm"),
        ({"VISAVIS_ICE_SERVERS": "turn:x"}, "ice_servers"),
        ({"VISAVIS_ICE_SERVERS": '[{"url": "x"}]'}, "ice_servers"),
        ({"VISAVIS_TRUSTED_PROXIES": "10.0.0.1/24"}, "host bits set"),
        ({"VISAVIS_DATA": ""}, "a path is expected"),
        ({"VISAVIS_TLS_KEY": "key.pem"}, "belong together"),
        ({"VISAVIS_TIMESTAMP_AUTHORITY": "https://tsa.example/"}, "needs timestamp_certificate"),
        ({"VISAVIS_TIMESTAMP_AUTHORITY": "tsa.example"}, "http://… or https://… is expected"),
        ({"VISAVIS_CONFIG": "/nowhere.toml"}, "cannot be read"),
        ({"VISAVIS_LOG_LEVEL": "loud"}, "debug, info"),
        ({"VISAVIS_BANK_ZH": "银" * 41}, "at most 40 characters"),
        ({"VISAVIS_BANK_EN": "a\nb"}, "that can be seen"),
    ],
)
def test_a_bad_value_is_named_with_where_it_came_from(environment: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)):
        load({}, environment)


@pytest.mark.parametrize("text", ["prot = 1", "port = true", "port = [1]", "host = 1", "= 1"])
def test_a_bad_file_is_told(tmp_path: Path, text: str) -> None:
    file = tmp_path / "visavis.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"visavis\.toml"):
        load({"config": str(file)}, {})


def test_the_rest_lies_in_the_data_directory() -> None:
    config = Config(data=Path("/srv/visavis"))
    assert config.database_url == "sqlite+aiosqlite:////srv/visavis/visavis.sqlite3"
    assert config.blobs_location == "/srv/visavis/blobs"
    assert config.site_key_file == Path("/srv/visavis/keys/site.key")
    assert config.login_key_file == Path("/srv/visavis/keys/login.key")
    assert config.spool == Path("/srv/visavis/spool")
    assert not config.tls


def test_the_configuration_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().port = 1  # type: ignore[misc]


def test_the_machine_waits_by_default_as_the_configuration_says() -> None:
    config, graces = Config(), Graces()
    assert (graces.ring, graces.specialist_lost, graces.kiosk_lost, graces.close) == (
        config.ring_s,
        config.specialist_grace_s,
        config.kiosk_grace_s,
        config.closing_s,
    )
