"""Every icon a page names is in the bundle: a missing one would be drawn as an empty box."""

from __future__ import annotations

import re
from pathlib import Path

from demo import fixtures
from web.icons import icons

ROOT = Path(__file__).parent.parent.parent
WEB = ROOT / "web"


def bundled() -> set[str]:
    text = (WEB / "vendor" / "icons.js").read_text(encoding="utf-8")
    imported = set(re.findall(r'"lucide-static/icons/([a-z0-9-]+)\.svg"', text))
    assert imported == set(re.findall(r'^  "([a-z0-9-]+)": \w+,$', text, re.MULTILINE))
    return imported


def named() -> dict[str, str]:
    """Icons by name with the file that names them, also where a script chooses between literals."""
    found: dict[str, str] = {}
    for path in [*(WEB / "src").rglob("*.js"), *(WEB / "templates").rglob("*.html")]:
        for attribute in re.findall(
            r"<wa-icon\b[^>]*?\bname=(\"[^\"]*\"|\$\{[^}]*\})", path.read_text(encoding="utf-8")
        ):
            # Operands of a comparison are values, not icons.
            literals = re.sub(r"[!=]==\s*\"[^\"]*\"", "", attribute)
            for name in re.findall(r"\"([a-z0-9-]+)\"", literals):
                found[name] = path.relative_to(ROOT).as_posix()
    return found


def test_every_icon_of_a_page_is_bundled() -> None:
    there = bundled()
    assert {name: path for name, path in named().items() if name not in there} == {}
    assert icons() == there


def test_every_icon_of_a_service_is_bundled() -> None:
    assert {service.icon for service in fixtures.SERVICES} <= bundled()


def test_every_bundled_icon_exists_once() -> None:
    text = (WEB / "vendor" / "icons.js").read_text(encoding="utf-8")
    names = re.findall(r'"lucide-static/icons/([a-z0-9-]+)\.svg"', text)
    assert names == sorted(set(names))
