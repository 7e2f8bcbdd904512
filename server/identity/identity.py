"""Authentication and revocation of one server process: passwords, login cookies, device assertions, enrolment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog

from link.protocol.errors import NotAuthenticated, RateLimited, Unavailable, VisavisError
from server.identity.access import Access
from server.identity.assertions import Assertions, named
from server.identity.attempts import Attempts
from server.identity.devices import Devices
from server.identity.enrolment import use_code
from server.identity.known_kiosks import KnownKiosks
from server.identity.login_tokens import LoginTokens
from server.identity.passwords import Passwords
from server.identity.used_assertions import UsedAssertions
from server.journal import Audit
from server.journal.audit import NOBODY
from server.store import Store
from server.store.kiosks import Kiosk
from server.store.people import Person
from server.store.stamps import steady_us

log = structlog.get_logger()

ADDRESS_S = 30.0
"""Most seconds that somebody waits because of other people's failures at the same address."""


@dataclass(frozen=True, slots=True)
class Authenticated:
    """A person with a valid login, which ends at `ends_us` (unix).

    `ended` is set when their access ends or changes; it is registered before the access is read, so nothing is missed.
    `renewed` is a new token for the cookie when the old one grew stale.
    """

    person: Person
    login: str
    ends_us: int
    ended: asyncio.Event
    renewed: str | None = None


class Identity:
    """People and kiosks of one server process."""

    def __init__(
        self,
        store: Store,
        audit: Audit,
        *,
        login_key: bytes,
        login_minutes: int = 15,
        login_hours: int = 12,
        passwords: Passwords | None = None,
    ) -> None:
        self._store = store
        self._audit = audit
        self._login_hours = login_hours
        self.tokens = LoginTokens(login_key, life_s=login_minutes * 60)
        self.access = Access(store.logins, on_change=lambda subject: self._kiosks.changed(subject))
        self._kiosks = KnownKiosks(store.kiosks.several, lambda: self.access.followed)
        self._assertions = Assertions(self._kiosks.get, UsedAssertions(store.assertions))
        self._passwords = passwords or Passwords()
        self.devices = Devices(login_key)
        self._by_login_and_address = Attempts()
        # Many people may share one address, and some of them guess: it slows them down and never locks anybody out. The
        # limit is wider for people who have logged in from there before.
        self._by_address = Attempts(free=40, longest_s=ADDRESS_S)
        self._by_known_address = Attempts(free=200, longest_s=ADDRESS_S)
        # Slows down guessing of one login from many addresses. Addresses that the person has logged in from are exempt,
        # so a stranger cannot lock them out; at a new address the person waits a minute at most.
        self._by_login = Attempts(free=10, longest_s=60)
        # A browser on which the person has logged in before has a count of its own and takes part in no other.
        self._by_device = Attempts()
        self._enrolling = Attempts(free=10)

    async def start(self) -> None:
        """Begin to follow revocations made by other processes."""
        await self.access.start()

    async def close(self) -> None:
        """Stop what `start` began."""
        await self.access.close()
        await self._kiosks.close()
        self._passwords.close()

    def watch(self, *subjects: str) -> asyncio.Event:
        """An event that is set when the access of a person, login or kiosk (by id) ends. Keep a reference to it."""
        return self.access.watch(*subjects)

    async def log_in(
        self,
        login: str,
        password: str,
        address: str,
        *,
        device: str | None = None,
        gone: Callable[[], bool] = lambda: False,
    ) -> tuple[Person, str]:
        """Check a password; return the person and a token for the cookie.

        `device` is the device cookie, if the browser has one; `gone` says whether the client still waits.

        Raises:
            RateLimited: too many attempts for this login from this address, from this address at all, or for this login
                from addresses that it never came from; or too many from this address at once.
            Unavailable: too many at once.
            NotAuthenticated: login or password is wrong, or the person may not log in. It does not say which, and
                takes the same time.
        """
        found = await self._store.people.credentials(login)
        person, password_hash = found if found is not None else (None, None)
        known = self._known_device(device, person)
        limits = [(self._by_device, known)] if known else await self._strangers_limits(login, person, address)
        # Check all limits before counting: an attempt that one of them refuses must not count for another.
        for attempts, key in limits:
            attempts.check(key)
        for attempts, key in limits:
            attempts.begin(key)
        source = f"device {known}" if known else address
        try:
            right = await self._passwords.verify(
                password_hash, password, source=source, known=known is not None, gone=gone
            )
        except VisavisError:
            _forgive(limits)  # it was not looked at
            raise
        if person is None or not right or not person.active:
            actor = NOBODY if person is None else f"person:{person.id}"
            await self._audit.record(actor, "login.refused", "", {"address": address})
            raise NotAuthenticated("login or password is wrong")
        _forgive(limits)
        begun = await self._store.logins.add(person.id, address=address, hours=self._login_hours)
        await self._audit.record(f"person:{person.id}", "login", f"login:{begun.id}", {"address": address})
        return person, self.tokens.issue(person.id, begun.id)

    def _known_device(self, device: str | None, person: Person | None) -> str | None:
        """The browser's id, unless it has too many failures of its own: then it is treated as an unknown browser."""
        known = None if person is None else self.devices.read(device, person.id)
        try:
            self._by_device.check(known or "")
        except RateLimited:
            return None
        return known

    async def _strangers_limits(self, login: str, person: Person | None, address: str) -> list[tuple[Attempts, str]]:
        limits = [(self._by_login_and_address, f"{login}\n{address}")]
        if person is not None and await self._store.logins.came_from(person.id, address):
            return [*limits, (self._by_known_address, address)]
        return [*limits, (self._by_address, address), (self._by_login, login)]

    async def authenticate(self, token: str) -> Authenticated:
        """The person whose login cookie this is.

        Raises:
            NotAuthenticated: the token is not valid, or its login was ended or the person blocked.
        """
        read = self.tokens.read(token)
        ended = self.watch(read.person, read.login)
        login = await self._store.logins.get(read.login)
        if login is None or login.person != read.person or login.revoked or login.expires_us <= steady_us():
            raise NotAuthenticated("the login has ended")
        person = await self._store.people.get(read.person)
        if person is None or not person.active:
            raise NotAuthenticated("the login has ended")
        renewed = self.tokens.issue(person.id, login.id) if self.tokens.stale(read) else None
        return Authenticated(person, login.id, login.expires_us, ended, renewed)

    async def log_out(self, person: Person, login: str) -> None:
        """End one login, and every live connection made with it."""
        await self._store.logins.revoke(login)
        self.access.changed(login)
        await self._audit.record(f"person:{person.id}", "logout", f"login:{login}")

    async def device(self, token: str) -> tuple[Kiosk, asyncio.Event]:
        """The kiosk that made this assertion, and an event that is set when its access ends (registered first).

        Raises:
            NotAuthenticated: it is not valid, was used before, or the kiosk is revoked.
        """
        ended = self.watch(named(token))
        return await self._assertions.check(token), ended

    async def enrol(self, code: str, public_key: str, address: str) -> Kiosk:
        """Use a one-time code up: its kiosk is known by `public_key` (base64url) from now on.

        Raises:
            RateLimited: too many attempts from this address.
            NotAuthenticated: the code is not valid.
            Unprocessable: the key is not an Ed25519 public key.
        """

        async def record(kiosk: str) -> None:
            await self._audit.record(f"kiosk:{kiosk}", "kiosk.enrolled", f"kiosk:{kiosk}", {"address": address})

        self._enrolling.begin(address)
        try:
            name = await use_code(self._store.kiosks, code, public_key, record=record)
        except NotAuthenticated:
            await self._audit.record(NOBODY, "kiosk.enrolment_refused", "", {"address": address})
            raise
        self._enrolling.forgive(address)
        # A connection made with the key this one replaces ends.
        await self.access.announce(name)
        kiosk = await self._store.kiosks.get(name)
        if kiosk is None:
            raise Unavailable("the kiosk was removed meanwhile")
        log.info("kiosk enrolled", kiosk=kiosk.id)
        return kiosk


def _forgive(limits: Iterable[tuple[Attempts, str]]) -> None:
    for attempts, key in limits:
        attempts.forgive(key)
