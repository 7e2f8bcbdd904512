"""Authentication: people by password and login cookie, kiosks by a device key; both can be revoked at once."""

from server.identity.access import Access
from server.identity.identity import Authenticated, Identity
from server.store.kiosks import Kiosk
from server.store.people import EVERY_BRANCH, Grant, Person, Role

__all__ = ["EVERY_BRANCH", "Access", "Authenticated", "Grant", "Identity", "Kiosk", "Person", "Role"]
