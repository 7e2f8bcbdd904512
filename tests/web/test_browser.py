"""The page environment in a real browser: import map, widgets, language and policy together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp_jinja2
import jinja2
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Page

from demo.browser import open_browser
from demo.synthetic_media import write_wav
from web import pages

pytestmark = pytest.mark.chromium

PAGE = """{% extends "base.html" %}
{% block body %}
<h1>{{ tr("Hello {name}", name=name) }}</h1>
<wa-button id="button" variant="brand"><wa-icon name="phone"></wa-icon>Call</wa-button>
<wa-select id="select" label="Service"><wa-option value="a">A</wa-option><wa-option value="b">B</wa-option></wa-select>
<wa-dialog id="dialog" label="Title"><p>Text</p></wa-dialog>
<wa-rating id="rating" label="Stars"></wa-rating> <wa-switch id="switch">On</wa-switch>
<wa-tab-group><wa-tab panel="x">X</wa-tab><wa-tab-panel name="x">x</wa-tab-panel></wa-tab-group>
<wa-callout variant="warning">Careful</wa-callout> <wa-spinner></wa-spinner> <wa-badge>1</wa-badge>
<wa-tooltip for="button">Tip</wa-tooltip> <wa-textarea label="Note"></wa-textarea> <wa-input label="Name"></wa-input>
<test-greeting></test-greeting>
{% endblock %}
{% block scripts %}<script type="module" src="/module.js"></script>{% endblock %}"""

MODULE = """
import { LitElement, html } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { iconNames } from "webawesome";
import { record } from "@rrweb/record";
import { Replayer } from "@rrweb/replay";
import { LanguageController, language, setLanguage, t } from "/static/src/i18n.js";
customElements.define("test-greeting", class extends LitElement {
  constructor() { super(); this.controller = new LanguageController(this); }
  render() { return html`<p>${t("Hello {name}", { name: "Lit" })}</p>${repeat([1], (n) => n)}`; }
});
globalThis.test = { iconNames, language, setLanguage, loaded: [typeof record, typeof Replayer] };
document.body.dataset.ready = "yes";
"""

TEXTS = '{"Hello {name}": "你好，{name}"}'


@pytest_asyncio.fixture(loop_scope="session")
async def server() -> AsyncIterator[TestServer]:
    async def page(request: web.Request) -> web.Response:
        return pages.render(request, "page.html", {"name": "<World>"})

    async def module(request: web.Request) -> web.Response:
        return web.Response(text=MODULE, content_type="text/javascript")

    async def catalog(request: web.Request) -> web.Response:
        return web.Response(text=TEXTS, content_type="application/json")

    app = web.Application()
    app.router.add_get("/", page)
    app.router.add_get("/module.js", module)
    app.router.add_get("/static/locales/zh-CN.json", catalog)
    pages.setup(app)
    environment = app[aiohttp_jinja2.APP_KEY]
    assert environment.loader is not None
    environment.loader = jinja2.ChoiceLoader([jinja2.DictLoader({"page.html": PAGE}), environment.loader])
    running = TestServer(app)
    async with running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def page(server: TestServer, tmp_path: Path) -> AsyncIterator[Page]:
    import numpy as np

    write_wav(tmp_path / "silence.wav", np.zeros(4800, np.int16))
    async with open_browser(video=tmp_path / "none.mjpeg", audio=tmp_path / "silence.wav", language="en-GB") as context:
        page = await context.new_page()
        yield page


async def test_widgets_languages_and_third_party_code_work_under_the_strict_policy(
    page: Page, server: TestServer
) -> None:
    complaints: list[str] = []
    outside: list[str] = []
    origin = str(server.make_url("/")).rstrip("/")
    page.on(
        "console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request", lambda request: None if request.url.startswith((origin, "data:")) else outside.append(request.url)
    )
    await page.goto(origin)
    await page.locator("body[data-ready=yes]").wait_for(timeout=30_000)
    assert await page.evaluate("test.loaded") == ["function", "function"]
    assert "phone-off" in await page.evaluate("test.iconNames")
    for tag in ("wa-button", "wa-select", "wa-dialog", "wa-rating", "wa-switch", "wa-tab-group", "wa-tooltip"):
        assert await page.evaluate(f"Boolean(customElements.get('{tag}'))"), tag
    await page.evaluate("document.getElementById('dialog').open = true")
    await page.get_by_text("Text", exact=True).wait_for()
    drawn = await page.evaluate("document.querySelector('wa-icon').updateComplete.then(() => true)")
    assert drawn
    await page.locator("wa-icon svg").first.wait_for(timeout=30_000)
    assert await page.locator("h1").inner_text() == "Hello <World>"
    await page.evaluate("test.setLanguage('zh-CN')")
    assert await page.locator("h1").inner_text() == "你好，<World>"
    assert await page.locator("test-greeting p").inner_text() == "你好，Lit"
    assert await page.evaluate("document.documentElement.lang") == "zh-CN"
    await page.reload()
    await page.locator("body[data-ready=yes]").wait_for(timeout=30_000)
    assert await page.evaluate("test.language()") == "zh-CN", "the choice is remembered"
    assert not complaints
    assert not outside


async def test_an_injected_script_does_not_run(page: Page, server: TestServer) -> None:
    await page.goto(str(server.make_url("/")))
    await page.locator("body[data-ready=yes]").wait_for(timeout=30_000)
    await page.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "globalThis.attacked = true";
        document.body.append(script);
        const image = document.createElement("img");
        image.setAttribute("onerror", "globalThis.attacked = true");
        image.src = "data:image/png;base64,broken";
        document.body.append(image);
    }""")
    await page.evaluate("new Promise((resolve) => setTimeout(resolve, 200))")
    assert await page.evaluate("globalThis.attacked") is None
