"""Options of the kiosk client: precedence, errors, and that the documentation names each."""

from __future__ import annotations

import argparse
import dataclasses
import re
from pathlib import Path

import pytest

from kiosk_client.config import Config, add_flags, load, server_url
from link.options import ConfigError, path, truth

DOCS = Path(__file__).parent.parent.parent / "docs" / "kiosk.md"


def parse(*flags: str) -> dict[str, object]:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    return vars(parser.parse_args(flags))


def test_defaults_need_nothing() -> None:
    assert load(parse(), {}) == Config()


def test_a_flag_beats_the_environment_which_beats_the_file(tmp_path: Path) -> None:
    file = tmp_path / "kiosk.toml"
    file.write_text('page_port = 1111\nidle_s = 45\ndocument_camera = "/dev/video9"\nloopback = true\n')
    environment = {"VISAVIS_KIOSK_PAGE_PORT": "2222", "VISAVIS_KIOSK_IDLE_S": "60"}
    config = load(parse("--config", str(file), "--page-port", "3333"), environment)
    assert (config.page_port, config.idle_s, config.document_camera) == (3333, 60, "/dev/video9")
    assert config.loopback is True


def test_the_file_may_be_named_by_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "kiosk.toml"
    file.write_text('picture = "640x361"')
    assert load(parse(), {"VISAVIS_KIOSK_CONFIG": str(file)}).picture == (640, 360)


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        (["--page-port", "x"], "page_port"),
        (["--page-port", "70000"], "page_port"),
        (["--idle-s", "1"], "idle_s"),
        (["--picture", "big"], "picture"),
        (["--picture", "10x10"], "picture"),
        (["--config", "/nowhere/kiosk.toml"], "nowhere"),
    ],
)
def test_a_wrong_option_is_named(flags: list[str], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        load(parse(*flags), {})


def test_an_unknown_option_in_the_file_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "kiosk.toml"
    file.write_text("page_prot = 1\n")
    with pytest.raises(ConfigError, match="page_prot"):
        load(parse("--config", str(file)), {})


@pytest.mark.parametrize("url", ["https://visavis.bank.example", "http://127.0.0.1:8080", "http://localhost:8080/"])
def test_servers_that_may_be_used(url: str) -> None:
    assert server_url(url) == url.rstrip("/")


@pytest.mark.parametrize("url", ["http://visavis.bank.example", "ftp://a", "visavis", "https://a/b", "", "http://"])
def test_servers_that_may_not(url: str) -> None:
    with pytest.raises(ValueError):
        server_url(url)


def test_every_option_has_its_line_in_the_document() -> None:
    lines = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*) \|$", DOCS.read_text("utf-8"), re.MULTILINE)
    written = {"data": "~/.local/share/visavis-kiosk", "loopback": "false", "picture": "1280x720"}
    expected = []
    for field in dataclasses.fields(Config):
        default = "–" if field.default in (None, "", ()) else f"`{written.get(field.name, field.default)}`"
        expected.append((field.name, default, field.metadata["help"]))
    assert lines == expected
    assert Config().data == path(written["data"])
    assert Config().loopback is truth(written["loopback"])
    assert load(parse("--picture", written["picture"]), {}) == Config()


def test_networks_of_the_servers_media(tmp_path: Path) -> None:
    file = tmp_path / "kiosk.toml"
    file.write_text('media_networks = ["10.0.0.0/8"]')
    assert [str(n) for n in load(parse("--config", str(file)), {}).media_networks] == ["10.0.0.0/8"]
    told = load(parse("--media-networks", "10.1.0.0/16, 2001:db8::/32"), {}).media_networks
    assert [str(network) for network in told] == ["10.1.0.0/16", "2001:db8::/32"]
    for wrong in ("10.0.0.1/8", "anywhere"):
        with pytest.raises(ConfigError, match="media_networks"):
            load(parse("--media-networks", wrong), {})
