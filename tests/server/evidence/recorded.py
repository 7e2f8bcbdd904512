"""A session recorded by the real recorder into a real store, for tests of whatever looks at it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from PIL import Image, ImageDraw

from server.blobs.blobs import Blobs
from server.blobs.vault import SessionKey, Vault
from server.cobrowse import sanitise
from server.journal import Journal
from server.recording.recorder import Recorder
from server.session import events as e
from server.store import Store
from server.store.sessions import Projection
from tests.server.cobrowse.payloads import element, nodes, page
from tests.server.recording import media

SESSION = "s-recorded"
STARTED_US = 1_790_000_000_000_000


@dataclass
class Archive:
    """The parts a replay works on."""

    store: Store
    journal: Journal
    blobs: Blobs
    vault: Vault
    folder: Path

    @classmethod
    @asynccontextmanager
    async def opened(cls, folder: Path, suite: str = "aes-256-gcm") -> AsyncIterator[Archive]:
        """An archive below `folder`, closed at the end."""
        archive = await cls.open(folder, suite)
        try:
            yield archive
        finally:
            await archive.store.close()

    @classmethod
    async def open(cls, folder: Path, suite: str = "aes-256-gcm") -> Archive:
        store = await Store.open(f"sqlite+aiosqlite:///{folder / 'store.sqlite3'}")
        vault = Vault(store.data_keys, bytes(range(32)), suite)
        return cls(store, Journal(store), Blobs.at(str(folder / "blobs")), vault, folder)

    async def add(self, session: str, at_ms: int, *events: e.Event, projection: Projection | None = None) -> None:
        """Journal events at a time of the session's timeline."""
        records = [(e.kind(event), e.encode(event)) for event in events]
        await self.journal.append(session, records, at_us=STARTED_US + at_ms * 1000, projection=projection)


def requested(session: str, branch: str = "b1") -> tuple[e.SessionRequested, Projection]:
    """The first event of a session, and its row."""
    event = e.SessionRequested(
        *(session, "k1", "Lobby 1", branch, "城中支行", "Downtown", "wealth", "理财咨询", "Wealth"),
        *("coins", "wealth", "zh-CN", "r1"),
    )
    row = Projection(
        state="waiting", kiosk="k1", kiosk_name="Lobby 1", branch=branch, branch_zh="城中支行", branch_en="Downtown",
        service="wealth", service_zh="理财咨询", service_en="Wealth", language="zh-CN", requested_us=STARTED_US,
    )  # fmt: skip
    return event, row


async def record(
    archive: Archive,
    *,
    session: str = SESSION,
    seconds: int = 6,
    finished: bool = True,
    branch: str = "b1",
    late: bool = False,
) -> None:
    """A call: answered after 1 s, recorded for `seconds`, with chat, a document, a page and a hole in the camera.

    `late`: what was lost there is delivered afterwards.
    """
    first, row = requested(session, branch)
    await archive.add(session, 0, first, e.ConsentGiven("2026-01", "zh-CN", "00"), projection=row)
    answered = Projection(
        state="active", specialist="p1", specialist_name="Chen Jing", answered_us=STARTED_US + 1_000_000
    )
    await archive.add(session, 1000, e.Offered("p1", "Chen Jing"), e.Answered("p1", "Chen Jing"), projection=answered)
    key = await archive.vault.create(session)
    await archive.add(session, 1100, e.RecordingStarted(key.suite.name, session))
    events: list[e.Event] = []
    now = [1.2]  # seconds of the session, moved by hand
    recorder = Recorder(
        session,
        spool=archive.folder / "spool",
        blobs=archive.blobs,
        key=key,
        now_ms=lambda: round(now[0] * 1000),
        post=events.append,
        monotonic=lambda: now[0],
    )
    _browse(recorder, seconds, now)
    now[0] = seconds + 1.05
    for name, kind, frames in (
        ("kiosk.camera", "video", _holed(media.vp8(seconds, start=1))),
        ("specialist.camera", "video", media.vp8(seconds, start=1, rate=15)),
        ("kiosk.microphone", "audio", media.opus(seconds, start=1)),
        ("specialist.microphone", "audio", media.opus(seconds, start=1, pitch=330)),
    ):
        writer = recorder.track(name, kind)
        writer.source("leg-1" if late and name == "kiosk.camera" else "")
        for frame in frames:
            writer.frame(frame)
    await recorder.end_live()
    for hole in list(recorder.owed):
        await recorder.fill(hole, [frame for frame in media.vp8(seconds, start=1) if _in_hole(frame)], hole.end_ms)
    completed = await recorder.finish()
    for event in events:
        await archive.add(session, getattr(event, "end_ms", 1200), event)
    await archive.add(
        session, 2500, e.ChatSent("c1", "specialist", "请把证件放到摄像头下 <b>"), e.StepChanged("amount")
    )
    await archive.add(session, 2600, e.CopyIncomplete({"image": 1}), e.CopyIncomplete({"image": 2, "nodes": 1}))
    await archive.add(session, 3000, e.DocumentRequested("d1", "id_card", ""), e.DocumentAnswered("d1", agreed=True))
    await archive.add(session, 3500, await _document(archive, key), e.DocumentDecided("d1", accepted=True))
    if finished:
        end_ms = (seconds + 1) * 1000
        end_us = STARTED_US + end_ms * 1000
        ended = Projection(
            state="closed", ended_us=end_us, closed_us=end_us, end_reason="customer", rating=5, outcome="solved"
        )
        await archive.add(
            *(session, end_ms, e.Ended("kiosk", "customer"), completed, e.Rated(5)),
            *(e.Disposed("solved", "", "p1"), e.Closed()),
            projection=ended,
        )


def _holed(frames: Sequence[Any]) -> list[Any]:
    # From 2.6 to 4.0 s of the session nothing arrived; the next keyframe is at 4.0 s.
    return [frame for frame in frames if not _in_hole(frame)]


def _in_hole(frame: Any) -> bool:
    return bool(2.6 <= frame.time < 4.0)


def customers_page(head: str = "Buy a product") -> list[dict[str, Any]]:
    """rrweb events of a small form."""
    style = "body{font:28px sans-serif;margin:40px;background:#eef6f5;color:#12292b}h1{color:#0b4f54}"
    style += "label{display:block;margin:24px 0 6px}input{font:inherit;padding:12px;width:90%}"
    body = nodes(
        f"<h1>{head}</h1><label>Product</label><input value='Steady 90 days'><label>Amount</label>"
        "<input id='amount' value=''><p>Risk level: R2</p>"
    )
    sheet = element("style", [{"type": 3, "id": 7, "textContent": style, "isStyle": True}], 6)
    return page(body, [sheet])


def _browse(recorder: Recorder, seconds: int, now: list[float]) -> None:
    """The page at 1.2 s, a digit typed every half second from 1.5 s on, then the specialist points."""
    recorder.cobrowse("rrweb", sanitise(msgspec.json.encode(customers_page())), epoch="e1", keyframe=True)
    for digits in range(1, min(8, seconds * 2)):
        now[0] = 1.0 + digits / 2
        data = {"source": 5, "id": 108, "text": "5" + "0" * (digits - 1), "isChecked": False}
        typed = [{"type": 3, "timestamp": 1000 + digits * 500, "data": data}]
        recorder.cobrowse("rrweb", sanitise(msgspec.json.encode(typed)), epoch="e1")
    recorder.cobrowse("point", b'{"x":0.5,"y":0.25}')
    recorder.cobrowse("highlight", b'{"node":108}')


async def _document(archive: Archive, key: SessionKey) -> e.DocumentStored:
    picture = Image.new("RGB", (860, 540), "#dfe9ee")
    ImageDraw.Draw(picture).rectangle((560, 90, 800, 390), fill="#7f9fb3")
    out = io.BytesIO()
    picture.save(out, "JPEG")
    data = out.getvalue()
    name = f"sessions/{key.session}/documents/d1-0000"
    for suffix in ("original", "view"):
        await archive.blobs.put(f"{name}-{suffix}", key.seal(f"documents/d1-0000-{suffix}", data))
    digest = hashlib.sha256(data).hexdigest()
    return e.DocumentStored(
        *("d1", digest, len(data), "image/jpeg", 860, 540, f"{name}-view", f"{name}-original", digest), incomplete=True
    )
