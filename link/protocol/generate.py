"""Writes the browser's share of the protocol from ours: ``python -m link.protocol.generate``.

``web/src/link/messages.d.ts`` has the types of all messages, ``web/src/link/states.js`` which states of a session are
open, queueing, talking and over. A test fails when a file is stale, so both sides only change at once.
"""

from __future__ import annotations

import types
import typing
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Union

import msgspec
from msgspec import Struct

from link.protocol import client, frames, server, values

PLACE: Final = Path(__file__).parents[2] / "web" / "src" / "link"
HEAD: Final = "// Generated from link/protocol by `python -m link.protocol.generate`. Do not edit."
STATES: Final = {"Open": values.OPEN, "Queueing": values.QUEUEING, "Talking": values.TALKING, "Over": values.OVER}
SIMPLE: Final[dict[object, str]] = {
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    type(None): "null",
}


def typescript() -> str:
    """Return the text of ``messages.d.ts``."""
    lines = [HEAD, ""]
    for module in (values, client, server, frames):
        for item in vars(module).values():
            if not isinstance(item, type) or item.__module__ != module.__name__:
                continue
            if issubclass(item, StrEnum):
                lines += [f"export type {item.__name__} = {' | '.join(_quoted(m.value) for m in item)};", ""]
            elif issubclass(item, Struct) and (item.__struct_fields__ or item.__struct_config__.tag is not None):
                lines += _interface(item)
    for name, union in _unions().items():
        lines += [f"export type {name} =", *(f"  | {member.__name__}" for member in union), ";", ""]
    return "\n".join(lines)


def states() -> str:
    """Return the text of ``states.js``."""
    lines = [HEAD, ""]
    for name, members in STATES.items():
        words = [_quoted(state.value) for state in values.SessionState if state in members]
        lines += [
            f"/** @typedef {{{' | '.join(words)}}} {name}State */",
            f"/** @param {{string | undefined}} state @returns {{state is {name}State}} */",
            f"export const is{name} = (state) => state !== undefined && [{', '.join(words)}].includes(state);",
            "",
        ]
    return "\n".join(lines)


def files() -> dict[Path, str]:
    """What is generated, by where it lies."""
    return {PLACE / "messages.d.ts": typescript(), PLACE / "states.js": states()}


def _unions() -> dict[str, tuple[type, ...]]:
    return {
        "ClientMessage": typing.get_args(client.ClientMessage),
        "ServerMessage": typing.get_args(server.ServerMessage),
        "ClientFrame": typing.get_args(frames.ClientFrame),
        "ServerFrame": typing.get_args(frames.ServerFrame),
    }


def _interface(struct: type[Struct]) -> list[str]:
    summary = (struct.__doc__ or "").strip().splitlines()[0]
    config = struct.__struct_config__
    body = [f"/** {summary} */", f"export interface {struct.__name__} {{"]
    if config.tag is not None:
        body.append(f"  {config.tag_field}: {_quoted(str(config.tag))};")
    hints = typing.get_type_hints(struct, include_extras=True)
    outgoing = struct.__module__ == client.__name__ or issubclass(struct, frames.Say | frames.Hello)
    for field in msgspec.structs.fields(struct):
        optional = "?" if outgoing and not field.required else ""
        body.append(f"  {field.name}{optional}: {_type(hints[field.name])};")
    return [*body, "}", ""]


def _type(hint: Any) -> str:
    origin = typing.get_origin(hint)
    if origin is Annotated:
        return _type(typing.get_args(hint)[0])
    if origin in (Union, types.UnionType):
        members = typing.get_args(hint)
        for name, union in _unions().items():
            if members == union:
                return name
        return " | ".join(_type(member) for member in members)
    if origin is list:
        inner = _type(typing.get_args(hint)[0])
        return f"({inner})[]" if "|" in inner else f"{inner}[]"
    if hint in SIMPLE:
        return SIMPLE[hint]
    if isinstance(hint, type) and issubclass(hint, StrEnum | Struct):
        return hint.__name__
    raise TypeError(f"no TypeScript for {hint!r}")


def _quoted(text: str) -> str:
    return f'"{text}"'


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
