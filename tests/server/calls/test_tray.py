"""A kiosk that sends its document camera all the time, as old and hostile ones do: it is neither shown nor recorded
but while the customer has agreed to show a document to a specialist who is there.
"""

from __future__ import annotations

from link.protocol import client as m
from link.protocol.server import SessionUpdate
from link.rtc.relay import LocalTrack
from link.rtc.tracks.depacketizer import EncodedFrame
from server.calls.room import Room
from server.session import events as e
from tests.server.calls.bank import Bank, eventually
from tests.server.calls.media import KEYFRAME, Media
from tests.server.session.playbook import CONSENT, DOCUMENT, REQUEST, Playbook

FEW = 20


class Tray(Media):
    """Sends pictures of the tray without being asked."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.tray = LocalTrack("video", "auxiliary")
        self.sent = 0

    async def _offer(self) -> None:
        await super()._offer()
        assert self.leg is not None
        self._relay.connect(self.tray.track, self.leg, "auxiliary")

    async def _publish(self) -> None:
        push, camera = self._camera.push, self._camera

        def both(data: bytes, stamp: int, keyframe: bool) -> None:
            push(data, stamp, keyframe)
            self.tray.push(KEYFRAME + bytes(600), stamp, True)
            self.sent += 1

        camera.push = both  # type: ignore[method-assign,assignment]
        await super()._publish()


class Viewer(Media):
    """Keeps what comes of the tray."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.tray: list[EncodedFrame] = []

    async def _offer(self) -> None:
        await super()._offer()
        assert self.leg is not None
        self._relay.tap(self.leg.tracks["video1"], self.tray.append, lambda _: None)


def received(room: Room) -> int:
    """Packets of the tray that have reached the server."""
    return room._media._seats["customer-1"].leg.tracks["auxiliary"].packets


async def test_nothing_of_the_tray_passes_without_consent(bank: Bank) -> None:
    kiosk, ann = await bank.kiosk("k1"), await bank.specialist("ann")
    session = (await kiosk.call()).id
    await ann.answer()
    customer, specialist = Tray(kiosk, session), Viewer(ann, session)
    room = bank.rooms.get(session)
    assert room is not None

    async def more_comes() -> None:
        least = received(room) + FEW
        await eventually(lambda: received(room) >= least)

    try:
        customer.start()
        specialist.start()
        await specialist.arrives(video=FEW)
        await eventually(lambda: "customer-1" in room._media._seats)
        await more_comes()
        asked = await ann.ask(m.DocumentRequest(session, "id_card"))
        assert isinstance(asked, SessionUpdate)
        document = asked.session.documents[0].id
        await more_comes()
        assert specialist.tray == [], "asked for, and not agreed to"
        assert "customer-1.auxiliary" not in {track.name for track in room.state.tracks}

        before = received(room)
        await kiosk.ask(m.DocumentAnswer(session, document, agreed=True))
        await eventually(lambda: len(specialist.tray) >= FEW)
        await kiosk.ask(m.DocumentAnswer(session, document, agreed=False))
        allowed = received(room) - before
        await more_comes()
        shown = len(specialist.tray)
        assert FEW <= shown <= allowed
        await more_comes()
        assert len(specialist.tray) == shown, "the consent was taken back"

        await ann.ask(m.HangUp(session))
        await eventually(lambda: room.state.recording == "complete")
    finally:
        await customer.stop()
        await specialist.stop()
    events = [event for event in await bank.journal(session) if getattr(event, "track", "") == "customer-1.auxiliary"]
    frames = sum(event.frames for event in events if isinstance(event, e.SegmentSealed))
    assert FEW // 2 <= frames <= allowed
    assert {event.reason for event in events if isinstance(event, e.GapDeclared)} == {"tray_closed"}
    await bank.check(session)


def test_the_tray_is_seen_while_a_document_is_agreed_to_and_a_specialist_is_there() -> None:
    call = Playbook().so(REQUEST, CONSENT, e.Offered("p1", "Ann"), e.Answered("p1", "Ann"))
    asked, agreed = e.DocumentRequested("d1", "id_card"), e.DocumentAnswered("d1", agreed=True)
    for events, seen in (
        ([asked], False),
        ([agreed], True),
        ([e.Held()], False),
        ([e.Unheld()], True),
        ([e.ParticipantLost(e.SPECIALIST)], False),
        ([e.ParticipantReturned(e.SPECIALIST)], True),
        ([DOCUMENT], False),
        ([e.DocumentDecided("d1", accepted=False)], False),
        ([agreed], True),
        ([e.Ended("kiosk", "customer")], False),
    ):
        assert call.so(*events).state.tray_seen is seen, events
