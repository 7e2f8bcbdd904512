"""Style sheets: served whole and in layers, made of parts, and with nothing but tokens for type, corners and room."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tinycss2

from web.assets import load_assets
from web.stylesheets import STYLES, SheetError, parts_of, read_sheet

SHEETS = sorted(path.name for path in STYLES.glob("*.css"))
PARTS = sorted(path.relative_to(STYLES).as_posix() for path in STYLES.glob("*/*.css"))
TOKENS = ("text", "icon", "radius", "space")
_VAR = re.compile(r"var\(--([a-z0-9-]+)[),]")
_SIZE = re.compile(r"var\(--(?:text|icon)-[a-z0-9]+\)|var\(--rem\)|inherit|0")
_CORNER = re.compile(r"var\(--radius-[a-z]+\)|inherit|0")
_ROOM = re.compile(
    r"(?:padding|margin|(?:row-|column-)?gap)(?:-(?:block|inline|top|right|bottom|left))?(?:-(?:start|end))?"
)


def declarations(text: str) -> Iterator[tuple[str, str]]:
    """Every declaration of a sheet, however deep it stands in rules."""
    for node in tinycss2.parse_blocks_contents(text, skip_comments=True, skip_whitespace=True):
        assert node.type != "error", node.message
        if node.type == "declaration":
            yield node.name, tinycss2.serialize(node.value).strip()
        elif node.content is not None:
            yield from declarations(tinycss2.serialize(node.content))


def rooms() -> dict[str, str]:
    """What lengths have a name already."""
    return {value: name for name, value in declarations(part("base/tokens.css")) if name.startswith("--space-")}


def part(name: str) -> str:
    return (STYLES / name).read_text(encoding="utf-8")


def raw_values(text: str) -> list[str]:
    """Declarations whose value is chosen where it stands although it has to be a token."""
    named = rooms()
    found = []
    for name, value in declarations(text):
        words = [word.strip() for word in re.split(r"[\s/]+", value) if word]
        fine = True
        if name == "font-size":
            fine = bool(_SIZE.fullmatch(value))
        elif name == "font":
            fine = value == "inherit" or any(_SIZE.fullmatch(word) for word in words)
        elif name.endswith("radius") and not name.startswith("--"):
            fine = all(_CORNER.fullmatch(word) for word in words)
        elif _ROOM.fullmatch(name):
            fine = not set(words) & set(named)
        if not fine:
            found.append(f"{name}: {value}")
    return found


@pytest.mark.parametrize("name", PARTS)
def test_type_corners_and_room_are_tokens(name: str) -> None:
    assert raw_values(part(name)) == []


@pytest.mark.parametrize(
    ("raw", "token"),
    [
        ("font-size: 1.25rem", "font-size: var(--text-xl)"),
        ("font-size: 1.3em", "font-size: var(--icon-beside)"),
        ("font-size: calc(var(--text-m) * 2)", "font-size: inherit"),
        ("font: 600 11px/1.5 var(--font-mono)", "font: 600 var(--text-2xs)/1.5 var(--font-mono)"),
        ("border-radius: 14px", "border-radius: var(--radius-m)"),
        ("border-radius: 50%", "border-radius: var(--radius-round)"),
        ("border-radius: var(--radius-m) 2px", "border-radius: var(--radius-m) 0"),
        ("border-start-start-radius: 4px", "border-start-start-radius: var(--radius-xs)"),
        ("padding: 0.75rem 0.7rem", "padding: var(--space-3) 0.7rem"),
        ("margin-inline-start: 2rem", "margin-inline-start: auto"),
        ("gap: 1rem", "gap: var(--space-4)"),
    ],
)
def test_a_raw_value_is_noticed_wherever_it_stands(raw: str, token: str) -> None:
    for form in (
        "a {{ {}; }}",
        "@media (max-width: 9px) {{ a {{ color: red; {} }} }}",
        "@layer x {{ a {{ &:hover {{ {} }} }} }}",
    ):
        assert raw_values(form.format(raw)) == [raw], form
        assert raw_values(form.format(token)) == [], form


@pytest.mark.parametrize("name", PARTS)
def test_tokens_are_chosen_in_one_place(name: str) -> None:
    chosen = [token for token, _ in declarations(part(name)) if re.match(rf"--(?:{'|'.join(TOKENS)})-|--rem$", token)]
    assert bool(chosen) == name.endswith("/tokens.css"), chosen


@pytest.mark.parametrize("sheet", [sheet for sheet in SHEETS if sheet != "base.css"])
def test_every_token_that_a_face_uses_is_there(sheet: str) -> None:
    known = {
        token for name in ("base.css", sheet) for token, _ in declarations(read_sheet(name)) if token.startswith("--")
    }
    used = {f"--{name}" for name in _VAR.findall(read_sheet(sheet)) if name.split("-")[0] in TOKENS}
    assert used - known == set()


@pytest.mark.parametrize("name", PARTS)
def test_every_token_for_type_and_corners_is_used(name: str) -> None:
    if name.endswith("/tokens.css"):
        faces = SHEETS if name.startswith("base/") else [f"{name.split('/')[0]}.css"]
        used = set(_VAR.findall("".join(read_sheet(face) for face in faces)))
        chosen = {token for token, _ in declarations(part(name)) if re.match(r"--(?:text|icon|radius)-", token)}
        assert {token.removeprefix("--") for token in chosen} - used == set()


def test_every_part_belongs_to_a_sheet_and_leaves_layers_to_it() -> None:
    listed = {name for sheet in SHEETS for name, _ in parts_of(sheet)}
    assert listed == set(PARTS)
    for name in PARTS:
        assert not re.search(r"@(?:layer|import)", part(name)), name


def test_the_order_of_layers_is_said_once_and_before_any_of_them() -> None:
    assert read_sheet("base.css").startswith("@layer base, parts, screens, states;\n")
    said = [sheet for sheet in SHEETS if re.search(r"@layer [^{]*;", read_sheet(sheet))]
    assert said == ["base.css"]
    assert {layer for sheet in SHEETS for _, layer in parts_of(sheet)} == {"base", "parts", "screens", "states"}


@pytest.mark.parametrize("sheet", SHEETS)
def test_a_face_gets_one_sheet_with_all_its_parts(sheet: str) -> None:
    body = load_assets()[f"styles/{sheet}"].body.decode()
    rules: list[Any] = tinycss2.parse_stylesheet(body, skip_comments=True, skip_whitespace=True)
    assert {rule.type for rule in rules} == {"at-rule"}
    layers = [tinycss2.serialize(rule.prelude).strip() for rule in rules if rule.content is not None]
    assert layers == [layer for _, layer in parts_of(sheet)]
    for name, _ in parts_of(sheet):
        assert part(name) in body


def test_parts_are_not_served_by_themselves() -> None:
    served = {name for name in load_assets() if name.startswith("styles/")}
    assert served == {f"styles/{sheet}" for sheet in SHEETS}


@pytest.mark.parametrize("face", ["console", "kiosk", "library", "guide", "login", "error"])
def test_a_page_asks_for_two_sheets_of_ours(face: str) -> None:
    templates = STYLES.parent / "templates"
    asked = re.findall(r"/static/styles/([a-z]+\.css)", (templates / f"{face}.html").read_text(encoding="utf-8"))
    assert asked == [f"{face}.css"]
    assert "/static/styles/base.css" in (templates / "base.html").read_text(encoding="utf-8")


def sheet_of(folder: Path, text: str, **parts: str) -> str:
    (folder / "face.css").write_text(text, encoding="utf-8")
    (folder / "face").mkdir()
    for name, body in parts.items():
        (folder / "face" / f"{name}.css").write_text(body, encoding="utf-8")
    return read_sheet("face.css", folder)


def test_parts_stand_in_their_order_and_layers(tmp_path: Path) -> None:
    order = '@layer low, high;\n\n@import "face/b.css" layer(high);\n@import "face/a.css" layer(low);\n'
    text = sheet_of(tmp_path, f"/* What it is,\n   in two lines. */\n{order}", a="a { top: 0 }\n", b="b { top: 1px }\n")
    assert text == "@layer low, high;\n\n@layer high {\nb { top: 1px }\n}\n\n@layer low {\na { top: 0 }\n}\n"


@pytest.mark.parametrize(
    "line",
    [
        "a { color: red }",
        '@import "face/a.css";',
        '@import url("face/a.css") layer(low);',
        '@import "/etc/passwd.css" layer(low);',
        '@import "../face/a.css" layer(low);',
        '@import "face/a.css" layer(low) print;',
        "@layer low {",
        "@layer low",
    ],
)
def test_a_sheet_lists_layers_and_parts_and_nothing_else(tmp_path: Path, line: str) -> None:
    with pytest.raises(SheetError, match=r"face\.css may only list layers and parts"):
        sheet_of(tmp_path, f"{line}\n", a="a { color: red }\n")


def test_a_part_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SheetError, match=r"face\.css names face/gone\.css"):
        sheet_of(tmp_path, '@import "face/gone.css" layer(low);\n')
