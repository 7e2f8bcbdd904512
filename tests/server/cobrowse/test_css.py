"""Style sheets: nothing that loads is left, what is harmless stays as it was, and time grows with length alone."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import tinycss2
from hypothesis import example, given, settings
from hypothesis import strategies as st

from link.protocol.errors import BadMessage
from server.cobrowse import css
from server.cobrowse.css import MOST, clean_css, clean_sheet, clean_texts
from web.stylesheets import STYLES, read_sheet

ADDRESS = "http://evil.example/x"
OWN = "/library/SESSION/manifest"
LOADS = {"image-set", "cross-fade", "element", "image", "src", "expression", "paint"}


def every_token(tokens: list[Any]) -> Iterator[Any]:
    for token in tokens:
        yield token
        yield from every_token(getattr(token, "content", None) or getattr(token, "arguments", None) or [])


def loading(text: str) -> list[Any]:
    """What would load something, by a rule of the test's own: the kinds of CSS Syntax, not the words of a list."""
    found = []
    for token in every_token(tinycss2.parse_component_value_list(text)):
        words = [word for word in getattr(token, "arguments", []) if word.type == "string"]
        address = token.value if token.type == "url" else words[0].value if words else ""
        inline = address.strip().lower().startswith(("#", "data:image/", "data:font/"))
        if (
            (token.type == "url" and not inline)
            or (token.type == "function" and token.lower_name == "url" and not inline)
            or (token.type == "function" and token.lower_name.rpartition("-webkit-")[2] in LOADS)
            or (token.type == "at-keyword" and token.lower_value in ("import", "namespace", "charset"))
            or (token.type == "error" and token.kind in ("bad-url", "bad-string"))
        ):
            found.append(token)
    return found


@pytest.mark.parametrize("address", [ADDRESS, OWN, "//evil.example/x", "data:text/html,x", "blob:http://h/1"])
@pytest.mark.parametrize(
    "form",
    [
        '.a{background:url("#\n)}.b{background:url(ADDR)}.c{content:")}',
        '@imp/* rr_split */ort "ADDR";',
        '@import "ADDR";',
        "@import url(ADDR) screen;",
        '@\\69mport "ADDR";',
        '@\\000069 mport"ADDR"',
        '@media all{@import "ADDR";a{background:url(ADDR)}}',
        "a{background:\\75rl(ADDR)}",
        "a{background:u\\r\\l(ADDR)}",
        "a{background:u\\72 l( ADDR )}",
        "a{background:URL('ADDR')}",
        "a{background:url('ADDR' )}",
        "a{background:url(/**/'ADDR')}",
        "a{background:url(ADDR",
        "a{background:url('ADDR",
        'a{background:url(ADDR"x)}',
        "a{background:url('#' ADDR)}",
        "a{background:image-set('ADDR' 1x)}",
        "a{background:-webkit-image-set(url(ADDR) 1x)}",
        "a{background:im\\61ge-set('ADDR' 1x)}",
        "a{background:cross-fade(url(ADDR),red)}",
        "a{background:-webkit-cross-fade(url(ADDR),url(ADDR),50%)}",
        "a{background:-moz-element(#ADDR)}",
        "a{background:image('ADDR')}",
        "a{background:src('ADDR')}",
        "a{background:paint(ADDR)}",
        "a{--x:url(ADDR);background:var(--x)}",
        "a{background:var(--x,url(ADDR))}",
        "a{background:attr(href type(<url>),url(ADDR))}",
        "@font-face{font-family:x;src:url(ADDR) format('woff')}",
        "@font-face{font-family:x;src:src('ADDR');unicode-range:u+0-7f}",
        "@namespace url(ADDR);",
        "@charset 'ADDR';",
        "@-moz-document url(ADDR){a{top:0}}",
        "@property --x{syntax:'<url>';inherits:false;initial-value:url(ADDR)}",
        "@counter-style x{symbols:url(ADDR)}",
        "a{width:expression(ADDR)}",
        "<!-- @import 'ADDR'; -->",
        "</*{}a{background:url(ADDR)}*/{}b{cursor:url(ADDR),auto}",
        "a{filter:url(ADDR#f)}",
        "a{{{{((([[[background:url(ADDR)",
        "}}}a{background:url(ADDR)}",
        "a{}\f@import 'ADDR';",
        "a{background:u\0rl(ADDR)}b{background:url(ADDR)}",
    ],
)
def test_nothing_that_loads_is_left(form: str, address: str) -> None:
    text = form.replace("ADDR", address)
    for clean in (clean_css(text), clean_sheet(text), "".join(clean_texts([text[:9], text[9:]]))):
        assert not loading(clean), clean
        assert not loading(clean.replace(css.SPLIT, "")), clean
        assert loading(clean + "\n@import 'x'; a{b:url(x)}"), "what follows stands by itself"


@pytest.mark.parametrize("cut", range(1, 30))
def test_a_rule_spread_over_several_texts(cut: int) -> None:
    rule = f'@import "{ADDRESS}";'
    assert "evil" not in "".join(clean_texts([rule[:cut], rule[cut:]])) or cut > len(rule)
    assert "evil" not in clean_css(f"{rule[:cut]}{css.SPLIT}{rule[cut:]}")


@pytest.mark.parametrize("sheet", sorted(path.name for path in STYLES.glob("*.css")))
def test_ordinary_sheets_stay_as_they_are(sheet: str) -> None:
    text = read_sheet(sheet)
    assert "@layer" in text
    assert clean_sheet(text) == text
    assert clean_sheet(text) == text  # the second time by its digest
    assert clean_css(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "fill:url(#g)",
        "background:url(data:image/png;base64,AA==)",
        "src:url('data:font/woff2;base64,AA')",
        'background:url( "data:image/svg+xml,%3Csvg/%3E" )',
        "a/* x */{color:red/* rr_split */}",
        "i::before{content:'\\f101'}",
        "a[href^='https://']::after{content:attr(title)}",
        "@media (min-width:1px){.a:not(.b)>c~d{width:calc(100% - 2*var(--x,1px))!important}}",
        "@supports (display:grid){a{grid-area:1/2}}",
        "@keyframes k{from{top:0}to{top:1px}}",
        "@layer a,b;",
        ".\\31 0{top:0}",
        "a{content:'</style>'}",
        "a{color:#12345678;transform:rotate(1e3deg) scale(0.1234567890123456)}",
        "",
    ],
)
def test_ordinary_css_stays_as_it_is(text: str) -> None:
    assert clean_css(text) == text
    assert clean_sheet(text).rstrip("\n") == text


def test_what_is_shown_by_a_sheet_is_guarded() -> None:
    for text in (
        ".x::after{content:'6222021234567890128'}",
        "--n:'6222 0212 3456 7890 128'",
        ".c6222021234567890128{}",
        ".x::after{content:'6222' \"0212\" /* and */ '34567890128'}",
        "--n:6222021234567890128",
    ):
        assert "6222" not in clean_css(text)
        assert "0212" not in clean_css(text)
    assert clean_css("a{content:'1' '2';z-index:2147483647}") == "a{content:'1' '2';z-index:2147483647}"


_PIECES = st.sampled_from(
    (
        *("url(", "URL('", 'url("', "src(", "image-set(", "attr(", "var(--x,", "paint(", "\\75rl(", "u\\72l("),
        *(")", "(", "[", "]", "{", "}", '"', "'", ";", ":", ",", "\\", "\n", "\f", "/*", "*/", "<!--", "-->", "\0"),
        *("@import ", "@\\69mport ", "@font-face", "@namespace ", "@media all", "#a", "data:image/png,x", " ", "u+1-f"),
        *(ADDRESS, OWN, "a", "background", "content", "--x", "</", "/* rr_split */", "url", "@imp", "ort"),
    )
)


@given(st.lists(_PIECES | st.text(max_size=3), max_size=14).map("".join))
@settings(max_examples=600, deadline=None)
def test_random_css_never_leaves_an_address(text: str) -> None:
    for clean in (clean_css(text), clean_sheet(text)):
        assert not loading(clean)
    assert clean_sheet(clean_sheet(text)) == clean_sheet(text)


@given(st.lists(st.lists(_PIECES, max_size=6).map("".join), min_size=2, max_size=4))
@example(["url(#a", "url("])
@example(["a{b:url(#a", ") url(//evil.example"])
@settings(max_examples=400, deadline=None)
def test_random_texts_of_one_element_never_make_an_address_together(texts: list[str]) -> None:
    assert not loading("".join(clean_texts(texts)))
    assert not loading("".join(clean_sheet(text) for text in texts))


@pytest.fixture
def no_collector() -> Iterator[None]:
    """The collector's passes cost what everything else that lives costs, and are none of our work."""
    gc.disable()
    yield
    gc.enable()


LONG: dict[str, Callable[[int], str]] = {
    "blanks in an address": lambda size: f"url(x{' ' * size}y)",
    "blocks": lambda size: "{" * size,
    "brackets": lambda size: "a[(}" * size,
    "functions": lambda size: "f(" * size,
    "ends": lambda size: "}" * size,
    "comments": lambda size: "/*" * size + "/**/" * size,
    "strings": lambda size: "'\n" * size,
    "escapes": lambda size: "\\75 " * size,
    "backslashes": lambda size: "\\" * size,
    "imports": lambda size: "@import " * size,
    "addresses": lambda size: "url(" * size,
    "loads": lambda size: "src('x')" * size,
    "marks": lambda size: css.SPLIT * size,
    "ranges": lambda size: "u+?" * size,
}


@pytest.mark.parametrize("kind", LONG)
@pytest.mark.usefixtures("no_collector")
def test_time_grows_with_length_alone(kind: str) -> None:
    def least(size: int) -> float:
        text, spent = LONG[kind](size), []
        for _ in range(5):
            begun = time.thread_time()
            clean_css(text)
            spent.append(time.thread_time() - begun)
        return min(spent)

    # Four times the length is four times the work; sixteen would be what grows with its square.
    assert least(16_000) < 11 * least(4_000) + 0.002


def nested_marks(levels: int) -> str:
    """One mark is left when one is taken out, as often as there are levels: 100 of them were a minute's work."""
    return css.SPLIT[:5] * levels + css.SPLIT + css.SPLIT[5:] * levels


def test_what_cannot_be_read_is_one_error() -> None:
    for text in ("a" * (MOST + 1) + "(", "9" * 5000 + "(", "a{b:c}" * 9_000 + nested_marks(4_000)):
        with pytest.raises(BadMessage):
            clean_css(text)
        with pytest.raises(BadMessage):
            clean_sheet(text)
