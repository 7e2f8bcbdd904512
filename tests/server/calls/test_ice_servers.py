"""ICE servers: made new for each leg, the secret never leaves the server."""

from __future__ import annotations

import base64
import hashlib
import hmac
from pathlib import Path

import pytest

from link.options import ConfigError
from link.protocol import client as m
from link.protocol.errors import VisavisError
from link.protocol.server import LegServers
from link.protocol.values import IceServer
from server.calls.ice_servers import IceServers, leg_maker
from server.config import Config, load

SECRET = "0123456789abcdef-of-a-test"
URL = "turn:192.0.2.1:3478?transport=tcp"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "turn.secret"
    file.write_text(f"{SECRET}\n")
    return file


def test_credentials_are_those_coturn_checks(secret: Path) -> None:
    servers = IceServers(Config(turn_urls=(URL,), turn_secret=secret, turn_lifetime_s=60), now=lambda: 1000.9)
    [server] = servers.for_leg("k1")
    assert server.urls == [URL]
    assert server.username == "1060:k1"
    wanted = hmac.new(SECRET.encode(), b"1060:k1", hashlib.sha1).digest()
    assert base64.b64decode(server.credential) == wanted
    assert SECRET not in repr(servers.message("k1"))


def test_each_leg_gets_its_own(secret: Path) -> None:
    times = iter([0.0, 5.0])
    servers = IceServers(Config(turn_urls=(URL,), turn_secret=secret), now=lambda: next(times))
    assert servers.for_leg("k1")[0].credential != servers.for_leg("k1")[0].credential


def test_there_is_no_default_and_fixed_servers_stay_as_they_are() -> None:
    assert IceServers(Config()).message("k1") == LegServers([], relay_only=False)
    fixed = IceServer(["stun:192.0.2.1"])
    assert IceServers(Config(ice_servers=(fixed,))).for_leg("k1") == [fixed]


def test_a_secret_that_cannot_be_used_is_named_but_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "short"
    file.write_text("hunter2")
    with pytest.raises(ConfigError, match="less than 16") as error:
        IceServers(Config(turn_urls=(URL,), turn_secret=file))
    assert "hunter2" not in str(error.value)
    with pytest.raises(ConfigError, match="cannot be read"):
        IceServers(Config(turn_urls=(URL,), turn_secret=tmp_path / "none"))


@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        ({"VISAVIS_TURN_URLS": URL}, "belong together"),
        ({"VISAVIS_TURN_SECRET": "/x"}, "belong together"),
        ({"VISAVIS_TURN_URLS": "stun:192.0.2.1"}, "not the address of a TURN server"),
        ({"VISAVIS_TURN_URLS": "192.0.2.1"}, "an address such as turn:"),
        ({"VISAVIS_ICE_POLICY": "relay"}, "needs turn_urls"),
        ({"VISAVIS_ICE_POLICY": "none"}, "one of all, relay"),
        ({"VISAVIS_TURN_LIFETIME_S": "3"}, "from 30"),
    ],
)
def test_options_that_contradict_are_refused(environment: dict[str, str], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        load({}, environment)


async def test_relay_only_holds_for_the_servers_own_legs(secret: Path) -> None:
    config = Config(turn_urls=("turn:127.0.0.1:9?transport=tcp",), turn_secret=secret, ice_policy="relay")
    leg = leg_maker(config, IceServers(config))("test", lambda _: None)
    with pytest.raises(ConnectionError):
        await leg.offer()
    await leg.close()


async def test_only_who_is_in_the_session_is_told(open_bank, secret: Path) -> None:  # type: ignore[no-untyped-def]
    bank = await open_bank(turn_urls=(URL,), turn_secret=secret)
    kiosk, other = await bank.kiosk("k1"), await bank.kiosk("k2")
    session = (await kiosk.call()).id
    told = await kiosk.ask(m.LegPrepare(session))
    assert isinstance(told, LegServers)
    assert told.ice_servers[0].urls == [URL]
    with pytest.raises(VisavisError) as refused:
        await other.ask(m.LegPrepare(session))
    assert refused.value.code == "not_found"


@pytest.mark.parametrize(
    ("config", "allowed"),
    [
        (Config(host="0.0.0.0"), {"10.0.0.7", "203.0.113.9"}),
        (Config(), {"10.0.0.7", "203.0.113.9", "127.0.0.1"}),
        (load({"host": "0.0.0.0", "media_networks": "10.0.0.0/8"}, {}), {"10.0.0.7"}),
        (load({"media_networks": "10.0.0.0/8"}, {}), {"10.0.0.7", "127.0.0.1"}),
    ],
)
async def test_where_the_far_end_of_a_leg_may_be(config: Config, allowed: set[str]) -> None:
    leg = leg_maker(config, IceServers(config))("kiosk", lambda _: None)
    reach = leg._transport._reach
    reach.here(["192.168.1.9"])
    hosts = ("10.0.0.7", "203.0.113.9", "127.0.0.1", "169.254.169.254", "224.0.0.1")
    assert {host for host in hosts if reach.allows(host, 50_000)} == allowed
    assert not reach.allows("192.168.1.9", config.port)
    await leg.close()
