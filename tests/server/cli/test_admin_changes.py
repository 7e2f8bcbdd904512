"""What an administrator changes of people and kiosks that are there already, and the command's own version."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from kiosk_client.__main__ import main as kiosk
from server.cli.main import main as server
from tests.server.cli.test_commands import Command, command

__all__ = ["command"]
ROOT = Path(__file__).parents[3]


@pytest.fixture
def bank(command: Command) -> Command:
    """Two branches, two services, a kiosk and a specialist."""
    for branch in ("east", "west"):
        command.good("admin", "branch", "add", branch, "--zh", "支行", "--en", branch)
    command.good("admin", "service", "add", "wealth", "--zh", "理财", "--en", "Wealth")
    command.good("admin", "service", "add", "loans", "--zh", "贷款", "--en", "Loans", "--skill", "credit")
    command.good("admin", "kiosk", "add", "k-1", "--name", "一号机", "--branch", "east")
    adding = ("admin", "person", "add", "li", "--name", "李", "--role", "specialist@east", "--role", "guide@east")
    command.good(*adding, "--skill", "wealth", stdin="correct horse battery\n")
    return command


def test_everything_about_a_person_can_be_changed(bank: Command) -> None:
    setting = ("admin", "person", "set", "li")
    assert bank.good(*setting, "--name", "李雷")["name"] == "李雷"
    assert bank.good(*setting, "--language", "en", "--language", "zh-CN")["languages"] == ["en", "zh-CN"]
    assert bank.good(*setting, "--skill", "credit", "--skill", "wealth")["skills"] == ["credit", "wealth"]
    moved = bank.good(*setting, "--branch", "west")
    assert moved["roles"] == ["guide@west", "specialist@west"]
    assert (moved["name"], moved["languages"], moved["skills"]) == ("李雷", ["en", "zh-CN"], ["credit", "wealth"])
    assert bank.good(*setting, "--branch", "*")["roles"] == ["guide@*", "specialist@*"]
    assert bank.good(*setting, "--no-skills")["skills"] == []
    assert bank.good("admin", "person", "list")[0]["name"] == "李雷"


def test_everything_about_a_kiosk_can_be_changed(bank: Command) -> None:
    setting = ("admin", "kiosk", "set", "k-1")
    assert bank.good(*setting, "--name", "二号机")["name"] == "二号机"
    moved = bank.good(*setting, "--branch", "west")
    assert (moved["name"], moved["branch"], moved["state"]) == ("二号机", "west", "new")


def test_unknown_skills_are_refused_and_the_known_ones_listed(bank: Command) -> None:
    adding = ("admin", "person", "add", "wu", "--name", "吴", "--role", "specialist@*", "--skill", "welth")
    for command_line in (adding, ("admin", "person", "set", "li", "--skill", "wealth", "--skill", "welth")):
        refused = bank(*command_line, stdin="correct horse battery\n")
        assert refused.code == 1
        assert "welth" in refused.err
        assert "credit, wealth" in refused.err
    assert [person["skills"] for person in bank.good("admin", "person", "list")] == [["wealth"]]


@pytest.mark.parametrize(
    ("command_line", "told"),
    [
        (("person", "set", "nobody", "--name", "x"), "no person"),
        (("person", "set", "li"), "nothing to change"),
        (("person", "set", "li", "--branch", "north"), "no branch north"),
        (("person", "set", "li", "--language", "fr"), "no language"),
        (("person", "set", "li", "--name", " "), "no name"),
        (("kiosk", "set", "k-9", "--name", "x"), "no kiosk"),
        (("kiosk", "set", "k-1"), "nothing to change"),
        (("kiosk", "set", "k-1", "--branch", "north"), "no branch north"),
    ],
)
def test_what_cannot_be_changed_is_told_and_changes_nothing(
    bank: Command, command_line: tuple[str, ...], told: str
) -> None:
    before = bank.good("admin", "person", "list"), bank.good("admin", "kiosk", "list")
    refused = bank("admin", *command_line)
    assert refused.code == 1
    assert told in refused.err
    assert (bank.good("admin", "person", "list"), bank.good("admin", "kiosk", "list")) == before


def test_what_a_service_does_while_something_is_not_recorded(bank: Command) -> None:
    assert bank.good("admin", "service", "list")[-1]["unrecorded"] == "warn"
    for policy in ("pause", "end", "warn"):
        assert bank.good("admin", "service", "unrecorded", "loans", policy)["unrecorded"] == policy
        assert bank.good("admin", "service", "list")[-1]["unrecorded"] == policy
    refused = bank("admin", "service", "unrecorded", "nothing", "end")
    assert (refused.code, "no service nothing" in refused.err) == (1, True)


@pytest.mark.parametrize(("name", "main"), [("visavis", server), ("visavis-kiosk", kiosk)])
def test_version(name: str, main: Callable[[list[str]], int], capsys: pytest.CaptureFixture[str]) -> None:
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    with pytest.raises(SystemExit) as done:
        main(["--version"])
    assert done.value.code == 0
    assert capsys.readouterr().out == f"{name} {stated}\n"
