"""What leaves a page that is not written with care, by the actual recorder; and what the copy shows of the others."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from server.cobrowse import Sanitiser
from tests.web.test_library import library, looking_at, until

pytestmark = pytest.mark.chromium

CARD = "6222021234567890128"
WORD = "sekretwort"
MAKE = """async (markup) => {
  const { PageRecorder } = await import("/static/src/cobrowse/record.js");
  const page = document.createElement("section");
  page.id = "made";
  page.innerHTML = markup;
  document.body.append(page);
  for (const host of page.querySelectorAll("x-card")) {
    host.attachShadow({ mode: "open" }).innerHTML = `<div ${host.className}><slot></slot></div>`;
  }
  window.pieces = [];
  window.recorder = new PageRecorder((piece) => window.pieces.push(piece) > 0);
}"""
BATCHES = """() => {
  const whole = [];
  for (const { part, data } of window.pieces) {
    if (part === 0) whole.push(data);
    else whole[whole.length - 1] += data;
  }
  return whole;
}"""
SETTLE = "new Promise((done) => setTimeout(done, 200)).then(() => window.recorder.snapshot())"


async def recorded(shown: Page, markup: str, change: str) -> list[str]:
    """The batches of a page that is recorded from its beginning, changed, and pictured once more."""
    await shown.evaluate(MAKE, markup)
    await shown.evaluate("window.recorder.start()")
    await until(shown, "window.pieces.length", lambda count: count > 0)
    await shown.evaluate(f"{{ const made = document.querySelector('#made'); {change} }}")
    await shown.evaluate(SETTLE)
    await until(shown, "new Set(window.pieces.map(({ epoch }) => epoch)).size", lambda count: count == 2)
    batches: list[str] = await shown.evaluate(BATCHES)
    return batches


def nodes_of(batch: str) -> list[dict[str, Any]]:
    def walk(node: dict[str, Any]) -> list[dict[str, Any]]:
        return [node, *(inner for child in node.get("childNodes", []) for inner in walk(child))]

    return [node for event in json.loads(batch) if event["type"] == 2 for node in walk(event["data"]["node"])]


SEPARATORS = ["\u00ad", "\u2060", ",", " - ", "·", "/", "  ", "\u2011", "\u200b", ". ", " / "]
LEAKS = {
    "a password made visible": (
        f"<input id=p type=password data-cobrowse-plain value={WORD}>",
        "const p = made.querySelector('#p'); p.type = 'text'; p.value += 2; p.dispatchEvent(new InputEvent('input'));",
    ),
    "a password made visible before": (
        f"<input id=p data-cobrowse-plain autocomplete=current-password value={WORD}>",
        "made.querySelector('#p').dispatchEvent(new Event('input', { bubbles: true }));",
    ),
    "a slot in a masked container": (
        f"<x-card class=data-cobrowse-mask><span>{WORD}</span>{WORD}</x-card>",
        "const c = made.querySelector('x-card'); c.firstChild.firstChild.data += '3'; c.append('sekretwort4');",
    ),
    "a slot in a blocked container": (
        f"<x-card class=data-cobrowse-block><span>{WORD}</span></x-card>",
        "made.querySelector('x-card span').append('sekretwort5');",
    ),
    **{
        f"groups with {separator!r}": (f"<p>{separator.join((CARD[:4], CARD[4:8], CARD[8:12], CARD[12:]))}</p>", "")
        for separator in SEPARATORS
    },
}


@pytest.mark.parametrize("kind", LEAKS)
async def test_nothing_leaves(tmp_path: Path, kind: str) -> None:
    markup, change = LEAKS[kind]
    async with library(tmp_path, seconds=1) as made, looking_at(made, "/library", tmp_path) as (shown, _):
        await expect(shown.locator("tbody tr")).to_have_count(1)
        # The attribute's name stands where a class does, for the markup of the shadow tree is made of it.
        batches = await recorded(shown, markup, change)
        text = "".join(batches)
        at = text.find(WORD)
        assert at < 0, text[max(0, at - 300) : at + 40]
        assert not re.search(CARD[:4] + r".{0,12}?" + CARD[4:8], text)


async def test_what_is_ticked_and_chosen_is_what_the_picture_says(tmp_path: Path) -> None:
    markup = (
        "<input id=a type=checkbox checked><input id=b type=checkbox><input id=c type=radio name=r checked>"
        "<input id=d type=radio name=r><select id=s data-cobrowse-plain>"
        "<option data-cobrowse-plain selected>one</option>"
        "<option data-cobrowse-plain>two</option><option data-cobrowse-plain id=third>three</option></select>"
        "<select id=t><option>x</option><option id=hidden>y</option></select>"
    )
    change = (
        "made.querySelector('#a').checked = false; made.querySelector('#b').checked = true;"
        "made.querySelector('#d').checked = true; made.querySelector('#s').selectedIndex = 2;"
        "made.querySelector('#t').selectedIndex = 1;"
    )
    async with library(tmp_path, seconds=1) as made, looking_at(made, "/library", tmp_path) as (shown, _):
        await expect(shown.locator("tbody tr")).to_have_count(1)
        batches = await recorded(shown, markup, change)
        picture = next(batch for batch in reversed(batches) if nodes_of(batch))
        clean = Sanitiser()(picture.encode()).decode()
        await shown.evaluate(
            """async (data) => {
              const { CobrowseView } = await import("/static/src/cobrowse/view.js");
              const box = document.createElement("div");
              box.setAttribute("data-cobrowse-block", "");
              Object.assign(box.style, { position: "fixed", inset: "0" });
              document.body.append(box);
              window.view = new CobrowseView(box);
              window.view.piece({ epoch: "e", batch: 0, part: 0, parts: 1, data });
            }""",
            clean,
        )
        copy = "window.view.stage.replayer?.iframe.contentDocument"
        await until(shown, f"Boolean({copy}?.querySelector('#made'))", bool)
        ticked = f"[...{copy}.querySelectorAll('#a, #b, #c, #d')].map(({{ checked }}) => checked)"
        assert await shown.evaluate(ticked) == [False, True, False, True]
        assert await shown.evaluate(f"{copy}.querySelector('#s').selectedIndex") == 2
        assert await shown.evaluate(f"{copy}.querySelector('#t').selectedIndex") == 0


async def test_half_a_character_stops_nothing(tmp_path: Path) -> None:
    half = "'\\u5f88\\u597d\\ud83d\\ude00'.slice(0, 3)"
    change = (
        f"made.querySelector('p').firstChild.data = {half}; const input = made.querySelector('input');"
        f"input.value = {half}; input.dispatchEvent(new Event('input', {{ bubbles: true }}));"
        f"made.append({half});"
    )
    async with library(tmp_path, seconds=1) as made, looking_at(made, "/library", tmp_path) as (shown, _):
        await expect(shown.locator("tbody tr")).to_have_count(1)
        batches = await recorded(shown, "<p>text</p><input data-cobrowse-plain>", change)
        sanitiser = Sanitiser()
        texts = [sanitiser(batch.encode()).decode() for batch in batches]
        assert "很好\ufffd" in "".join(texts)
        assert any(nodes_of(text) for text in texts[1:])
