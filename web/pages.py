"""The environment every page of ours lives in: templates, language, static files, security headers.

`setup(app)` once per application, then `render(request, "name.html", context)` per page. Templates extend
`base.html`; in them `_("text {name}", name=...)` gives translated text, and `tr("text")` gives an element whose text
changes by itself when the person switches the language.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp_jinja2
import jinja2
from aiohttp import hdrs, web
from markupsafe import Markup

from web.assets import serve_asset
from web.catalogs import DEFAULT_LANGUAGE, LANGUAGES, Catalog, Language, load_catalog, negotiate, parse_language
from web.security import IMPORT_MAP_JSON, add_security_headers

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["Language", "language_of", "render", "setup"]

TEMPLATES = Path(__file__).parent / "templates"


def setup(app: web.Application) -> None:
    """Give `app` the template environment, `GET /static/{path}` and security headers on every response."""
    environment = aiohttp_jinja2.setup(
        app,
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        default_helpers=False,
    )
    environment.globals["import_map"] = Markup(IMPORT_MAP_JSON)  # noqa: S704 - ours, and hashed by the policy
    environment.globals["languages"] = LANGUAGES
    app.router.add_get("/static/{path:.+}", serve_asset, name="static")
    app.on_response_prepare.append(add_security_headers)


def render(
    request: web.Request,
    template: str,
    context: DataclassInstance | Mapping[str, Any] | None = None,
    *,
    language: Language | None = None,
    status: int = 200,
) -> web.Response:
    """Return the page of `template` in the language of the request, or in `language` if given.

    `context` is a dataclass or a mapping; a name it lacks is an error (StrictUndefined).
    """
    catalog = load_catalog(language or language_of(request))
    values = {**_plain(context), "language": catalog.language, "_": catalog.text, "tr": _live_text(catalog)}
    response = aiohttp_jinja2.render_template(template, request, values, status=status)
    response.headers[hdrs.CONTENT_LANGUAGE] = catalog.language
    return response


def language_of(request: web.BaseRequest) -> Language:
    """Return the language chosen on a page before (cookie `lang`), else the browser's, else Chinese."""
    chosen = parse_language(request.cookies.get("lang"))
    return chosen or negotiate(request.headers.get(hdrs.ACCEPT_LANGUAGE, "")) or DEFAULT_LANGUAGE


def _plain(context: DataclassInstance | Mapping[str, Any] | None) -> Mapping[str, Any]:
    if context is None:
        return {}
    if isinstance(context, Mapping):
        return context
    return {item.name: getattr(context, item.name) for item in dataclasses.fields(context)}


def _live_text(catalog: Catalog) -> Any:
    def tr(message: str, **values: object) -> Markup:
        text = catalog.text(message, **values)
        if not values:
            return Markup('<span data-t="{}">{}</span>').format(message, text)
        given = json.dumps(values, ensure_ascii=False, default=str)
        return Markup('<span data-t="{}" data-t-values="{}">{}</span>').format(message, given, text)

    return tr
