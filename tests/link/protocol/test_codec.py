"""Every byte from outside becomes a typed frame or one error of the protocol."""

from __future__ import annotations

import json
import re
import typing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from link.protocol import client, codec, errors, server
from link.protocol.errors import BadMessage, TooLarge, UnknownMessage, VisavisError, closing_code
from link.protocol.frames import FRAME_BYTES, Hello, Say, Tell
from link.protocol.generate import files
from link.protocol.values import OPEN, OVER, QUEUEING, TALKING, Consent, Face, Language, SessionState

PROTOCOL = (Path(__file__).parents[3] / "link" / "protocol" / "PROTOCOL.md").read_text(encoding="utf-8")
CLIENT = typing.get_args(client.ClientMessage)
SERVER = typing.get_args(server.ServerMessage)
SHORT = {Face.KIOSK: "K", Face.PAGE: "P", Face.CONSOLE: "C", Face.GUIDE: "G"}


def tag(struct: type) -> str:
    return str(struct.__struct_config__.tag)  # type: ignore[attr-defined]


def rows(heading: str) -> dict[str, list[str]]:
    """The rows of the table under a heading of PROTOCOL.md, by their code words."""
    section = PROTOCOL.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    table: dict[str, list[str]] = {}
    for line in section.splitlines():
        if line.startswith("| `"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            for name in re.findall(r"`([a-z_]+)`", cells[0]):
                table[name] = cells
    return table


def call() -> client.CallRequest:
    return client.CallRequest("r1", "wealth", Language.ZH, Consent("v1", Language.ZH))


def test_a_message_survives_the_way_there_and_back() -> None:
    frame = Say(1, 0, call(), 7)
    assert codec.decode_client(codec.encode(frame)) == frame
    told = Tell(3, 1, server.Done(), 7)
    assert codec.decode_server(codec.encode(told)) == told


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", BadMessage),
        ("nonsense", BadMessage),
        ("[]", BadMessage),
        ("{}", BadMessage),
        ('{"frame":"shout"}', UnknownMessage),
        ('{"frame":"hello"}', BadMessage),
        ('{"frame":"hello","version":"1"}', BadMessage),
        ('{"frame":"hello","version":-1}', BadMessage),
        ('{"frame":"hello","version":1,"extra":1}', BadMessage),
        ('{"frame":"hello","version":1,"received":1e400}', BadMessage),
        ('{"frame":"say","seq":1,"ack":0,"body":{"type":"become_admin"}}', UnknownMessage),
        ('{"frame":"say","seq":1,"ack":0,"body":{"type":"answer","session":"../../etc"}}', BadMessage),
        ('{"frame":"say","seq":1,"ack":0,"body":{"type":"answer","session":"s\\n"}}', BadMessage),
        ('{"frame":"say","seq":1,"ack":0,"body":{"type":"form_step","session":"s","step":"start\\n"}}', BadMessage),
        ('{"frame":"say","seq":1,"ack":0,"body":{"type":"rate","session":"s","stars":6}}', BadMessage),
        ('{"frame":"say","seq":1,"ack":0,"body":{"type":"point","session":"s","x":1.01,"y":0}}', BadMessage),
        ('{"frame":"ping","n":1' + " " * FRAME_BYTES + "}", TooLarge),
        ("[" * 30000, BadMessage),
    ],
)
def test_hostile_text_is_one_named_error(text: str, error: type[VisavisError]) -> None:
    with pytest.raises(error) as caught:
        codec.decode_client(text)
    assert type(caught.value) is error


@given(st.binary(max_size=400) | st.text(max_size=400))
@settings(max_examples=500, deadline=None)
def test_no_bytes_raise_anything_else(data: bytes | str) -> None:
    for decode in (codec.decode_client, codec.decode_server):
        try:
            decode(data)
        except (BadMessage, TooLarge):
            continue


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
        max_leaves=12,
    ),
    st.sampled_from([tag(message) for message in CLIENT]),
)
@settings(max_examples=500, deadline=None)
def test_no_json_body_raises_anything_else(value: object, name: str) -> None:
    body = {"type": name, "session": value, "data": value}
    text = json.dumps({"frame": "say", "seq": 1, "ack": 0, "body": body})
    try:
        codec.decode_client(text)
    except BadMessage:
        return


def test_an_error_never_repeats_the_value() -> None:
    secret = "6222021234567890123"
    text = json.dumps({"frame": "say", "seq": secret, "ack": 0, "body": {"type": "rate", "session": "s", "stars": 1}})
    with pytest.raises(BadMessage) as caught:
        codec.decode_client(text)
    assert secret not in str(caught.value)


def test_a_frame_over_the_limit_is_not_sent() -> None:
    piece = client.CobrowsePiece("s", "e", 0, 0, 1, "\x01" * 16000)
    with pytest.raises(TooLarge):
        codec.encode(Say(1, 0, piece))


def test_the_largest_honest_piece_fits_a_frame() -> None:
    quotes = client.CobrowsePiece("s" * 64, "e" * 64, 2**53, 511, 512, '"' * 16000)
    chinese = client.CobrowsePiece("s" * 64, "e" * 64, 2**53, 511, 512, "面" * 16000)
    for piece in (quotes, chinese):
        assert len(codec.encode(Say(2**53, 2**53, piece, 2**53))) <= FRAME_BYTES


@pytest.mark.parametrize("message", CLIENT, ids=tag)
def test_every_client_message_declares_who_may_send_it(message: type[client.ClientBase]) -> None:
    assert "faces" in vars(message), f"{message.__name__} declares no faces: nobody may send it"
    assert message.faces
    row = rows("Messages of clients")[tag(message)]
    assert set(row[1].split()) == {SHORT[face] for face in message.faces}


@pytest.mark.parametrize("message", SERVER, ids=tag)
def test_every_server_message_is_documented(message: type) -> None:
    assert tag(message) in rows("Messages of servers")


def test_the_document_names_no_message_that_is_gone() -> None:
    assert set(rows("Messages of clients")) == {tag(message) for message in CLIENT}
    assert set(rows("Messages of servers")) == {tag(message) for message in SERVER}


def test_the_document_lists_each_error_as_it_is() -> None:
    listed = {name: (int(cells[1]), int(cells[2])) for name, cells in rows("Errors").items()}
    pending, known = [VisavisError], {}
    while pending:
        kind = pending.pop()
        if kind.__module__ == errors.__name__:
            known[kind.code] = (kind.status, kind.close)
            pending += kind.__subclasses__()
    assert listed == known


def test_errors_map_to_codes_and_unknown_ones_to_internal() -> None:
    assert closing_code(TooLarge()) == 1009
    assert closing_code(KeyError("x")) == 1011


def test_hello_has_safe_defaults() -> None:
    assert codec.decode_client('{"frame":"hello","version":1}') == Hello(1, None, 0)


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_what_the_browser_gets_of_the_protocol_is_fresh(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == files()[path], "run: python -m link.protocol.generate"


def test_every_state_of_a_session_is_open_or_over() -> None:
    assert set(SessionState) == OPEN | OVER
    assert not OPEN & OVER
    assert QUEUEING | TALKING == OPEN
