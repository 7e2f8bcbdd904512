"""The start-up check passes here, and finds what an upgrade could take away."""

from __future__ import annotations

import asyncio

import pytest
from aioice import ice
from aiortc.rtcdtlstransport import RTCDtlsTransport

from link.rtc.transport import library_check
from link.rtc.transport.library_check import Incompatible, check


def test_this_installation_is_the_right_one() -> None:
    check()


async def test_also_inside_a_running_loop() -> None:
    before = len(asyncio.all_tasks())
    check()
    assert len(asyncio.all_tasks()) == before


def test_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(library_check.VERSIONS, "aiortc", "1.17.0")
    with pytest.raises(Incompatible, match=r"aiortc 1\.17\.0 is needed, 1\.16\.0 is installed"):
        check()


def test_a_method_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(ice.Connection, "build_request")
    with pytest.raises(Incompatible, match="build_request does not exist"):
        check()


def test_a_method_that_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    def _set_role(self: object, role: str, force: bool) -> None: ...

    monkeypatch.setattr(RTCDtlsTransport, "_set_role", _set_role)
    with pytest.raises(Incompatible, match="_set_role takes"):
        check()


def test_an_attribute_that_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(library_check._CONNECTION, "_nominated", list)
    with pytest.raises(Incompatible, match=r"Connection\._nominated"):
        check()


def test_a_binding_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library_check, "_BINDING", ("srtp_protect_everything",))
    with pytest.raises(Incompatible, match="srtp_protect_everything"):
        check()


def test_a_transaction_that_waits_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    def plain(self: object) -> None: ...

    monkeypatch.setattr("aioice.stun.Transaction.__init__", plain)
    with pytest.raises(Incompatible, match="__timeout_delay does not exist"):
        check()
