"""A whole call on real parts: what both people see and hear, what is kept, and what is not."""

from __future__ import annotations

import asyncio
import hashlib
import io

from PIL import Image
from playwright.async_api import Locator

from demo.browser import full_picture, received
from demo.page_objects import FORM_DATA
from demo.processes import Stack
from demo.synthetic_media import SMALL
from tests.big import big
from tests.end_to_end.conftest import Faces

SECRETS = (FORM_DATA["identity"], FORM_DATA["card"], FORM_DATA["phone"], FORM_DATA["name"])


async def colours(place: Locator) -> int:
    """How many colours are to be seen there: nothing in front of a page leaves few."""
    with Image.open(io.BytesIO(await place.screenshot())) as shot:
        return len(shot.convert("RGB").getcolors(1 << 24) or [])


def kinds(entries: list[tuple[str, dict[str, object]]]) -> list[str]:
    return [kind for kind, _ in entries]


def everything_kept(stack: Stack) -> bytes:
    """Every byte that the server and the kiosk client wrote, logs and database included."""
    files = (path for path in sorted(stack.data.rglob("*")) if path.is_file() and path.name != "demo-password")
    return b"\n".join(path.read_bytes() for path in files)


async def test_a_customer_is_served_from_button_to_stars(faces: Faces) -> None:
    stack, kiosk, console = faces.stack, faces.kiosk, faces.console
    await faces.begin_call()

    # Both see and hear each other, by the browsers' own statistics: the whole picture, and not a smaller one.
    await asyncio.gather(*(full_picture(face.page, size=SMALL, timeout=60) for face in (kiosk, console)))
    seen, shown = await asyncio.gather(received(kiosk.page), received(console.page))
    for media in (seen, shown):
        assert media.video_frames >= 10
        assert (media.width, media.height) == SMALL
        assert media.audio_level > 0.005

    # They work on the same form; what is typed into protected fields never reaches the console.
    await kiosk.open_form()
    await kiosk.fill_form()
    view = console.page.frame_locator(".cobrowse iframe").frame_locator("iframe")
    await view.locator(".summary").wait_for()
    picture = await view.locator("body").inner_text()
    assert "20,000" in picture
    assert await colours(console.page.locator(".cobrowse")) > 50, "and the eye sees it"
    assert not [secret for secret in SECRETS if secret in picture]

    # They write to each other.
    await console.say("您好")
    await kiosk.hears("您好")
    await kiosk.reply(0)
    await console.page.locator("console-chat .line:not(.own)").wait_for()

    # A document arrives byte for byte, and is accepted.
    await console.ask_for_document()
    await kiosk.show_document()
    await console.open_document()
    await console.accept_document()

    await kiosk.hang_up()
    await kiosk.rate(4)
    await kiosk.home()
    await console.wrap_up()
    await console.presence("available")
    assert FORM_DATA["name"] not in await kiosk.page.content()

    entries = await stack.journal(faces.session)
    told = kinds(entries)
    order = [
        "session_requested", "consent_given", "offered", "answered", "recording_started", "document_requested",
        "document_answered", "document_stored", "document_decided", "ended", "recording_completed", "disposed",
        "closed",
    ]  # fmt: skip
    assert [kind for kind in told if kind in order] == order
    assert told.index("consent_given") < told.index("leg_opened"), "no medium before consent"
    assert {event["reason"] for kind, event in entries if kind == "leg_closed"} <= {"closed", "far_end"}
    facts = dict(entries)
    documents = sorted((stack.documents or stack.data).iterdir())
    assert facts["document_stored"]["sha256"] in [
        hashlib.sha256(document.read_bytes()).hexdigest() for document in documents
    ]
    assert facts["rated"]["stars"] == 4
    steps = [event["step"] for kind, event in entries if kind == "step_changed"]
    assert steps[:4] == ["product", "risk", "details", "review"]
    expected = {
        "customer-1.camera",
        "customer-1.microphone",
        "specialist-1.camera",
        "specialist-1.microphone",
        "cobrowse",
    }
    begun = {event["track"]: event for kind, event in entries if kind == "track_started"}
    for camera in ("customer-1.camera", "specialist-1.camera"):
        assert (begun[camera]["codec"], begun[camera]["width"], begun[camera]["height"]) == ("vp8", *SMALL)
    tracks = {track["track"]: track for track in facts["recording_completed"]["tracks"]}
    assert expected <= tracks.keys()
    for name in expected - {"cobrowse"}:
        assert abs(tracks[name]["expected_ms"] - tracks[name]["recorded_ms"] - tracks[name]["gap_ms"]) <= 500

    code, output = await stack.run_command("verify", faces.session)
    assert code == 0, output
    kept = everything_kept(stack)
    assert not [secret for secret in (*SECRETS[:3], stack.password) if secret.encode() in kept]


@big
async def test_a_customer_may_leave_the_queue(faces: Faces) -> None:
    await faces.kiosk.want_expert()
    await faces.kiosk.agree()
    await faces.console.ring.wait_for()
    await faces.kiosk.stop_waiting()
    await faces.console.ring.wait_for(state="detached")
    await faces.console.presence("available")
    session = await faces.stack.newest_session()
    assert {"ended"} <= set(kinds(await faces.stack.journal(session)))
    assert "answered" not in kinds(await faces.stack.journal(session))


@big
async def test_a_document_may_be_refused_by_either_side(call: Faces) -> None:
    await call.console.ask_for_document()
    await call.kiosk.decline_document()
    await call.console.document("declined")
    await call.console.ask_for_document()
    await call.kiosk.show_document()
    await call.console.open_document()
    await call.console.reject_document()
    again = call.kiosk.page.locator("kiosk-document blockquote")
    await again.wait_for()
    assert len(await again.inner_text()) > 3, "the customer reads why"
    await call.kiosk.show_document()
    await call.console.open_document()
    await call.console.accept_document()
    entries = await call.stack.journal(call.session)
    decisions = [event["accepted"] for kind, event in entries if kind == "document_decided"]
    assert decisions == [False, True]


async def test_on_hold_nobody_hears_or_sees(call: Faces) -> None:
    await call.console.hold()
    await call.kiosk.page.locator(".screen-of-call.held .veil").wait_for()
    # What was under way when the hold began may still arrive, and the browser fades the last sound out by itself.
    async with asyncio.timeout(30):
        while (held := await received(call.kiosk.page, seconds=0.5)).audio_level >= 0.005:
            pass
    still = await received(call.kiosk.page, seconds=2)
    assert still.audio_level < 0.005
    assert still.video_frames - held.video_frames <= 1
    await call.console.hold()
    await call.kiosk.page.locator(".screen-of-call:not(.held)").wait_for()
    async with asyncio.timeout(30):
        while (await received(call.kiosk.page, seconds=0.5)).video_frames <= held.video_frames + 5:
            await asyncio.sleep(0.1)
    told = kinds(await call.stack.journal(call.session))
    assert told.index("held") < told.index("unheld")
