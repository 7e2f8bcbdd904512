"""Options of a program: one frozen dataclass of them, read from flags, the environment and a TOML file.

An option `name` is set, strongest first, by the flag `--name` (dashes for underscores), the environment variable
`PREFIX_NAME`, or the key `name` of a TOML file that `--config` or `PREFIX_CONFIG` names. A parser of a value gets a
text, or what TOML has in its place, and raises ValueError with what is expected.
"""

from __future__ import annotations

import argparse
import dataclasses
import ipaddress
import os
import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

C = TypeVar("C")
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


class ConfigError(Exception):
    """An option is unknown, ill-formed or contradicts another; the message names it and says what is accepted."""


def option(default: object, parse: Callable[[object], object], text: str) -> Any:
    """A field of a dataclass of options: its default (used as it is), the parser of a given value, and a help line."""
    return dataclasses.field(default=default, metadata={"parse": parse, "help": text})


class OptionReader(Generic[C]):
    """Reads the options of one program. `config` is the dataclass whose fields are made by `option`."""

    def __init__(self, config: type[C], prefix: str) -> None:
        self._config: Any = config
        self._prefix = prefix

    def options(self) -> dict[str, dataclasses.Field[Any]]:
        """Every option by its name, with its default and, in its metadata, `help` and `parse`."""
        return {field.name: field for field in dataclasses.fields(self._config)}

    def add_flags(self, parser: argparse.ArgumentParser, names: Collection[str] | None = None) -> None:
        """Give `parser` one flag for each option (or for those in `names`), and `--config`."""
        group = parser.add_argument_group("options", f"Each can also be set as {self._prefix}NAME or in the TOML file.")
        group.add_argument("--config", metavar="FILE", help="TOML file with options.")
        for name, field in self.options().items():
            if names is None or name in names:
                flag, text = "--" + name.replace("_", "-"), str(field.metadata["help"]).replace("%", "%%")
                if field.metadata["parse"] is truth:
                    group.add_argument(flag, dest=name, action="store_const", const=True, help=text)
                else:
                    group.add_argument(flag, dest=name, metavar="VALUE", help=text)

    def load(self, flags: Mapping[str, object] | None = None, environment: Mapping[str, str] | None = None) -> C:
        """Read the options from flags (other names in them are left alone), the environment and the TOML file.

        Raises:
            ConfigError: naming the option and where its bad value came from.
        """
        environment = os.environ if environment is None else environment
        known = {*self.options(), "config"}
        given = {name: value for name, value in (flags or {}).items() if name in known and value is not None}
        file = given.pop("config", None) or environment.get(f"{self._prefix}CONFIG") or None
        values = {name: (value, str(file)) for name, value in self._read_file(str(file)).items()} if file else {}
        for name in self.options():
            variable = self._prefix + name.upper()
            if variable in environment:
                values[name] = (environment[variable], variable)
            if name in given:
                values[name] = (given[name], "--" + name.replace("_", "-"))
        loaded: C = self._config(**{name: self._parse(name, value, told) for name, (value, told) in values.items()})
        return loaded

    def _read_file(self, path: str) -> dict[str, object]:
        try:
            values = tomllib.loads(Path(path).expanduser().read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"the configuration file {path} cannot be read: {error}") from error
        unknown = sorted(set(values) - set(self.options()))
        if unknown:
            raise ConfigError(f"{path}: unknown option {', '.join(unknown)}")
        return values

    def _parse(self, name: str, value: object, source: str) -> object:
        parse: Callable[[object], object] = self.options()[name].metadata["parse"]
        try:
            return parse(value)
        except ValueError as error:
            raise ConfigError(f"{source}: {name}: {error}") from error


# --- parsers of values ------------------------------------------------------------------------------------------------


def text(value: object) -> str:
    """Any text, the empty one too."""
    if not isinstance(value, str):
        raise ValueError("a text is expected")
    return value


def path(value: object) -> Path:
    """A path; `~` is the home directory."""
    given = text(value)
    if not given:
        raise ValueError("a path is expected")
    return Path(given).expanduser()


def optional_path(value: object) -> Path | None:
    """A path, or None for the empty text."""
    return path(value) if value != "" else None


def whole(low: int, high: int) -> Callable[[object], int]:
    """A whole number from `low` to `high`."""

    def parse(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError("a whole number is expected")
        try:
            number = int(value)
        except ValueError:
            raise ValueError(f"a whole number is expected, not {value!r}") from None
        if not low <= number <= high:
            raise ValueError(f"a whole number from {low} to {high} is expected")
        return number

    return parse


def truth(value: object) -> bool:
    """True or false; as a flag it stands without a value."""
    words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False, "": False}
    if isinstance(value, bool):
        return value
    if not isinstance(value, str) or value.lower() not in words:
        raise ValueError("true or false is expected")
    return words[value.lower()]


def one_of(*choices: str) -> Callable[[object], str]:
    """One of these texts."""

    def parse(value: object) -> str:
        if value not in choices:
            raise ValueError(f"one of {', '.join(choices)} is expected")
        return str(value)

    return parse


def texts(value: object) -> tuple[str, ...]:
    """A list of texts, or one text with commas between them."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, Sequence) or not all(isinstance(part, str) for part in parts):
        raise ValueError("a list of texts is expected")
    return tuple(part.strip() for part in parts if part.strip())


def networks(value: object) -> tuple[IpNetwork, ...]:
    """A list of IP networks such as 10.0.0.0/8; an address is a network of one."""
    return tuple(ipaddress.ip_network(part) for part in texts(value))
