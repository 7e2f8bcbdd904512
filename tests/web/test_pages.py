from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiohttp_jinja2
import jinja2
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from web import pages
from web.assets import load_assets
from web.security import PAGE_POLICY, policy_header, use_policy

AiohttpClient = Callable[[web.Application], Awaitable["TestClient[web.Request, web.Application]"]]

TEMPLATES = {
    "hello.html": """{% extends "base.html" %}{% block title %}{{ _("Hello {name}", name=name) }}{% endblock %}
{% block body %}<h1>{{ name }}</h1>{{ tr("Hello {name}", name=name) }}{% endblock %}""",
    "broken.html": "{{ missing }}",
    "replay.html": '{% extends "base.html" %}',
}
FRAMED = {"default-src": "'none'", "frame-ancestors": "'self'"}


@dataclass(frozen=True, slots=True)
class Hello:
    name: str
    page_data: dict[str, str]


@pytest.fixture
async def client(aiohttp_client: AiohttpClient) -> TestClient[web.Request, web.Application]:
    async def hello(request: web.Request) -> web.Response:
        name = request.query.get("name", "")
        return pages.render(request, "hello.html", Hello(name, {"name": name}))

    async def broken(request: web.Request) -> web.Response:
        return pages.render(request, "broken.html")

    async def replay(request: web.Request) -> web.Response:
        use_policy(request, FRAMED)
        return pages.render(request, "replay.html")

    app = web.Application()
    pages.setup(app)
    environment = app[aiohttp_jinja2.APP_KEY]
    assert environment.loader is not None
    environment.loader = jinja2.ChoiceLoader([jinja2.DictLoader(TEMPLATES), environment.loader])
    app.router.add_get("/hello", hello)
    app.router.add_get("/broken", broken)
    app.router.add_get("/replay", replay)
    return await aiohttp_client(app)


async def test_a_page_is_in_chinese_unless_asked_otherwise(client: TestClient[web.Request, web.Application]) -> None:
    response = await client.get("/hello")
    assert response.headers["Content-Language"] == "zh-CN"
    assert '<html lang="zh-CN"' in await response.text()


@pytest.mark.parametrize(
    ("cookie", "header", "expected"),
    [
        (None, "en-GB,en;q=0.9", "en"),
        (None, "fr, zh-TW;q=0.8, en;q=0.2", "zh-CN"),
        (None, "fr;q=1.0", "zh-CN"),
        (None, "en;q=zero, ;;, zh;q=0", "zh-CN"),
        ("en", "zh-CN", "en"),
        ("klingon", "en", "en"),
    ],
)
async def test_the_cookie_goes_before_the_browser(
    client: TestClient[web.Request, web.Application], cookie: str | None, header: str, expected: str
) -> None:
    cookies = {"lang": cookie} if cookie else {}
    response = await client.get("/hello", headers={"Accept-Language": header}, cookies=cookies)
    assert response.headers["Content-Language"] == expected


async def test_everything_in_a_page_is_escaped(client: TestClient[web.Request, web.Application]) -> None:
    attack = "</script><script>alert(1)</script>\"'"
    text = await (await client.get("/hello", params={"name": attack})).text()
    assert "<script>alert" not in text
    assert "</script><script>" not in text
    found = re.search(r'<script type="application/json" id="page-data">(.*?)</script>', text, re.DOTALL)
    assert found
    assert json.loads(found[1]) == {"name": attack}
    live = re.search(r'data-t="Hello \{name\}" data-t-values="(.*?)"', text)
    assert live
    assert "&lt;script&gt;" in live[1]


async def test_the_import_map_is_the_only_inline_script_and_its_hash_is_allowed(
    client: TestClient[web.Request, web.Application],
) -> None:
    response = await client.get("/hello")
    text = await response.text()
    inline = re.findall(r"<script(?![^>]*application/json)(?![^>]*src=)[^>]*>(.*?)</script>", text, re.DOTALL)
    assert len(inline) == 1
    digest = base64.b64encode(hashlib.sha256(inline[0].encode()).digest()).decode()
    policy = response.headers["Content-Security-Policy"]
    assert f"script-src 'self' 'sha256-{digest}';" in policy
    assert "unsafe" not in policy
    assert not re.search(r"\sstyle=|\son\w+=", text)
    for target in json.loads(inline[0])["imports"].values():
        assert target.startswith("/static/vendor/")


async def test_every_response_carries_the_headers_errors_too(
    client: TestClient[web.Request, web.Application],
) -> None:
    for path, status in (("/hello", 200), ("/nowhere", 404), ("/broken", 500), ("/static/nothing.js", 404)):
        response = await client.get(path)
        assert response.status == status
        assert response.headers["Content-Security-Policy"] == policy_header(PAGE_POLICY)
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["X-Frame-Options"] == "DENY"
        assert response.headers["Cache-Control"] == "no-store"


async def test_a_response_may_have_a_policy_of_its_own(client: TestClient[web.Request, web.Application]) -> None:
    response = await client.get("/replay")
    assert response.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'self'"
    assert response.headers["X-Frame-Options"] == "SAMEORIGIN"


async def test_a_static_file_is_sent_once(client: TestClient[web.Request, web.Application]) -> None:
    first = await client.get("/static/src/i18n.js", headers={"Accept-Encoding": "identity"})
    assert first.status == 200
    assert first.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert await first.read() == load_assets()["src/i18n.js"].body
    again = await client.get("/static/src/i18n.js", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status == 304
    assert await again.read() == b""


async def test_a_large_text_is_sent_compressed(client: TestClient[web.Request, web.Application]) -> None:
    async with client.session.get(
        client.make_url("/static/styles/base.css"), headers={"Accept-Encoding": "gzip"}
    ) as response:
        assert response.headers["Content-Encoding"] == "gzip"
        assert int(response.headers["Content-Length"]) < len(load_assets()["styles/base.css"].body)
    compressed = load_assets()["styles/base.css"].compressed
    assert compressed is not None
    assert gzip.decompress(compressed) == load_assets()["styles/base.css"].body


@pytest.mark.parametrize(
    "path",
    [
        "/static/../pages.py",
        "/static/src/../pages.py",
        "/static/src/%2e%2e/pages.py",
        "/static/src/..%2fpages.py",
        "/static//etc/passwd",
        "/static/src/%00",
        "/static/src/vendor.d.ts",
        "/static/src/",
        "/static/locales/../locales/zh_CN/LC_MESSAGES/base.po",
    ],
)
async def test_nothing_outside_the_folders_is_served(
    client: TestClient[web.Request, web.Application], path: str
) -> None:
    from yarl import URL

    response = await client.session.get(str(client.make_url("/")).rstrip("/") + path, allow_redirects=False)
    assert response.status == 404
    response = await client.session.get(URL(str(client.make_url("/")).rstrip("/") + path, encoded=True))
    assert response.status == 404


async def test_the_catalog_of_a_language_is_a_static_file(client: TestClient[web.Request, web.Application]) -> None:
    chinese = await (await client.get("/static/locales/zh-CN.json")).json()
    assert isinstance(chinese, dict)
    assert await (await client.get("/static/locales/en.json")).json() == {}
