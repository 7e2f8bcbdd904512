"""Caches the server's last messages, so that a page that connects later gets the whole state at once. Sans-IO."""

from __future__ import annotations

from msgspec.structs import replace

from link.protocol.server import (
    AssistanceState,
    ChatMessage,
    KioskConfig,
    PageStatus,
    ServerMessage,
    SessionGone,
    SessionUpdate,
)
from link.protocol.values import OPEN, Session

CHAT_LINES = 500


class StateCache:
    """The kiosk's view of itself. `session` is the one the customer is in, or just ended."""

    def __init__(self, *, document_camera: bool) -> None:
        self.status = PageStatus(online=False, document_camera=document_camera)
        self.config: KioskConfig | None = None
        self.session: Session | None = None
        self.assistance = AssistanceState(asked=False)
        self._chat: dict[str, ChatMessage] = {}
        self._over: set[str] = set()

    def set_online(self, online: bool) -> PageStatus:
        """Return what the page is told when the server is reached or lost."""
        self.status = replace(self.status, online=online, clock_off_s=0 if online else self.status.clock_off_s)
        return self.status

    def set_clock_off(self, seconds: int) -> PageStatus:
        """Return what the page is told when the server refuses this machine for its clock, which is ahead so much."""
        self.status = replace(self.status, clock_off_s=seconds)
        return self.status

    def set_silent(self, silent: bool) -> PageStatus:
        """Return what the page is told when nothing is heard of a call any more, or something again."""
        self.status = replace(self.status, silent=silent)
        return self.status

    def set_tray(self, seen: bool) -> PageStatus:
        """Return what the page is told when the document camera opens or was closed."""
        self.status = replace(self.status, tray_open=seen)
        return self.status

    def take(self, message: ServerMessage) -> bool:
        """Cache `message`; False when it is about a session that the customer has left and need not be passed on."""
        if isinstance(message, KioskConfig):
            self.config = message
        elif isinstance(message, AssistanceState):
            self.assistance = message
        elif isinstance(message, SessionGone):
            self.forget()
        elif isinstance(message, ChatMessage):
            if self.session is None or message.session != self.session.id:
                return False
            if len(self._chat) < CHAT_LINES:
                self._chat[message.chat.id] = message
        elif isinstance(message, SessionUpdate):
            return self._take_session(message.session)
        return True

    def forget(self) -> None:
        """The session is over: drop everything of it. Whether lobby staff was asked for comes from the server."""
        if self.session is not None:
            self._over.add(self.session.id)
        self.session = None
        self._chat.clear()

    def leave(self, session: str) -> bool:
        """The customer has left this session; later messages about it are ignored. True if it was the present one."""
        self._over.add(session)
        return self.session is not None and self.session.id == session

    def greeting(self) -> list[ServerMessage]:
        """Return everything a new page needs, in order."""
        messages: list[ServerMessage] = [self.status]
        if self.config is not None:
            messages.append(self.config)
        messages.append(self.assistance)
        if self.session is None:
            messages.append(SessionGone())
        else:
            messages += [SessionUpdate(self.session), *self._chat.values()]
        return messages

    def _take_session(self, session: Session) -> bool:
        if session.id in self._over:
            return False
        if self.session is not None and self.session.id != session.id:
            if session.state not in OPEN:
                return False
            self.forget()
        self.session = session
        return True
