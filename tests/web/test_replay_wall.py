"""The walls around a copy of the customer's page, as they are without the sanitiser in front of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Request, Route, expect

from server.api import pages
from server.api.http import cookies
from tests.server.cobrowse.payloads import nodes, page
from tests.web.test_library import library, looking_at, until

pytestmark = pytest.mark.chromium


def hostile() -> list[dict[str, Any]]:
    """Every way to ask somebody for something that has a kind of its own in a browser."""
    own = "/library/s-1?from="
    return nodes(
        f"<style>@import '{own}import';@font-face{{font-family:f;src:url({own}font)}}p{{font-family:f;background:"
        f"url({own}background)}}</style><link rel=stylesheet href='{own}link'><img src='{own}img' srcset='{own}set 2x'>"
        f"<iframe src='{own}frame'></iframe><object data='{own}object'></object><embed src='{own}embed'>"
        f"<video src='{own}video' poster='{own}poster'></video><audio src='{own}audio'></audio>"
        f"<input type=image src='{own}input'><body background='{own}body'>x<p>text</p>"
        f"<svg><image href='{own}image'></image><use href='{own}use#a'></use></svg><script src='{own}script'></script>"
        f"<meta http-equiv=refresh content='0;url={own}refresh'><link rel=prefetch href='{own}prefetch'>"
        f"<link rel=preload as=image href='{own}preload'><link rel=icon href='{own}icon'><iframe srcdoc='<img "
        f"src={own}srcdoc>'></iframe><div style='background:url({own}style)'>x</div>"
        "<img src='http://evil.example/x'><div style='background:url(http://evil.example/y)'>x</div>"
        f"<style>@namespace 'x';@import/**/url({own}import2) layer(a);i{{cursor:url({own}cursor),auto;"
        f"content:url({own}content);list-style-image:image-set('{own}imageset' 1x);-webkit-mask:url({own}mask);"
        f"mask-border-source:url({own}border);background:-webkit-image-set(url({own}webkitset) 1x);"
        f"filter:url({own}filter#f);shape-outside:url({own}shape);--x:url({own}custom);border-image:var(--x);"
        f"background-image:src('{own}src')}}</style>"
        f"<i>x</i><svg><filter id=f><feImage href='{own}feimage'></feImage></filter><rect fill='url({own}fill#a)' "
        f"filter='url(#f)' mask='url({own}svgmask#a)' width=9 height=9></rect><text><textPath href='{own}textpath#a'>x"
        f"</textPath></text></svg><math href='{own}math'><mi xlink:href='{own}mi'>x</mi></math>"
        f"<link rel=modulepreload href='{own}module'><link rel=manifest href='{own}manifest'>"
        f"<a href='#' ping='{own}ping'>x</a><table background='{own}table'><td>x"
    )


ESCAPES = """async ([batches, kind]) => {
  const { Stage } = await import("/static/src/cobrowse/stage.js");
  const { CobrowseTrack } = await import("/static/src/library/cobrowse-track.js");
  const { CobrowseView } = await import("/static/src/cobrowse/view.js");
  const { PlaybackClock } = await import("/static/src/library/clock.js");
  const box = document.createElement("div");
  Object.assign(box.style, { position: "fixed", inset: "0", background: "white", zIndex: 99 });
  document.body.append(box);
  if (kind === "live") {
    const view = new CobrowseView(box);
    await view.stage.ready;
    batches.forEach((data, batch) => view.piece({ epoch: "e", batch, part: 0, parts: 1, data }));
    window.stage = view.stage;
  } else {
    const segments = [{ index: 0, start_ms: 0, end_ms: 2000, keyframe: true, recovered: false }];
    window.clock = new PlaybackClock();
    window.clock.length = 2000;
    window.clock.seek(1500);
    const track = new CobrowseTrack("s", { name: "cobrowse", kind: "cobrowse", segments, gaps: [] }, window.clock, box);
    setInterval(() => track.tick(), 50);
    window.stage = track.stage;
  }
}"""


@pytest.mark.parametrize("kind", ["live", "library"])
async def test_a_copy_asks_nobody_even_when_no_sanitiser_is_there(tmp_path: Path, kind: str) -> None:
    """Addresses of our own are as forbidden as foreign ones, in both places that draw copies."""
    batch = json.dumps(page(hostile()))
    asked: list[Request] = []
    async with library(tmp_path, seconds=1) as made, looking_at(made, "/library", tmp_path) as (shown, _):
        await expect(shown.locator("tbody tr")).to_have_count(1)

        async def answer(route: Route) -> None:
            line = {"at": 0, "kind": "rrweb", "epoch": "e", "keyframe": True, "data": json.loads(batch)}
            await route.fulfill(body=json.dumps(line) + "\n")

        def note(request: Request) -> None:
            if "?from=" in request.url or "evil.example" in request.url:
                asked.append(request)

        # What the policy holds back is told as a request that failed; it reached nobody.
        shown.on("requestfinished", note)
        await shown.context.route("**/api/sessions/s/cobrowse/*", answer)
        await shown.evaluate(ESCAPES, [[batch], kind])
        drawn = "window.stage.replayer?.iframe.contentDocument?.querySelector('p')?.textContent"
        await until(shown, drawn, lambda text: text == "text")
        # Whatever begins to load has begun when pictures beside it have.
        await shown.evaluate("new Promise((done) => requestAnimationFrame(() => requestIdleCallback(done)))")
        assert [request.url for request in asked] == []
        assert await shown.evaluate("window.stage.replayer.iframe.getAttribute('sandbox')") == "allow-same-origin"


async def test_no_cookie_goes_from_a_copy_even_without_its_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server sees what is asked, and that it does not know who asks."""
    asked: list[bool] = []
    real = cookies.read_login

    def read(request: web.Request) -> str | None:
        token = real(request)
        if "from" in request.query:
            asked.append(token is not None)
        return token

    monkeypatch.setattr(cookies, "read_login", read)
    monkeypatch.setattr(pages, "FRAME_POLICY", {"frame-ancestors": "'self'", "img-src": "*", "style-src": "*"})
    async with library(tmp_path, seconds=1) as made, looking_at(made, "/library", tmp_path) as (shown, _):
        await expect(shown.locator("tbody tr")).to_have_count(1)
        await shown.evaluate("new Image().src = '/library/s-1?from=page'")
        await until(shown, "1", lambda _: asked == [True])
        await shown.evaluate(ESCAPES, [[json.dumps(page(hostile()))], "live"])
        await until(shown, "1", lambda _: len(asked) > 3)
        assert asked[1:] == [False] * (len(asked) - 1)


async def test_a_copy_that_fails_asks_for_another_picture(tmp_path: Path) -> None:
    """A section of character data cannot be made in a document of HTML: rrweb throws amid the picture."""
    body = nodes("<p>text</p>")
    failing = [*body, {"type": 4, "id": 900, "textContent": "x"}]
    async with library(tmp_path, seconds=1) as made, looking_at(made, "/library", tmp_path) as (shown, complaints):
        await expect(shown.locator("tbody tr")).to_have_count(1)
        found = await shown.evaluate(
            """async ([failing, good]) => {
              const { CobrowseView } = await import("/static/src/cobrowse/view.js");
              const box = document.createElement("div");
              Object.assign(box.style, { position: "fixed", inset: "0" });
              document.body.append(box);
              const view = new CobrowseView(box);
              const asked = new Promise((resolve) => view.addEventListener("need-snapshot", resolve, { once: true }));
              view.piece({ epoch: "e", batch: 0, part: 0, parts: 1, data: failing });
              const { detail } = await asked;
              view.piece({ epoch: "f", batch: 0, part: 0, parts: 1, data: good });
              window.view = view;
              return detail;
            }""",
            [json.dumps(page(failing)), json.dumps(page(body))],
        )
        assert found == {"failed": True}
        drawn = "window.view.stage.replayer?.iframe.contentDocument?.querySelector('p')?.textContent"
        await until(shown, drawn, lambda text: text == "text")
        assert complaints == []
