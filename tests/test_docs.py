"""What the pages name exists: files, folders, sections, and the code's own words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from link.version import version
from tests.test_structure import ROOT, committed

PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "link" / "protocol" / "PROTOCOL.md"]
NAMED = ("py", "js", "mjs", "css", "html", "md", "toml")
# Not in the repository: served under another address than its file has.
ELSEWHERE = {"/away-worker.js", "report.html"}


def files() -> set[str]:
    return {path.relative_to(ROOT).as_posix() for path in committed()}


def sections(page: Path) -> set[str]:
    """The anchors of a page, as its readers' sites make them of headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, section in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", page.read_text("utf-8")):
        if target.startswith(("https:", "http:")):
            continue
        found = page.parent / target if target else page
        assert found.exists(), f"{page.name}: {target}"
        assert not section or section in sections(found), f"{page.name}: {target}#{section}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    known = files()
    names = {name.rpartition("/")[2] for name in known}
    for named in re.findall(r"`([\w./-]+)`", page.read_text("utf-8")):
        if named.rpartition(".")[2] not in NAMED or named in ELSEWHERE:
            continue
        if "/" in named:
            assert any(name == named or name.endswith(f"/{named}") for name in known), f"{page.name}: {named}"
        else:
            assert named in names, f"{page.name}: {named}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_test_that_a_page_names_exists(page: Path) -> None:
    sources = "\n".join(path.read_text("utf-8") for path in sorted((ROOT / "tests").rglob("*.py")))
    for named in re.findall(r"`(test_\w+)`", page.read_text("utf-8")):
        assert f"def {named}(" in sources, f"{page.name}: {named}"


def rows() -> Iterator[tuple[str, list[str]]]:
    """Each line of the glossary: the term, and the places that it names."""
    for line in (ROOT / "docs" / "glossary.md").read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and cells[0] != "term":
            yield cells[0], re.findall(r"`([\w./-]+)`", cells[-1])


def test_the_glossary_says_where_each_term_lives() -> None:
    known = files()
    for term, places in rows():
        assert places, f"{term} lives nowhere"
        for place in places:
            assert place in known, f"{term}: {place}"


def test_the_glossary_has_each_term_once() -> None:
    terms = [term for term, _ in rows()]
    assert len(terms) > 80
    assert sorted(set(terms)) == sorted(terms)


def test_the_newest_version_of_the_changelog_is_the_projects() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert headings[1] == version()
    assert all(re.fullmatch(r"20\d\d\.\d\d\.\d\d", heading) for heading in headings[1:])
    assert headings[1:] == sorted(headings[1:], reverse=True)


def test_the_changelog_has_three_kinds_of_lines() -> None:
    kinds = re.findall(r"^### (.+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert set(kinds) == {"Added", "Changed", "Fixed"}


def test_every_file_that_a_source_names_exists() -> None:
    """Comments and docstrings name files from the root: a move must not leave them behind."""
    known = files()
    named = re.compile(r"(?<![\w/.-])(?:link|server|kiosk_client|web/src|demo|docs|certs)/[\w/.-]+\.(?:py|md|js|css)\b")
    for path in committed():
        if path.suffix in {".py", ".js", ".css", ".html"} and path != Path(__file__):
            lost = set(named.findall(path.read_text("utf-8"))) - known
            assert not lost, f"{path.relative_to(ROOT)}: {lost}"
