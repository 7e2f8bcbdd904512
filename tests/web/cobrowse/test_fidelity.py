"""The copy is the same as the page, as the actual recorder, sanitiser and view make it, and says what is not in it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from playwright.async_api import Page

from link.protocol.errors import BadMessage
from server.app import make_app
from server.cobrowse import Sanitiser
from server.config import Config
from tests.web.people import at_desk
from tests.web.test_library import until

pytestmark = pytest.mark.chromium

SHARE = """async ([markup, css]) => {
  const { PageRecorder } = await import("/static/src/cobrowse/record.js");
  const { CobrowseView } = await import("/static/src/cobrowse/view.js");
  const made = document.createElement("section");
  made.id = "made";
  Object.assign(made.style, { position: "fixed", inset: "0 50% 0 0", overflow: "auto", background: "#fff", zIndex: 5 });
  const box = document.createElement("div");
  box.setAttribute("data-cobrowse-block", "");
  Object.assign(box.style, { position: "fixed", inset: "0 0 0 50%", zIndex: 2147483000, background: "#fff" });
  document.body.append(made, box);
  made.innerHTML = markup;
  // The page's policy forbids inline styles.
  window.sheet = new CSSStyleSheet();
  window.sheet.replaceSync(css);
  document.adoptedStyleSheets = [window.sheet];
  window.made = made;
  window.view = new CobrowseView(box);
  await window.view.stage.ready;
  const whole = [];
  window.raw = [];
  let last = Promise.resolve();
  window.recorder = new PageRecorder(({ epoch, batch, part, parts, data }) => {
    whole.push(data);
    if (part < parts - 1) return true;
    const text = whole.splice(0).join("");
    window.raw.push(text);
    last = last.then(async () => {
      const clean = await window.sanitise(epoch, text);
      if (clean) window.view.piece({ epoch, batch, part: 0, parts: 1, data: clean });
    });
    return true;
  });
  window.view.addEventListener("need-snapshot", () => { window.lost = (window.lost ?? 0) + 1; });
  window.shown = 0;
  window.view.addEventListener("shown", () => { window.shown += 1; });
  window.recorder.start();
}"""
COPY = "window.view.stage.replayer.iframe.contentDocument"
BOTH = f"(() => {{ const copy = {COPY}; const made = window.made; return (%s); }})()"


class Shared:
    """A page that is recorded, cleaned and shown beside itself."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.cleaners: dict[str, Sanitiser] = {}
        self.refused: list[str] = []
        self.cleaned: list[str] = []

    def clean(self, epoch: str, text: str) -> str:
        try:
            clean = self.cleaners.setdefault(epoch, Sanitiser())(text.encode()).decode()
        except BadMessage as error:
            self.refused.append(repr(error))
            return ""
        self.cleaned.append(clean)
        return clean

    async def of(self, script: str) -> Any:
        """What a script gives that knows the page's section as `made` and the copy's document as `copy`."""
        return await self.page.evaluate(BOTH % script)

    async def change(self, script: str) -> None:
        await self.page.evaluate(f"(async () => {{ const made = window.made; {script} }})()")

    async def picture(self) -> None:
        """A new picture, and the copy made of it."""
        shown = await self.page.evaluate("window.shown")
        await self.page.evaluate("window.recorder.snapshot()")
        await until(self.page, "window.shown", lambda count: count > shown)

    async def sees(self, script: str, wanted: Any = True) -> None:
        await until(self.page, BOTH % script, lambda value: value == wanted)

    def declared(self) -> dict[str, int]:
        events = [event for text in self.cleaned for event in json.loads(text) if event["type"] == 5]
        found: dict[str, int] = events[-1]["data"]["payload"] if events else {}
        return found


@asynccontextmanager
async def shared(
    folder: Path, markup: str = "", css: str = "", *, language: str = "en-GB", lost: int = 0
) -> AsyncIterator[Shared]:
    server = TestServer(make_app(Config(data=folder / "data", minimum_free_mb=0)))
    await server.start_server()
    try:
        async with at_desk(folder, language=language, devices=False) as person:
            page = person.page
            it = Shared(page)
            await page.expose_function("sanitise", it.clean)
            await page.goto(str(server.make_url("/login")))
            await page.evaluate(SHARE, [markup, css])
            await until(page, f"Boolean({COPY.replace('replayer.', 'replayer?.')}?.querySelector('#made'))", bool)
            yield it
            assert it.refused == []
            assert await page.evaluate("window.lost ?? 0") == lost
    finally:
        await server.close()


PHOTO = """
  const paint = async (colour, width, height) => {
    const canvas = new OffscreenCanvas(width, height);
    const brush = canvas.getContext("2d");
    // Noise is what compresses worst.
    const noise = brush.createImageData(width, height);
    for (let at = 0; at < noise.data.length; at++) noise.data[at] = at % 4 === 3 ? 255 : (at * 2654435761) % 256;
    brush.putImageData(noise, 0, 0);
    brush.fillStyle = colour;
    brush.fillRect(0, 0, width, height / 2);
    return URL.createObjectURL(await canvas.convertToBlob({ type: "image/png" }));
  };
"""
COLOUR = """(selector) => {
  const image = document.COPY.querySelector(selector);
  if (!image?.naturalWidth) return "";
  const brush = new OffscreenCanvas(1, 1).getContext("2d");
  brush.drawImage(image, 0, 0, 2, 2);
  const [red, green, blue] = brush.getImageData(0, 0, 1, 1).data;
  return red > 200 && blue < 80 ? "red" : blue > 200 && red < 80 ? "blue" : green > 200 ? "green" : "other";
}""".replace("document.COPY", COPY)


async def test_an_image_is_the_one_that_the_page_shows(tmp_path: Path) -> None:
    markup = "<p id=above>above</p><img id=one class=narrow><p id=below>below</p>"
    async with shared(tmp_path, markup, "#one.narrow { width: 200px }") as it:
        # Inserted before it has loaded, far larger than it is shown.
        await it.change(
            f"{PHOTO} window.paint = paint; window.red = await paint('red', 2000, 1500);"
            "window.blue = await paint('blue', 60, 40); window.green = await paint('lime', 60, 40);"
            "made.querySelector('#one').src = window.red;"
        )
        await until(it.page, f"({COLOUR})('#one')", lambda colour: colour == "red")
        assert await it.of("copy.querySelector('#one').src.length") < 100_000
        await it.sees(
            "['#one', '#below'].every((id) => copy.querySelector(id).offsetTop === made.querySelector(id).offsetTop)"
        )
        # Another address; then none that there is.
        await it.change("made.querySelector('#one').src = window.blue;")
        await until(it.page, f"({COLOUR})('#one')", lambda colour: colour == "blue")
        await it.change("made.querySelector('#one').src = '/static/images/none.png';")
        await it.sees("copy.querySelector('#one').getAttribute('src')", None)
        # A picture that another element chooses.
        await it.change(
            "made.insertAdjacentHTML('beforeend', `<picture id=p><source srcset='${window.green}'>"
            "<img id=two src='${window.blue}'></picture>`)".replace("`)", "`);")
        )
        await until(it.page, f"({COLOUR})('#two')", lambda colour: colour == "green")
        await it.change("made.querySelector('source').srcset = window.red;")
        await until(it.page, f"({COLOUR})('#two')", lambda colour: colour == "red")
        # A new picture of the page has them at once.
        await it.change("made.querySelector('#one').src = window.blue;")
        await until(it.page, f"({COLOUR})('#one')", lambda colour: colour == "blue")
        before = len(it.cleaned)
        await it.picture()
        await until(it.page, f"({COLOUR})('#two')", lambda colour: colour == "red")
        assert any("data:image/webp" in text for text in it.cleaned[before:] if '"type":2' in text)
        # What may not be read is declared, and a box of its size stands for it.
        await it.change(
            "const set = OffscreenCanvas.prototype.convertToBlob; window.restore = () => "
            "(OffscreenCanvas.prototype.convertToBlob = set); OffscreenCanvas.prototype.convertToBlob = () => "
            "Promise.reject(new DOMException('tainted', 'SecurityError'));"
            "made.querySelector('#one').className = ''; made.querySelector('#one').src = window.green;"
        )
        await it.sees("copy.querySelector('#one').dataset.cobrowseOmitted", "image")
        await it.sees("copy.querySelector('#one').clientWidth", 60)
        await it.sees(
            "document.querySelector('.cobrowse-note')?.textContent",
            "Pictures that cannot be shown: 1. A grey box stands for each.",
        )
        assert it.declared() == {"image": 1}
        await it.page.screenshot(path=tmp_path / "images.png")
        await it.change("window.restore(); made.querySelector('#one').src = window.blue;")
        await until(it.page, f"({COLOUR})('#one')", lambda colour: colour == "blue")
        await it.sees("document.querySelector('.cobrowse-note').hidden")


async def test_a_copy_that_fails_says_so_and_asks_for_a_new_one(tmp_path: Path) -> None:
    async with shared(tmp_path, "<p>text</p>", lost=1) as it:
        await it.page.evaluate("window.view.stage.onFailure()")
        words = "document.querySelector('.cobrowse-note')?.textContent ?? ''"
        await it.sees(f"({words}).startsWith('This is not the newest')")
        await it.picture()
        await it.sees(words, "")
        # So it does when the server has refused what came, and asks for another by itself.
        await it.page.evaluate("window.view.stale()")
        await it.sees(f"({words}).startsWith('This is not the newest')")
        await it.picture()
        await it.sees(words, "")
        # Pictures of style sheets: those that are not written out in them are marked, in changes and in pictures.
        await it.change(
            "window.sheet.replaceSync(`.a { background: url(/static/images/visavis.svg) } .b::before { content: '';"
            "mask-image: url(/x.png) } .c { list-style-image: image-set(url(/x.png) 1x) } "
            ".d { border-image: url(/x.png) 1 }"
            ".e { background: url(data:image/gif;base64,R0lGODlhAQABAAAAACw=) } "
            ".f { background: linear-gradient(red, blue) }"
            ".g { display: none; background: url(/x.png) }`);"
            "made.innerHTML = [...'abcdefg'].map((name) => `<p class=${name}>${name}</p>`).join('');"
        )
        marked = "[...copy.querySelectorAll('[data-cobrowse-omitted=background]')].map((one) => one.className).join('')"
        await it.sees(marked, "abcd")
        await it.sees(words, "Background pictures and symbols that cannot be shown: 4.")
        await it.picture()
        await it.sees(marked, "abcd")
        assert it.declared() == {"background": 4}
        await it.change("made.querySelector('.a').remove(); made.querySelector('.b').className = '';")
        await it.sees(marked, "cd")
        await it.sees(words, "Background pictures and symbols that cannot be shown: 2.")
        await it.page.screenshot(path=tmp_path / "backgrounds.png")


async def test_pointers_and_fonts_that_a_copy_lacks_are_declared(tmp_path: Path) -> None:
    async with shared(tmp_path, "<p id=one>one</p><p id=two>two</p>") as it:
        words = "document.querySelector('.cobrowse-note')?.textContent ?? ''"
        await it.change(
            "window.sheet.replaceSync('#one { cursor: url(/static/images/visavis.svg), auto }"
            " #two { cursor: pointer }');"
            "made.append('more');"
        )
        await it.sees(words, "Pictures as pointers that cannot be shown: 1.")
        assert it.declared() == {"cursor": 1}
        # A font that the page has loaded from elsewhere; one that is written out in a style sheet is in the copy.
        await it.change(
            "const face = new FontFace('elsewhere', 'local(\"DejaVu Sans\"), local(\"Liberation Sans\")');"
            "Object.defineProperty(face, 'status', { value: 'loaded' }); document.fonts.add(face);"
            "made.querySelector('#one').remove(); made.append('more');"
        )
        await it.sees(words, "Fonts that cannot be shown: 1. Letters and symbols may look different.")
        assert it.declared() == {"font": 1}
        await it.change("document.fonts.clear(); made.append('more');")
        await it.sees(words, "")
        assert it.declared() == {}


STATES_CSS = """
  #panel { display: none } #panel[data-open="true"] { display: block }
  #menu[aria-expanded=false] + ul { display: none }
  [data-step^="pay-"] { outline: 3px solid red }
  input[type=number] { border: 5px solid rgb(1, 2, 3) }
"""
STATES = """
<div id=panel data-open=false data-note="6222021234567890128">panel</div>
<button id=menu aria-expanded=false aria-label="secret words">menu</button><ul id=list><li>entry</ul>
<p id=step data-step="pay-4711">step</p>
<input id=date type=date value=2026-01-02><input id=number type=number value=12><input id=empty type=date>
<input id=open type=number data-cobrowse-plain value=7>
"""


async def test_states_and_fields_look_as_they_do_on_the_page(tmp_path: Path) -> None:
    async with shared(tmp_path, STATES, STATES_CSS) as it:
        shown = "['#panel', '#list'].map((id) => {0}.querySelector(id).checkVisibility()).join()"
        same = f"({shown.format('copy')}) === ({shown.format('made')})"
        assert await it.of(shown.format("copy")) == "false,false"
        await it.change(
            "made.querySelector('#panel').dataset.open = 'true';"
            "made.querySelector('#menu').setAttribute('aria-expanded', 'true');"
        )
        await it.sees(shown.format("copy"), "true,true")
        await it.change(
            "made.querySelector('#panel').dataset.open = 'false';"
            "made.querySelector('#menu').setAttribute('aria-expanded', 'false');"
        )
        await it.sees(shown.format("copy"), "false,false")
        # Rules that come later ask for what is there already.
        await it.change("window.sheet.insertRule('[data-note] + button { color: rgb(9, 8, 7) }');")
        await it.sees("copy.defaultView.getComputedStyle(copy.querySelector('#menu')).color", "rgb(9, 8, 7)")
        assert await it.of(same)
        # The words are those of the style sheets, never the page's.
        assert await it.of("copy.querySelector('#step').dataset.step") == "pay-"
        assert "outline" in await it.of(
            "copy.defaultView.getComputedStyle(copy.querySelector('#step')).cssText || 'outline'"
        )
        everything = "".join(await it.page.evaluate("window.raw"))
        assert "4711" not in everything
        assert "secret words" not in everything
        assert "6222" not in everything

        value = "['#date', '#number', '#empty', '#open'].map((id) => copy.querySelector(id).value).join()"
        assert await it.of(value) == "••••••••,••••••••,,7"
        assert await it.of("copy.querySelector('#open').type") == "number"
        size = (
            "['#date', '#number', '#empty'].map((id) => {0}.querySelector(id).getBoundingClientRect())"
            ".map(({{ width, height }}) => [Math.round(width), Math.round(height)].join()).join(' ')"
        )
        assert await it.of(size.format("copy")) == await it.of(size.format("made"))
        assert (
            await it.of("copy.defaultView.getComputedStyle(copy.querySelector('#number')).borderTopColor")
            == "rgb(1, 2, 3)"
        )
        await it.change(
            "const one = made.querySelector('#empty'); one.value = '2026-03-04';"
            "one.dispatchEvent(new Event('input', { bubbles: true }));"
        )
        await it.sees("copy.querySelector('#empty').value", "••••••••")
        await it.page.screenshot(path=tmp_path / "states.png")


LAYERS_CSS = "dialog, [popover] { width: 200px; height: 200px; background: pink } #second, #pop { background: gold }"
LAYERS = """
<dialog id=first>first</dialog><dialog id=second>second</dialog>
<div id=menu popover=manual>menu</div><div id=pop popover=manual>popover</div>
<div id=a></div><div id=b></div>
"""
TOP = "copy.elementFromPoint(copy.documentElement.clientWidth / 2, copy.documentElement.clientHeight / 2)?.id"


async def test_what_stands_above_the_page_does_so_in_its_order(tmp_path: Path) -> None:
    async with shared(tmp_path, LAYERS, LAYERS_CSS) as it:
        # The later one in the document is opened first.
        await it.change("made.querySelector('#second').showModal(); made.querySelector('#first').showModal();")
        await it.sees(TOP, "first")
        await it.picture()
        await it.sees("copy.querySelectorAll('dialog:modal').length", 2)
        await it.sees(TOP, "first")
        await it.page.screenshot(path=tmp_path / "dialogs.png")
        await it.change("made.querySelector('#first').close();")
        await it.sees(TOP, "second")
        await it.change(
            "made.querySelector('#second').close(); made.querySelector('#pop').showPopover();"
            "made.querySelector('#menu').showPopover();"
        )
        await it.sees(TOP, "menu")
        await it.page.screenshot(path=tmp_path / "popovers.png")
        await it.picture()
        await it.sees("copy.querySelectorAll(':popover-open').length", 2)
        await it.sees(TOP, "menu")
        await it.change("made.querySelector('#menu').hidePopover();")
        await it.sees(TOP, "pop")
        await it.change("made.querySelector('#pop').remove();")
        await it.sees("copy.querySelectorAll(':modal, :popover-open').length", 0)

        # Style sheets that a host has adopted, where it moves and where it comes later.
        await it.change("""
          const sheet = new CSSStyleSheet();
          sheet.replaceSync("b { color: rgb(1, 2, 3) }");
          window.host = (name) => {
            const host = document.createElement("x-host");
            host.id = name;
            const root = host.attachShadow({ mode: "open" });
            root.innerHTML = "<b>adopted</b>";
            root.adoptedStyleSheets = [sheet];
            return host;
          };
          const outer = document.createElement("div");
          outer.id = "outer";
          outer.append(window.host("h"));
          made.querySelector("#a").append(outer);
        """)
        colour = "copy.defaultView.getComputedStyle(copy.querySelector('{0}').shadowRoot.querySelector('b')).color"
        found = "copy.querySelector('{0}')?.shadowRoot?.querySelector('b') ? {1} : ''"
        await it.sees(found.format("#a #h", colour.format("#h")), "rgb(1, 2, 3)")
        for place in ("#b", "#a", "#b"):
            await it.change(f"made.querySelector('{place}').append(made.querySelector('#outer'));")
            await it.sees(found.format(f"{place} #h", colour.format("#h")), "rgb(1, 2, 3)")
        await it.picture()
        await it.change("made.querySelector('#a').append(window.host('later'), made.querySelector('#outer'));")
        for name in ("#a #later", "#a #h"):
            await it.sees(found.format(name, colour.format(name)), "rgb(1, 2, 3)")


LARGE = """
  const rows = Array.from({ length: 8000 }, (_, row) => `<tr>${`<td>${row}</td>`.repeat(10)}</tr>`);
  const table = document.createElement("table");
  table.id = "table";
  table.innerHTML = `<thead><tr><th>head</th></tr></thead><tbody>${rows.join("")}</tbody>`;
  const foot = document.createElement("p");
  foot.id = "foot";
  foot.textContent = "foot";
"""


async def test_what_is_too_large_is_shown_in_part_and_declared(tmp_path: Path) -> None:
    async with shared(tmp_path, "<p id=lead>lead</p>", language="zh-CN") as it:
        note = "document.querySelector('.cobrowse-note')?.textContent ?? ''"
        words = "此页面有一部分内容过多，无法显示，以斜纹区域表示。"
        place = "copy.querySelector('tbody > tr > [data-cobrowse-omitted=nodes]')?.tagName"
        await it.change(f"{LARGE} made.append(table, foot);")
        await it.sees(place, "TD")
        await it.sees(note, words)
        await it.sees(
            "copy.querySelector('tbody').rows.length > 200 && copy.querySelector('#foot').textContent", "foot"
        )
        assert it.declared() == {"nodes": 1}
        # So in a new picture; and what follows in the page stands where it does.
        await it.picture()
        await it.sees(place, "TD")
        await it.sees("Math.abs(copy.querySelector('#foot').offsetTop - made.querySelector('#foot').offsetTop) < 40")
        assert max(map(len, it.cleaned)) < 1_200_000
        await it.change("made.scrollTo(0, made.querySelector('tbody').rows[380].offsetTop);")
        await it.sees("Math.abs(copy.querySelector('#made').scrollTop - made.scrollTop) < 4")
        await it.page.screenshot(path=tmp_path / "large.png")
        # What changes in what is shown goes on, what is added beyond is left out, and a new content is shown.
        await it.change(
            "const body = made.querySelector('tbody'); body.rows[1].cells[0].textContent = 'changed';"
            "body.append(body.rows[7000].cloneNode(true));"
        )
        await it.sees("copy.querySelector('tbody').rows[1].cells[0].textContent", "changed")
        await it.change("made.querySelector('tbody').innerHTML = '<tr><td id=new>new</td></tr>';")
        await it.sees("copy.querySelector('#new')?.textContent", "new")
        await it.sees(place, None)
        await it.sees(note, "")
        assert it.declared() == {}

        # 250 levels are shown; beyond what a copy can have, so much as it can.
        await it.change(
            "let at = made;"
            "for (let level = 0; level < 250; level++) at = at.appendChild(document.createElement('div'));"
            "at.id = 'deep'; at.textContent = 'deep';"
        )
        await it.sees("copy.querySelector('#deep')?.textContent", "deep")
        await it.picture()
        await it.sees("copy.querySelector('#deep')?.textContent", "deep")
        await it.change(
            "at = made.querySelector('#deep'); for (let level = 0; level < 250; level++) "
            "at = at.appendChild(document.createElement('div')); at.textContent = 'deeper';".replace(
                "at =", "var at =", 1
            )
        )
        await it.picture()
        await it.sees("Boolean(copy.querySelector('#deep [data-cobrowse-omitted=depth]'))")
        await it.sees(note, words)
        # A very long text.
        await it.change(
            "made.querySelector('#deep').remove();"
            "made.querySelector('#lead').textContent = 'a'.repeat(30000) + '622202';"
        )
        await it.sees("copy.querySelector('#lead')?.textContent.slice(-3)", "a …")
        assert await it.of("copy.querySelector('#lead').textContent.length") < 21_000
        await it.sees(note, "有一段文字过长，仅显示开头部分。")
        assert it.declared() == {"text": 1}
