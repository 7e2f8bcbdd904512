"""Full pictures amid a call: the recorder takes them every two minutes, and no live view is disturbed."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.web.test_library import library, looking_at, until

pytestmark = pytest.mark.chromium

RECORD = """async () => {
  const { PageRecorder } = await import("/static/src/cobrowse/record.js");
  const { CobrowseView } = await import("/static/src/cobrowse/view.js");
  const page = document.createElement("section");
  page.innerHTML = "<p id='told'>one</p><div id='long'><p></p></div>";
  Object.assign(page.lastChild.style, { height: "40px", overflow: "auto" });
  page.lastChild.firstChild.style.height = "900px";
  const box = document.createElement("div");
  box.setAttribute("data-cobrowse-block", "");
  Object.assign(box.style, { position: "fixed", inset: "0", background: "white", zIndex: 99 });
  document.body.append(page, box);
  window.view = new CobrowseView(box);
  await window.view.stage.ready;
  window.pieces = [];
  window.recorder = new PageRecorder((piece) => {
    window.pieces.push(piece);
    window.view.piece(piece);
    return true;
  });
  window.recorder.start();
}"""
BATCHES = """() => {
  const whole = [];
  for (const { epoch, batch, parts, data } of window.pieces) {
    const last = whole.at(-1);
    if (last?.batch === batch && last.epoch === epoch) last.text += data;
    else whole.push({ epoch, batch, text: data });
  }
  return whole.map(({ epoch, batch, text }) => ({ epoch, batch, types: JSON.parse(text).map(({ type }) => type) }));
}"""
COPY = "window.view.stage.replayer.iframe.contentDocument"


async def test_a_picture_every_two_minutes_disturbs_no_live_view(tmp_path: Path) -> None:
    async with library(tmp_path, seconds=1) as made, looking_at(made, "/library", tmp_path) as (shown, complaints):
        await expect(shown.locator("tbody tr")).to_have_count(1)
        await shown.clock.install()
        await shown.evaluate(RECORD)
        await shown.clock.run_for(1000)
        scrolled = f"{COPY}.querySelector('#long').scrollTop"
        await until(shown, f"{scrolled} = 300", lambda top: top == 300)
        told = f"{COPY}.querySelector('#told')"
        await shown.evaluate(f"{told}.kept = true")
        await shown.evaluate(f"window.view.highlight(window.view.stage.replayer.getMirror().getId({told}))")
        node = await shown.evaluate(f"window.view.stage.replayer.getMirror().getId({told})")

        await shown.clock.run_for(240_000)
        await shown.evaluate("document.querySelector('#told').textContent = 'two'")
        await shown.clock.run_for(1000)
        batches = await shown.evaluate(BATCHES)
        assert {batch["epoch"] for batch in batches} == {batches[0]["epoch"]}
        assert [batch["batch"] for batch in batches] == list(range(len(batches)))
        pictures = [batch["batch"] for batch in batches if batch["types"][:2] == [4, 2]]
        assert len(pictures) == 3
        assert sum(batch["types"].count(2) for batch in batches) == 3
        # The very same nodes are there, scrolled as they were, and go on.
        assert await shown.evaluate(f"{told}.kept && {told}.textContent") == "two"
        assert await shown.evaluate(scrolled) == 300
        assert await shown.evaluate("window.view.stage.outline.hidden") is False
        found = f"(await import('/static/src/cobrowse/record.js')).nodeById({node}).id"
        assert await shown.evaluate(f"async () => {found}") == "told"
        # A picture that is asked for is another matter: it begins an epoch.
        await shown.evaluate("window.recorder.snapshot()")
        assert len({batch["epoch"] for batch in await shown.evaluate(BATCHES)}) == 2
        await shown.evaluate("window.recorder.stop()")
        await shown.clock.run_for(1000)  # what it had seen before is still on its way
        count = await shown.evaluate("window.pieces.length")
        await shown.clock.run_for(240_000)
        assert await shown.evaluate("window.pieces.length") == count
        # No server is between the two here that would take the addresses of images out.
        assert [complaint for complaint in complaints if "img-src" not in complaint] == []
