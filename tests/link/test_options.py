"""Options: where they come from, how they are parsed, and what a bad one is told with."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

import pytest

from link import options
from link.options import ConfigError, OptionReader, option


@dataclass(frozen=True, slots=True)
class Settings:
    where: Path = option(Path("here"), options.path, "A path.")
    count: int = option(3, options.whole(1, 9), "A number; 50 % is none.")
    loud: bool = option(False, options.truth, "Whether it is loud.")
    names: tuple[str, ...] = option((), options.texts, "Names.")


READER = OptionReader(Settings, "TRIAL_")


def flags(*given: str, names: tuple[str, ...] | None = None) -> dict[str, object]:
    parser = argparse.ArgumentParser()
    READER.add_flags(parser, names)
    assert "50 % is none" in parser.format_help() or names is not None
    return vars(parser.parse_args(given))


def test_a_flag_beats_the_environment_which_beats_the_file_which_beats_the_default(tmp_path: Path) -> None:
    file = tmp_path / "trial.toml"
    file.write_text('count = 2\nloud = true\nnames = ["a"]\n')
    environment = {"TRIAL_CONFIG": str(file), "TRIAL_COUNT": "4", "TRIAL_NAMES": "b, c", "COUNT": "9"}
    assert READER.load(flags("--count", "5"), environment) == Settings(Path("here"), 5, True, ("b", "c"))
    assert READER.load(flags(), environment).count == 4
    assert READER.load(flags(), {"TRIAL_CONFIG": str(file)}).count == 2
    assert READER.load({}, {}) == Settings()


def test_the_flag_of_a_file_beats_the_variable_of_one(tmp_path: Path) -> None:
    for name, count in (("one", 1), ("two", 2)):
        (tmp_path / name).write_text(f"count = {count}")
    environment = {"TRIAL_CONFIG": str(tmp_path / "one")}
    assert READER.load(flags("--config", str(tmp_path / "two")), environment).count == 2


def test_only_some_options_may_be_flags() -> None:
    assert set(flags(names=("count",))) == {"config", "count"}


def test_other_names_among_the_flags_are_left_alone() -> None:
    assert READER.load({"command": "serve", "count": None}, {}) == Settings()


def test_a_true_or_false_option_is_a_flag_without_a_value() -> None:
    assert READER.load(flags("--loud"), {"TRIAL_LOUD": "no"}).loud is True


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"TRIAL_COUNT": "x"}, "TRIAL_COUNT: count: a whole number is expected, not 'x'"),
        ({"TRIAL_COUNT": "10"}, "TRIAL_COUNT: count: a whole number from 1 to 9 is expected"),
        ({"TRIAL_WHERE": ""}, "TRIAL_WHERE: where: a path is expected"),
        ({"TRIAL_CONFIG": "/nowhere.toml"}, "the configuration file /nowhere.toml cannot be read"),
    ],
)
def test_a_bad_value_is_named_with_where_it_came_from(environment: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)):
        READER.load({}, environment)
    with pytest.raises(ConfigError, match=r"^--count: count: "):
        READER.load(flags("--count", "0"), {})


@pytest.mark.parametrize("content", [b"cuont = 1", b"count = true", b"count = [1]", b"= 1", b"\xff"])
def test_a_bad_file_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "trial.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"trial\.toml"):
        READER.load({"config": str(file)}, {})


@pytest.mark.parametrize(
    ("parse", "given", "expected"),
    [
        (options.text, "", ""),
        (options.path, "~/x", Path.home() / "x"),
        (options.optional_path, "", None),
        (options.optional_path, "x", Path("x")),
        (options.whole(0, 5), "5", 5),
        (options.whole(0, 5), 0, 0),
        (options.truth, "Yes", True),
        (options.truth, "", False),
        (options.truth, False, False),
        (options.one_of("a", "b"), "b", "b"),
        (options.texts, " a,,b ", ("a", "b")),
        (options.texts, ["a", " "], ("a",)),
        (options.networks, "10.0.0.0/8, ::1", (ip_network("10.0.0.0/8"), ip_network("::1"))),
    ],
)
def test_what_is_taken(parse: Callable[[object], object], given: object, expected: object) -> None:
    assert parse(given) == expected


@pytest.mark.parametrize(
    ("parse", "given"),
    [
        (options.text, 1),
        (options.path, ""),
        (options.optional_path, 0),
        (options.whole(0, 5), True),
        (options.whole(0, 5), 6),
        (options.whole(0, 5), 1.0),
        (options.truth, "perhaps"),
        (options.truth, 1),
        (options.one_of("a", "b"), "c"),
        (options.texts, 1),
        (options.texts, ["a", 1]),
        (options.networks, "10.0.0.1/8"),
    ],
)
def test_what_is_not(parse: Callable[[object], object], given: object) -> None:
    with pytest.raises(ValueError, match=r"expected|host bits"):
        parse(given)
