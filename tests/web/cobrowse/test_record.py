"""What leaves the customer's page: everything that the specialist needs, and no number that was typed anywhere."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from demo.page_objects import FORM_DATA
from link.protocol import client as c
from link.protocol import server as s
from tests.big import big
from tests.web.kiosk.rig import Kiosk, kiosk

pytestmark = pytest.mark.chromium

SECRETS = {
    "identity": "110101199001010015",
    "card": "6222021000000000009",
    "phone": "13800138000",
    "name": "演示用户",
    "password": "824613",
    "other": "4929173849261057",
}

# Everything a careless page could do with a number. `other` has 16 digits; `word` has none, so only masking stops it.
_CARELESS = """
([number, word]) => {
  const grouped = number.replace(/(....)(?=.)/g, "$1 ");
  const box = document.createElement("div");
  box.id = "careless";
  const add = (name, attributes = {}, text = "") => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.textContent = text;
    box.append(element);
    return element;
  };
  add("input", { type: "hidden", value: word });
  add("input", { type: "text", value: word });
  add("input", { type: "text", placeholder: word, title: word, "aria-label": word });
  add("input", { type: "button", value: word });
  add("input", { type: "search" }).value = word;
  add("textarea").value = word;
  const select = add("select");
  for (const text of [word, "b"]) select.append(new Option(text, word));
  add("div", { contenteditable: "true" }, word);
  add("p", { title: word, "data-customer": word, "aria-label": word }, number);
  add("p", { "data-cobrowse-mask": "" }, word);
  add("section", { "data-cobrowse-block": "" }, word);
  add("img", { alt: word, src: "/static/images/visavis.svg" });
  add("x-card", { value: word, label: word }, grouped);
  add("a", { href: `#${number}` }, grouped.replaceAll(" ", "-"));
  add("p", { class: `card-${number}` }, `卡号：${number}。`);
  add("p", {}, [...number].map((digit) => String.fromCharCode(digit.charCodeAt(0) - 48 + 0xff10)).join(""));
  add("input", { type: "password", "data-cobrowse-plain": "" }).value = word;
  add("input", { "data-cobrowse-plain": "" }).value = number;
  box.append(document.createComment(word));
  // What rrweb reads although it is masked or blocked: shadow trees and frames.
  for (const [id, holder] of [["host", add("div", { "data-cobrowse-mask": "" })], ["inner", add("div")]]) {
    const host = id === "host" ? holder : holder.appendChild(document.createElement("div"));
    if (id === "inner") holder.setAttribute("data-cobrowse-mask", "");
    host.id = `shadow-${id}`;
    host.attachShadow({ mode: "open" }).innerHTML = `<p>${word}</p><input value="${word}">`;
  }
  document.body.append(box);
  const inside = add("iframe").contentDocument.body;
  inside.innerHTML = `<p class="${word}">${word}</p><input value="${word}"><input type="radio">`;
  add("iframe", { srcdoc: `<p>${word}</p>` });
}
"""
_LATER = """
([number, word]) => {
  const box = document.querySelector("#careless");
  const [text] = box.querySelectorAll("input[type=text]");
  text.setAttribute("value", word);
  text.setAttribute("title", word);
  text.setAttribute("data-later", word);
  const p = document.createElement("p");
  p.setAttribute("aria-description", word);
  p.textContent = number;
  box.append(p);
  p.firstChild.data = `later ${number}`;
  box.querySelector("x-card").setAttribute("value", word);
  box.querySelector("[data-cobrowse-mask]").textContent = word;
  for (const id of ["host", "inner"]) {
    const tree = box.querySelector(`#shadow-${id}`).shadowRoot;
    tree.querySelector("p").textContent = word;
    tree.querySelector("p").firstChild.data = `later ${word}`;
    tree.append(Object.assign(document.createElement("b"), { textContent: word }));
  }
  const inside = box.querySelector("iframe").contentDocument;
  inside.querySelector("p").append(word);
  inside.querySelector("p").setAttribute("class", `${word}-2`);
  inside.documentElement.setAttribute("class", word);
  for (const element of inside.querySelectorAll("input")) element.click();
  const editable = document.createElement("div");
  box.append(editable);
  editable.contentEditable = "true";
  editable.textContent = word;
  box.querySelector("select").selectedIndex = 0;
  for (const element of box.querySelectorAll("input, textarea, select")) {
    element.dispatchEvent(new Event("input", { bubbles: true }));
    element.dispatchEvent(new Event("change", { bubbles: true }));
  }
  const range = document.createRange();
  range.selectNodeContents(box);
  getSelection().addRange(range);
}
"""


def flat(batches: list[list[dict[str, Any]]]) -> str:
    return json.dumps(batches, ensure_ascii=False)


def nodes(node: dict[str, Any]) -> list[dict[str, Any]]:
    return [node, *(inner for child in node.get("childNodes", []) for inner in nodes(child))]


async def settled(at: Kiosk) -> list[list[dict[str, Any]]]:
    """The batches, once nothing more came for a third of a second."""
    count = -1
    async with asyncio.timeout(30):
        while count != len(at.office.said):
            count = len(at.office.said)
            await asyncio.sleep(0.33)
    return at.office.batches()


def snapshot(batches: list[list[dict[str, Any]]]) -> dict[str, Any]:
    """The newest full picture."""
    event = next(event for batch in reversed(batches) for event in reversed(batch) if event["type"] == 2)
    node: dict[str, Any] = event["data"]["node"]
    return node


async def test_no_secret_leaves_the_page(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        word = "sekretwort"
        await at.page.evaluate(_CARELESS, [SECRETS["other"], word])
        await at.page.locator(".tile").first.click()
        await at.hands.form.locator(".button.accent").click()
        await at.hands.agree()
        at.office.answer()
        await at.hands.in_call()
        await at.hands.fill_form()
        assert FORM_DATA["card"] == SECRETS["card"]
        await at.page.locator("#field-password").press_sequentially(SECRETS["password"])
        await at.page.evaluate(_LATER, [SECRETS["other"], word])
        at.office.post(s.TakeSnapshot(at.office.session.id if at.office.session else ""))
        batches = await settled(at)
        everything = flat(batches)
        left = json.dumps([repr(message) for message in at.office.said], ensure_ascii=False)

        leaks = [
            f"{secret}: {text[max(0, text.index(secret) - 200) : text.index(secret) + 40]}"
            for secret in (*SECRETS.values(), word)
            for text in (everything, left)
            if secret in text
        ]
        assert not leaks
        # Not in pieces of four, and in no other digits either.
        assert "4929 1738" not in everything
        assert "4929-1738" not in everything
        assert "４９２９" not in everything
        # What the specialist needs is there: the form, its style, what was chosen, the amount.
        assert "20,000 元" in everything
        assert "购买理财产品" in everything
        assert "nswers" in everything
        typed = [
            event["data"]["text"]
            for batch in batches
            for event in batch
            if event["type"] == 3 and event["data"]["source"] == 5 and event["data"]["text"]
        ]
        assert "20000" in typed
        assert set(typed) & {"2", "20", "200"}, "an unmasked field is shown while it is typed"
        masked = {text for text in typed if "•" in text}
        assert masked == {"••••••••"}


@big
async def test_the_picture_can_be_drawn_by_itself(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        await at.talk()
        batches = await settled(at)
        first = batches[0]
        assert [event["type"] for event in first[:2]] == [4, 2]
        assert first[0]["data"]["href"] == f"{at.address}/"
        at.office.post(s.TakeSnapshot(at.office.session.id if at.office.session else ""))
        await at.office.until(lambda: epochs(at) == 2)
        everything = nodes(snapshot(await settled(at)))
        styles = "".join(node["attributes"].get("_cssText", "") for node in everything if node["type"] == 2)
        assert ".expert" in styles
        assert "--brand" in styles
        boxes = [node for node in everything if node.get("tagName") == "video"]
        assert boxes
        for box in boxes:
            assert set(box["attributes"]) <= {"class", "rr_width", "rr_height"}
            assert not box["childNodes"]
        assert not [node for node in everything if node.get("tagName") == "script" and nodes(node)[1:]]
        images = [node["attributes"] for node in everything if node.get("tagName") == "img"]
        assert all(image.get("rr_dataURL", "").startswith("data:image/") for image in images)
        # Paths of icons are long rows of figures that nobody may mask.
        paths = [node["attributes"]["d"] for node in everything if node.get("tagName") == "path"]
        assert paths
        assert not any("•" in path for path in paths)


async def test_a_snapshot_begins_a_new_epoch_that_stands_alone(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        await at.talk()
        await settled(at)
        pieces = [message for message in at.office.said if isinstance(message, c.CobrowsePiece)]
        assert len({piece.epoch for piece in pieces}) == 1
        await at.hands.open_form()
        at.office.post(s.TakeSnapshot(at.office.session.id if at.office.session else ""))
        await at.office.until(lambda: at.office.said and epochs(at) == 2)
        batches = await settled(at)
        last = [message for message in at.office.said if isinstance(message, c.CobrowsePiece)][-1].epoch
        begin = next(piece for piece in at.office.said if isinstance(piece, c.CobrowsePiece) and piece.epoch == last)
        assert (begin.batch, begin.part) == (0, 0)
        tags = {node["tagName"] for node in nodes(snapshot(batches)) if node["type"] == 2}
        assert "kiosk-form" in tags


def epochs(at: Kiosk) -> int:
    return len({message.epoch for message in at.office.said if isinstance(message, c.CobrowsePiece)})


async def test_nothing_is_recorded_outside_a_call(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        await at.wait_for_expert(1)
        at.office.ring()
        await expect(at.page.locator("kiosk-waiting")).to_contain_text("正在为您呼叫专家")
        assert not at.office.batches()
        at.office.answer()
        await at.hands.in_call()
        await at.office.heard(c.CobrowsePiece)
        at.office.end()
        await at.page.locator("kiosk-rating").wait_for()
        count = len(await settled(at))
        await at.page.locator("kiosk-rating .button").click()
        await at.page.locator("kiosk-thanks .button.primary").click()
        await at.hands.home()
        assert len(await settled(at)) == count


async def test_the_specialists_hand_is_seen_and_not_recorded(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        await at.talk()
        await at.hands.open_form()
        session = at.office.session.id if at.office.session else ""
        at.office.post(s.TakeSnapshot(session))
        await at.office.until(lambda: epochs(at) == 2)
        before = await settled(at)
        button = next(
            node
            for node in nodes(snapshot(before))
            if node.get("tagName") == "button" and node["attributes"].get("type") == "submit"
        )
        at.office.post(s.PointAt(session, 0.25, 0.5))
        at.office.post(s.HighlightNode(session, button["id"]))
        hand, outline = at.page.locator(".hand"), at.page.locator(".outline")
        await expect(hand).to_be_visible()
        await expect(hand).to_contain_text("专家")
        place = await hand.evaluate("hand => { const box = hand.getBoundingClientRect(); return [box.x, box.y]; }")
        await expect(outline).to_be_visible()
        around = await outline.bounding_box()
        submit = await at.page.locator("form.form button[type=submit]").bounding_box()
        assert around is not None
        assert submit is not None
        assert abs(around["x"] + around["width"] / 2 - submit["x"] - submit["width"] / 2) < 3
        assert abs(around["y"] + around["height"] / 2 - submit["y"] - submit["height"] / 2) < 3
        assert 0 <= place[0] <= 270
        # The customer can press what the hand points at.
        await at.page.locator("form.form button[type=submit]").click()
        await expect(at.page.locator("form.form .note.danger")).to_be_visible()
        at.office.post(s.PointAt(session))
        at.office.post(s.HighlightNode(session))
        await expect(hand).to_be_hidden()
        await expect(outline).to_be_hidden()
        recorded = flat(await settled(at))
        assert "hand-layer" in recorded, "an empty box stands for it"
        sizes = await at.page.locator(".hand-layer").evaluate("e => [e.offsetWidth, e.offsetHeight]")
        assert sizes == [0, 0], "which covers nothing of the page"
        assert '"outline"' not in recorded
        assert "translate(" not in flat(at.office.batches()[len(before) :])


async def test_each_change_is_sent_when_it_is_made(tmp_path: Path) -> None:
    """It does not wait for the next. How soon it shows is measured by `./dev bench cobrowse`."""
    async with kiosk(tmp_path) as at:
        await at.talk()
        await at.hands.open_form()
        before = len(await settled(at))
        for number in range(10):
            await at.page.evaluate(
                "text => { document.querySelector('.form h1').textContent = text; }", f"title {number}"
            )
            await at.office.until(lambda text=f"title {number}": text in flat(at.office.batches()[before:]))
        assert "title 10" not in flat(at.office.batches())
