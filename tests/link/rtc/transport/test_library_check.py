"""The start-up check passes here, and finds what an upgrade could take away."""

from __future__ import annotations

import ast
import asyncio
import re
import tomllib
from pathlib import Path

import pytest
from aioice import ice
from aiortc.rtcdtlstransport import RTCDtlsTransport

from link.rtc.transport import library_check
from link.rtc.transport.library_check import Incompatible, check

ROOT = Path(__file__).parents[4]
HERE = ROOT / "link" / "rtc" / "transport"


def foreign_names(path: Path) -> set[str]:
    """The private names, and modules, of others that a module uses."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Attribute(value=ast.Name("self" | "cls")):
                continue
            case ast.Attribute(attr=str(name)) if name.startswith("_") and not name.startswith("__"):
                names.add(name)
            case ast.ImportFrom(module=str(name)) if "._" in name:
                names.add(name.rpartition(".")[2])
    return names


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


def test_every_private_name_that_is_used_is_checked() -> None:
    checked = (HERE / "library_check.py").read_text()
    for path in (ROOT / "link" / "rtc").rglob("*.py"):
        for name in foreign_names(path):
            assert re.search(rf"(?<![a-z_]){name}\b", checked), f"{path.name} uses {name}"


def test_modules_that_use_private_names_are_the_documented_ones() -> None:
    users = {path for path in (ROOT / "link" / "rtc").rglob("*.py") if foreign_names(path)}
    assert {path.parent for path in users} == {HERE}
    said = (ROOT / "docs" / "media.md").read_text().rpartition("## Versions")[2]
    assert {path.name for path in users} - {"library_check.py"} == set(re.findall(r"`(\w+\.py)`", said))
    ignored = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]["per-file-ignores"]
    allowed = {ROOT / name for name, rules in ignored.items() if "SLF001" in rules and name.startswith("link/rtc/")}
    assert {path for path in users if foreign_names(path) != {"_binding"}} == allowed
