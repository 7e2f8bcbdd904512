"""Static files: read once at start-up, served from memory with strong ETags.

A request names a key of a table, never a path, so nothing outside the folders can be asked for.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import json
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog
from aiohttp import ETag, hdrs, web

from web.catalogs import LANGUAGES, load_catalog
from web.stylesheets import STYLES, read_sheet

log = structlog.get_logger()

WEB = Path(__file__).parent
FOLDERS = {"src": WEB / "src", "vendor": WEB / "dist" / "vendor", "images": WEB / "images"}

_TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".woff2": "font/woff2",
    ".txt": "text/plain",
}
_TEXT = {"text/javascript", "text/css", "application/json", "image/svg+xml", "text/plain"}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent: `compressed` is its gzip form where that is worth sending."""

    body: bytes
    compressed: bytes | None
    content_type: str
    etag: str


def make_asset(name: str, body: bytes) -> Asset:
    """Prepare a file called `name` for serving."""
    suffix = Path(name).suffix
    content_type = _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    compressed = None
    if content_type in _TEXT:
        content_type += "; charset=utf-8"
        if len(body) > 1024:
            compressed = gzip.compress(body, 6, mtime=0)
    return Asset(body, compressed, content_type, hashlib.sha256(body).hexdigest()[:32])


@functools.cache
def load_assets() -> Mapping[str, Asset]:
    """Read every static file, keyed by its path below `/static/`; cached for the life of the process."""
    assets: dict[str, Asset] = {}
    for area, folder in FOLDERS.items():
        if area == "vendor" and not folder.is_dir():
            log.warning("third-party bundle is missing, pages will not work", folder=area)
        for path in sorted(folder.rglob("*")):
            served = path.suffix in _TYPES and not path.name.startswith(".") and not path.name.endswith(".d.ts")
            if served and path.is_file() and not path.is_symlink():
                assets[f"{area}/{path.relative_to(folder).as_posix()}"] = make_asset(path.name, path.read_bytes())
    for path in sorted(STYLES.glob("*.css")):
        assets[f"styles/{path.name}"] = make_asset(path.name, read_sheet(path.name).encode())
    for language in LANGUAGES:
        text = json.dumps(dict(load_catalog(language).messages), ensure_ascii=False, sort_keys=True)
        assets[f"locales/{language}.json"] = make_asset(f"{language}.json", text.encode())
    return assets


async def serve_asset(request: web.Request) -> web.Response:
    """Answer `GET /static/{path}`: the file, 304 if the browser has it already, or 404."""
    asset = load_assets().get(request.match_info["path"])
    if asset is None:
        raise web.HTTPNotFound
    headers = {hdrs.ETAG: f'"{asset.etag}"', hdrs.CACHE_CONTROL: "no-cache", hdrs.VARY: "Accept-Encoding"}
    known = request.if_none_match or ()
    if any(tag.value in (asset.etag, "*") for tag in known if isinstance(tag, ETag)):
        return web.Response(status=304, headers=headers)
    body = asset.body
    if asset.compressed is not None and "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, ""):
        body = asset.compressed
        headers[hdrs.CONTENT_ENCODING] = "gzip"
    headers[hdrs.CONTENT_TYPE] = asset.content_type
    return web.Response(body=body, headers=headers)
