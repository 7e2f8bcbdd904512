"""Removes everything from style sheets that would load a resource, from any origin.

Read token by token as CSS Syntax 3 says (tinycss2), so that escapes, comments, broken strings and broken addresses mean
here what they mean to a browser. Time and memory are linear in the length of the text. The policy of the
replay's document forbids all loading as well.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, cast

import tinycss2
from tinycss2 import ast

from link.protocol.errors import BadMessage
from server.cobrowse.numbers import JOINED, hide, mask_numbers

SPLIT: Final = "/* rr_split */"
"""What rrweb puts between the texts of a style element's several text nodes."""
MOST: Final = 1024 * 1024
"""Longest text, in characters; half a second of work, and ten times that at worst."""
DEPTH: Final = 64
LONGEST_INTEGER: Final = 10
"""Digits of an integer that a style sheet may need: the greatest `z-index` has ten."""

_SAFE_DATA: Final = re.compile(
    r"data:(?:image/(?:png|jpe?g|gif|webp|bmp|avif|svg\+xml|x-icon)"
    r"|font/[a-z0-9.+-]+|application/(?:x-)?font-[a-z0-9.+-]+)[;,]",
    re.IGNORECASE,
)
_AT_RULES: Final = frozenset(("import", "charset", "namespace", "document", "-moz-document"))
# By their names without a vendor's prefix: functions whose arguments, strings too, are addresses, or that draw what is
# elsewhere on the page.
_LOADS: Final = frozenset(
    ("image-set", "cross-fade", "element", "image", "src", "expression", "paint", "canvas", "image-rect", "url-prefix")
)
_LEGACY: Final = frozenset(("behavior", "binding", "moz-binding"))
_TELLING: Final = re.compile(r"""[(@\\:"']""")
"""Without one of these nothing loads."""
_PREFIX: Final = re.compile(r"-[a-z]+-")
_KNOWN: Final = 4096

Token = Any  # tinycss2 has no types of its own

# Digests of long texts that were found to be clean, for every full picture brings the same sheets again.
_known: dict[bytes, None] = {}


def clean_css(text: str) -> str:
    """Return declarations or a value in which every address is a fragment or inline image or font.

    What is harmless comes back as it was, unless something in it was left open. Raises `BadMessage` for over 1 Mi
    characters, and for rrweb's marks inside of one another.
    """
    return _clean(text) if _TELLING.search(text) or mask_numbers(text) != text else text


def clean_sheet(text: str) -> str:
    """Return rules, cleaned, that are complete in themselves: what the next text node adds changes nothing in them."""
    long = len(text) > 1024
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() if long else b""
    if long and digest in _known:
        return text
    clean = _clean(text)
    if clean and not clean.endswith(("}", ";", "\n", " ", "*/")):
        clean += "\n"
    if long and clean == text:
        if len(_known) >= _KNOWN:
            _known.clear()
        _known[digest] = None
    return clean


def clean_texts(texts: list[str]) -> list[str]:
    """Return the texts of one style element's text nodes: each as it was, or all of them in the first."""
    if len(texts) == 1:
        return [clean_sheet(texts[0])]
    if [clean_sheet(text) for text in texts] == texts:
        return texts
    return [clean_sheet("".join(texts)), *("" for _ in texts[1:])]


def is_inline_image(address: str) -> bool:
    """True for a `data:` address of an image."""
    return address[:11].lower() == "data:image/" and bool(_SAFE_DATA.match(address))


def _clean(text: str) -> str:
    if len(text) > MOST:
        raise BadMessage("a style sheet is too long")
    if SPLIT in text:
        # A browser sees the texts without this mark, and our reader a comment between two words.
        whole = text.replace(SPLIT, "")
        if SPLIT in whole:
            # Taking each in turn would be the work of the whole text for each; no page has them by accident.
            raise BadMessage("a style sheet has marks inside of marks")
        if (clean := _clean(whole)) != whole:
            return clean
    # An ending of our own at the outermost level: it is not there when something before it was left open.
    tokens = _parse(text + "\n;")
    closed = len(tokens) > 1 and tokens[-1].type == "literal" and tokens[-2].type == "whitespace"
    tokens = tokens[:-1] if closed else _ended(_parse(text))
    kept = list(_kept(tokens, DEPTH))
    if closed and _same(kept, tokens):
        return text
    return str(tinycss2.serialize(kept)).strip()


def _ended(tokens: list[Token]) -> list[Token]:
    """Close the string or address that the text ends in, if it does; the parser would write it as open as it came."""
    inside = tokens
    while inside:
        while inside and inside[-1].type == "error":
            inside.pop()
        if inside and inside[-1].type == "string":
            inside[-1] = _string(inside[-1], inside[-1].value)
            break
        if inside and inside[-1].type == "url":
            token = inside[-1]
            written = f"url({tinycss2.serializer.serialize_url(token.value)})"
            inside[-1] = ast.URLToken(token.source_line, token.source_column, token.value, written)
            break
        inside = _inside(inside[-1]) if inside else []
    return tokens


def _inside(token: Token) -> list[Token]:
    if token.type == "function":
        return cast("list[Token]", token.arguments)
    return cast("list[Token]", token.content) if token.type.endswith(" block") else []


def _parse(text: str) -> list[Token]:
    try:
        return list(tinycss2.parse_component_value_list(text))
    except ValueError as error:  # a whole number of thousands of digits
        raise BadMessage("a style sheet cannot be read") from error


def _same(kept: list[Token], tokens: list[Token]) -> bool:
    return len(kept) == len(tokens) and all(a is b for a, b in zip(kept, tokens, strict=True))


def _kept(tokens: Iterable[Token], depth: int) -> Iterator[Token]:
    """What may stay of a list of tokens; a token that stays as it is stays the same object."""
    found = iter(_whole_strings(tokens))
    for token in found:
        match token.type:
            case "at-keyword" if token.lower_value in _AT_RULES:
                _skip(found)
            case "url":
                yield token if _allowed(token.value) else _none(token)
            case "function":
                yield from _function(token, depth)
            case "{} block" | "[] block" | "() block":
                yield from _block(token, "content", depth)
            case "ident" if _bare(token.lower_value) in _LEGACY:
                yield ast.IdentToken(token.source_line, token.source_column, "removed")
            case "error":
                pass
            case "string" | "ident" | "hash" | "number":
                yield _guarded(token)
            case _:
                yield token


def _whole_strings(tokens: Iterable[Token]) -> Iterable[Token]:
    """The tokens, without a number that strings after one another show together."""
    strings: list[Token] = []
    hidden: dict[int, str] = {}
    kept = list(tokens)
    for token in (*kept, None):
        if token is not None and token.type == "string":
            strings.append(token)
        elif token is None or token.type not in ("whitespace", "comment"):
            shown = hide([string.value for string in strings], [JOINED] * len(strings)) if len(strings) > 1 else []
            hidden |= {id(one): text for one, text in zip(strings, shown, strict=False) if text != one.value}
            strings = []
    if not hidden:
        return kept
    return [_string(token, hidden[id(token)]) if id(token) in hidden else token for token in kept]


def _guarded(token: Token) -> Token:
    """The token without a card or identity number: `content: "…"` shows one as well as a text does."""
    if token.type == "number":
        long = token.is_integer and len(token.representation) > LONGEST_INTEGER
        return ast.NumberToken(token.source_line, token.source_column, 0, 0, "0") if long else token
    masked = mask_numbers(token.value)
    if masked == token.value:
        return token
    if token.type == "string":
        return _string(token, masked)
    return ast.IdentToken(token.source_line, token.source_column, "removed")


def _string(token: Token, value: str) -> Token:
    written = f'"{tinycss2.serializer.serialize_string_value(value)}"'
    return ast.StringToken(token.source_line, token.source_column, value, written)


def _skip(found: Iterator[Token]) -> None:
    """Leave out a rule to its end: a semicolon or a block."""
    for token in found:
        if token.type == "{} block" or (token.type == "literal" and token.value == ";"):
            return


def _function(token: Token, depth: int) -> Iterator[Token]:
    name = token.lower_name
    if name == "url":
        words = [word for word in token.arguments if word.type not in ("whitespace", "comment")]
        fine = len(words) == 1 and words[0].type == "string" and _allowed(words[0].value)
        yield token if fine else _none(token)
    elif _bare(name) in _LOADS or (name == "attr" and not _plain_attr(token.arguments)):
        yield _none(token)
    else:
        yield from _block(token, "arguments", depth)


def _block(token: Token, name: str, depth: int) -> Iterator[Token]:
    if depth == 0:
        return  # nobody nests so deeply, and whoever writes it out would have to
    inside = getattr(token, name)
    kept = list(_kept(inside, depth - 1))
    if not _same(kept, inside):
        if name == "content":
            token = type(token)(token.source_line, token.source_column, kept)
        else:
            token = ast.FunctionBlock(token.source_line, token.source_column, token.name, kept)
    yield token


def _plain_attr(arguments: list[Token]) -> bool:
    """Only the text of an attribute: a type and a fallback could make an image of it."""
    return [word.type for word in arguments if word.type not in ("whitespace", "comment")] == ["ident"]


def _allowed(address: str) -> bool:
    address = address.strip()
    return address.startswith("#") or bool(_SAFE_DATA.match(address))


def _bare(name: str) -> str:
    return _PREFIX.sub("", name, count=1) if name.startswith("-") else name


def _none(token: Token) -> Token:
    return ast.IdentToken(token.source_line, token.source_column, "none")
