"""Translations: one set of messages for templates, scripts and Python, in one catalog per language.

A message is its English source text. Chinese is in `web/locales/zh_CN/LC_MESSAGES/*.po`, one file per face so that
people who work on different faces do not meet in one file; they are merged here. English is the identity.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from babel.messages.pofile import read_po

Language = Literal["zh-CN", "en"]

LANGUAGES: tuple[Language, ...] = get_args(Language)
DEFAULT_LANGUAGE: Language = "zh-CN"
LOCALES = Path(__file__).parent / "locales"

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


class CatalogError(Exception):
    """Two catalog files translate one message differently."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """The messages of one language. A message that is not in it is shown as it is, in English."""

    language: Language
    messages: Mapping[str, str] = field(default_factory=dict)

    def text(self, message: str, **values: object) -> str:
        """Return `message` in this language with each `{name}` replaced by `values[name]`.

        A placeholder without a value stays as it is, so a translation can never raise.
        """
        text = self.messages.get(message) or message
        return _PLACEHOLDER.sub(lambda match: str(values.get(match[1], match[0])), text)


def msg(message: str) -> str:
    """Mark a message that is translated later, by `Catalog.text`; the test of the catalogs looks for it."""
    return message


def parse_language(value: str | None) -> Language | None:
    """Return the language of a tag such as `zh`, `zh-Hans-CN` or `en_GB`, or None if it is not one of ours."""
    prefix = (value or "").replace("_", "-").lower().split("-")[0]
    return {"zh": "zh-CN", "en": "en"}.get(prefix)  # type: ignore[return-value]


def negotiate(accept_language: str) -> Language | None:
    """Return the first language of an Accept-Language header (RFC 9110 §12.5.4) that is ours, by its quality."""
    wishes: list[tuple[float, Language]] = []
    for part in accept_language.split(",")[:20]:
        tag, _, parameter = part.strip().partition(";")
        language = parse_language(tag)
        if language is None:
            continue
        try:
            quality = float(parameter.strip().removeprefix("q=")) if parameter else 1.0
        except ValueError:
            continue
        if quality > 0:
            wishes.append((quality, language))
    return max(wishes, key=lambda wish: wish[0])[1] if wishes else None


@functools.cache
def load_catalog(language: Language) -> Catalog:
    """Read and merge the catalog files of `language`; cached for the life of the process."""
    messages: dict[str, str] = {}
    for path in catalog_files(language):
        for message, text in read_catalog_file(path).items():
            if messages.setdefault(message, text) != text:
                raise CatalogError(f"{path.name} translates {message!r} differently from another file")
    return Catalog(language, messages)


def catalog_files(language: Language) -> list[Path]:
    """Return the .po files of `language`, in a fixed order."""
    return sorted((LOCALES / language.replace("-", "_") / "LC_MESSAGES").glob("*.po"))


def read_catalog_file(path: Path) -> dict[str, str]:
    """Return the messages of one .po file, untranslated ones as an empty string."""
    with path.open("rb") as file:
        catalog = read_po(file, locale=path.parent.parent.name)
    return {str(entry.id): str(entry.string) for entry in catalog if entry.id}
