"""Every tunable of `link.rtc` says its unit in its name, and beside it where it comes from."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[3]
MEASURES = {"S", "HZ", "BPS", "BYTES", "SHARE", "SHARES", "RATIO", "SIGMAS", "TICKS"}
COUNTS = {
    "ADDRESSES", "CANDIDATES", "CHANNELS", "CHECKS", "DATAGRAMS", "ERRORS", "GROUPS", "LINES", "MEMBERS", "MOVES",
    "PACKETS", "REPORTS", "SEGMENTS", "SSRCS", "STREAMS", "TIMES", "TRACKS", "TRIPS", "TURNS", "WORDS",
}  # fmt: skip
# Numbers of a protocol, which name something and measure nothing.
CODES = {"CHANNEL", "COOKIE", "FMT", "LEVEL", "NUMBER", "OPTION", "PORT", "SEQUENCE", "STATUS", "TYPE", "WORD"}
# What a value may come from: a standard or a draft, what a library or a kernel does, a measurement in docs/, or nothing
# but a choice, whose reason then follows.
SOURCE = re.compile(
    r"RFC \d+|draft-ietf-[a-z-]+-\d\d|gcc-02|ITU-T G\.\d+|libwebrtc|libsrtp|mediasoup|Linux|docs/\w+\.md \(|chosen: \S"
)
DOCUMENT = re.compile(r"docs/(\w+)\.md\s+\(([^)]+)\)")


class Constant(NamedTuple):
    """One number, or several in one object, that a module gives a name."""

    place: str
    name: str
    said: str  # in its docstring or the comment at its end


def is_number(value: ast.expr) -> bool:
    match value:
        case ast.Constant(number):
            return isinstance(number, int | float) and not isinstance(number, bool)
        case ast.UnaryOp(operand=operand):
            return is_number(operand)
        case ast.BinOp(left=left, right=right):
            return is_number(left) or is_number(right)
        case ast.Tuple(items) | ast.List(items) | ast.Set(items):
            return any(is_number(item) for item in items)
        case ast.Dict(values=values):
            return any(is_number(item) for item in values)
        case ast.Starred(item):
            return is_number(item)
    return False


def constants(source: str, place: str) -> Iterator[Constant]:
    """Those of one module, with what is said of each. Several names in one statement come as one, "A, B"."""
    lines = source.splitlines()
    body = ast.parse(source).body
    for statement, following in zip(body, [*body[1:], None], strict=True):
        match statement:
            case ast.Assign(targets=[target], value=value) | ast.AnnAssign(target=target, value=ast.expr() as value):
                pass
            case _:
                continue
        if not is_number(value):
            continue
        said = lines[(statement.end_lineno or 1) - 1][statement.end_col_offset or 0 :]
        match following:
            case ast.Expr(ast.Constant(str(docstring))):
                said += docstring
        yield Constant(f"{place}:{statement.lineno}", ast.unparse(target).strip("()"), " ".join(said.split()))


def lacks(constant: Constant) -> str:
    """What this one does not say; "" if it says everything."""
    words = constant.name.strip("_").split("_")
    if not re.fullmatch(r"_?[A-Z][A-Z0-9_]*", constant.name):
        return "one name"
    if words[-1] not in MEASURES | COUNTS | CODES:
        return "a unit"
    return "" if SOURCE.search(constant.said) else "a source"


MODULES = sorted((ROOT / "link" / "rtc").rglob("*.py"))
EVERY = [constant for path in MODULES for constant in constants(path.read_text(), path.relative_to(ROOT).as_posix())]


def test_all_are_found() -> None:
    assert len(EVERY) > 220
    assert {"link/rtc/pacer.py", "link/rtc/wire/vp8.py"} <= {constant.place.split(":")[0] for constant in EVERY}


def test_each_has_a_unit_and_a_source() -> None:
    assert [
        f"{constant.place}: {constant.name} has not {what}" for constant in EVERY if (what := lacks(constant))
    ] == []


# None and all, a half, and what fractions of a second are counted in (abs-send-time, NTP).
PLAIN = {0.0, 0.5, 1.0, 2.0**18, 2.0**32}


def unnamed(source: str, place: str) -> Iterator[str]:
    """Where functions use a number that no constant names."""
    for function in ast.walk(ast.parse(source)):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Constant) and isinstance(node.value, float) and node.value not in PLAIN:
                    yield f"{place}:{node.lineno}: {node.value}"


def test_no_other_measure_stands_in_the_code() -> None:
    found = [place for path in MODULES for place in unnamed(path.read_text(), path.relative_to(ROOT).as_posix())]
    assert found == []
    assert list(unnamed("def wait(now):\n    return now > 0.3", "here")) == ["here:2: 0.3"]


def test_documents_that_are_named_have_that_passage() -> None:
    texts = {path.stem: " ".join(path.read_text().split()) for path in (ROOT / "docs").glob("*.md")}
    missing = [
        f"{constant.place}: {document}.md has no passage {passage!r}"
        for constant in EVERY
        for document, passage in DOCUMENT.findall(constant.said)
        if not re.search(rf"(## |\*\*){re.escape(passage)}", texts.get(document, ""))
    ]
    assert missing == []


def test_the_ramp_and_the_silence_are_written_once() -> None:
    """A ramp or a silence that stands in three files is three after the next change."""
    values: Counter[float] = Counter()
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, float) and node.value in (1.08, 1.28, 0.14):
                values[node.value] += 1
    assert values == {1.08: 1, 1.28: 1, 0.14: 1}
    silences = [
        path.relative_to(ROOT).as_posix()
        for folder in ("link", "kiosk_client")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"^(SILENT_AFTER|SILENCE|QUIET)\w* *[:=]", path.read_text(), re.MULTILINE)
    ]
    assert silences == ["link/rtc/transport/liveness.py"]


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        ("WAIT_S: Final = 0.5  # chosen: half a second", ""),
        ("WAIT_S = 0.5\n'Of RFC 3550 section 6.2.'", ""),
        ("KEEPS_S = {'audio': 0.5}  # docs/media.md (Limits)", ""),
        ("WAIT = 0.5  # RFC 3550", "a unit"),
        ("WAIT_S = 0.5  # half a second", "a source"),
        ("WAIT_S = 0.5", "a source"),
        ("WAIT_S, MOST_S = 0.5, 2.0  # RFC 3550", "one name"),
        ("LIMITS = (1, -2)", "a unit"),
        ("CAPACITY = LARGEST + 100  # libsrtp", "a unit"),
    ],
)
def test_what_is_left_out_is_noticed(source: str, missing: str) -> None:
    (constant,) = constants(source, "here")
    assert lacks(constant) == missing


@pytest.mark.parametrize("source", ["NAMES = ('a', 'b')", "ON = True", "log = get_logger(3)", "_WORD = Struct('!I')"])
def test_what_is_no_number_needs_none(source: str) -> None:
    assert list(constants(source, "here")) == []
