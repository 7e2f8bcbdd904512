"""The catalogs and the sources agree: every message has a Chinese text, and no text is left over."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest

from web.catalogs import Catalog, catalog_files, load_catalog, negotiate, parse_language, read_catalog_file

ROOT = Path(__file__).parent.parent.parent

# A message is a literal: double-quoted in scripts and Python, either quote in templates.
_STRING = r'"((?:[^"\\\n]|\\.)*)"'
_PATTERNS = {
    ".js": re.compile(rf"(?<![\w.$])(?:t|msg)\(\s*{_STRING}"),
    ".py": re.compile(rf"(?<![\w.])msg\(\s*{_STRING}"),
    ".html": re.compile(r"""(?<![\w.])(?:_|tr)\(\s*(?:"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)')"""),
}
# A call with anything but a literal: allowed for `t(TABLE[key])`, never for string arithmetic or template strings.
_COMPUTED = re.compile(r"(?<![\w.$])(?:t|msg)\(\s*(?:`|'|\"(?:[^\"\\\n]|\\.)*\"\s*\+)")


def sources() -> list[Path]:
    found = [*(ROOT / "web" / "src").rglob("*.js"), *(ROOT / "web" / "templates").rglob("*.html")]
    for package in ("server", "kiosk_client", "web"):
        found += [path for path in (ROOT / package).rglob("*.py") if "node_modules" not in path.parts]
    return sorted(path for path in found if path.name not in ("i18n.js", "catalogs.py"))


def used_messages() -> dict[str, list[str]]:
    """Every message of the sources with the files that use it."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sources():
        for match in _PATTERNS[path.suffix].finditer(path.read_text(encoding="utf-8")):
            message = next(group for group in match.groups() if group is not None)
            found[re.sub(r"\\(.)", r"\1", message)].append(path.relative_to(ROOT).as_posix())
    return found


def test_every_message_has_a_chinese_text() -> None:
    texts = load_catalog("zh-CN").messages
    missing = {message: files for message, files in used_messages().items() if not texts.get(message)}
    assert not missing, f"{len(missing)} messages without a Chinese text"


def test_no_text_is_left_over() -> None:
    used = used_messages()
    unused = [
        f"{path.name}: {message}"
        for path in catalog_files("zh-CN")
        for message in read_catalog_file(path)
        if message not in used
    ]
    assert not unused


def test_a_text_keeps_the_placeholders_of_its_message() -> None:
    for message, text in load_catalog("zh-CN").messages.items():
        assert set(re.findall(r"\{(\w+)\}", message)) == set(re.findall(r"\{(\w+)\}", text)), message


def test_messages_are_literals() -> None:
    computed = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in sources()
        if path.suffix == ".js"
        for match in _COMPUTED.finditer(path.read_text(encoding="utf-8"))
    ]
    assert not computed


def test_a_message_without_translation_is_shown_in_english() -> None:
    catalog = Catalog("zh-CN", {"Hello {name}": "你好，{name}", "Empty": ""})
    assert catalog.text("Hello {name}", name="王") == "你好，王"
    assert catalog.text("Empty") == "Empty"
    assert catalog.text("New") == "New"


def test_a_placeholder_never_reaches_into_its_value() -> None:
    catalog = Catalog("en")
    assert catalog.text("{a} {b.__class__} {missing}", a="{b}", b=1) == "{b} {b.__class__} {missing}"


@pytest.mark.parametrize(
    ("value", "language"),
    [
        ("zh", "zh-CN"),
        ("zh-Hans-CN", "zh-CN"),
        ("ZH_tw", "zh-CN"),
        ("en_GB", "en"),
        ("fr", None),
        ("", None),
        (None, None),
    ],
)
def test_language_tags(value: str | None, language: str | None) -> None:
    assert parse_language(value) == language


def test_negotiation_takes_the_highest_quality() -> None:
    assert negotiate("en;q=0.3, zh;q=0.7") == "zh-CN"
    assert negotiate("en, zh") == "en"
    assert negotiate("*") is None
