"""Makes recorders for rooms: starts recordings, resumes them after a restart, completes those that had ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from link.protocol.values import ParticipantRole
from server.blobs.blobs import Blobs
from server.blobs.container import Broken
from server.blobs.vault import NoKey, SessionKey, Vault
from server.calls.session_media import EXPECTED
from server.journal import Journal
from server.recording.recorder import Keep, Recorder
from server.recording.recovery import Recovered, discard_spool, recover
from server.recording.space import DiskFloor
from server.session.events import (
    KIOSK,
    SPECIALIST,
    Answered,
    Event,
    LegConnected,
    ParticipantInvited,
    RecordingStarted,
    SessionRequested,
    decode,
)

Post = Callable[[Event], None]
OnFailure = Callable[[], None]


class RecorderFactory:
    """Makes the recorders of this process's sessions."""

    def __init__(self, journal: Journal, vault: Vault, blobs: Blobs, spool: Path, floor: DiskFloor) -> None:
        self.floor = floor
        self.failed_at: float | None = None
        """When a recorder of this process last failed (monotonic)."""
        self._journal = journal
        self._vault = vault
        self._blobs = blobs
        self._spool = spool

    async def box(self, session: str) -> SessionKey:
        """The key for what people write in this session, made if it has none. Raises `NoKey` if it was destroyed."""
        return await self._vault.create(session)

    async def past_box(self, session: str) -> SessionKey | None:
        """The key for what people wrote in this session; None when it was destroyed, or is not this site's."""
        try:
            return await self._vault.open(session)
        except (NoKey, Broken):
            return None

    async def start(
        self, session: str, now_ms: Callable[[], int], post: Post, keep: Keep, on_failure: OnFailure
    ) -> tuple[Recorder, RecordingStarted]:
        """Begin. Raises if the recording cannot be kept: the call must then not go on."""
        key = await self._vault.create(session)
        recorder = self._recorder(key, now_ms, post, keep, on_failure, None)
        return recorder, RecordingStarted(key.suite.name, session)

    async def recover(self, session: str, until_ms: int, reason: str = "restart") -> Recovered:
        """Recover after a process or recorder died: journal its events, then `resume` or `discard`. Idempotent.

        `reason` is that of the gap up to `until_ms`; it is `key_destroyed` where the session's key was.
        """
        history: list[Event] = []
        first_us = begun_ms = 0
        connected: dict[str, int] = {}
        roles = {KIOSK: ParticipantRole.CUSTOMER, SPECIALIST: ParticipantRole.SPECIALIST}
        async for page in self._journal.pages(session):
            first_us = first_us or page[0].at_us
            for entry in page:
                event = decode(entry.payload)
                history.append(event)
                at_ms = (entry.at_us - first_us) // 1000
                if isinstance(event, RecordingStarted):
                    begun_ms = at_ms
                elif isinstance(event, LegConnected):
                    connected.setdefault(event.participant, at_ms)
                else:
                    roles |= _role(event)
        key: SessionKey | None = None
        try:
            key = await self._vault.open(session)
        except NoKey:
            reason = "key_destroyed"
        return await recover(
            session,
            history,
            spool=self._spool,
            blobs=self._blobs,
            key=key,
            until_ms=until_ms,
            reason=reason,
            begun_ms=begun_ms,
            expected={
                f"{participant}.{name}": max(begun_ms, at_ms)
                for participant, at_ms in connected.items()
                for name in (EXPECTED.get(roles[participant], ()) if participant in roles else ())
            },
        )

    async def resume(
        self,
        session: str,
        recovered: Recovered,
        now_ms: Callable[[], int],
        post: Post,
        keep: Keep,
        on_failure: OnFailure,
    ) -> Recorder:
        """Go on recording where the journal, which has the recovered events by now, breaks off."""
        await self.discard(session)
        key = await self._vault.open(session)
        return self._recorder(key, now_ms, post, keep, on_failure, recovered)

    def _recorder(
        self,
        key: SessionKey,
        now_ms: Callable[[], int],
        post: Post,
        keep: Keep,
        on_failure: OnFailure,
        recovered: Recovered | None,
    ) -> Recorder:
        return Recorder(
            key.session,
            spool=self._spool,
            blobs=self._blobs,
            key=key,
            now_ms=now_ms,
            post=post,
            keep=keep,
            on_failure=on_failure,
            resume=recovered.tracks if recovered else None,
            reason=recovered.reason if recovered else "",
        )

    def failed(self) -> None:
        """A recorder broke, or could not begin."""
        self.failed_at = time.monotonic()

    async def discard(self, session: str) -> None:
        """Empty the session's spool: everything in it is sealed and journaled."""
        await discard_spool(session, self._spool)


def _role(event: Event) -> dict[str, ParticipantRole]:
    """Whose role an event of the journal says."""
    match event:
        case SessionRequested(participant=participant):
            return {participant: ParticipantRole.CUSTOMER}
        case Answered(participant=participant):
            return {participant: ParticipantRole.SPECIALIST}
        case ParticipantInvited(participant=participant, role=role):
            return {participant: ParticipantRole(role)}
        case _:
            return {}
