"""Commands about kiosks: add, enrol, change and revoke."""

from __future__ import annotations

from server.admin.desk import AdminError, Administration, check_id, check_name
from server.identity.enrolment import new_code
from server.store.errors import Conflict
from server.store.kiosks import Kiosk


async def add_kiosk(desk: Administration, kiosk: str, *, name: str, branch: str) -> tuple[Kiosk, str]:
    """Add a kiosk; return it and its one-time enrolment code. Raises `AdminError`."""
    if await desk.store.branches.get(branch) is None:
        raise AdminError(f"there is no branch {branch}")
    try:
        async with desk.changing():
            added = await desk.store.kiosks.add(check_id(kiosk), name=check_name(name), branch=branch)
            await desk.audit.record(desk.actor, "kiosk.add", f"kiosk:{kiosk}", {"branch": branch})
    except Conflict as error:
        raise AdminError(f"there is already a kiosk {kiosk}") from error
    return added, await _code(desk, added)


async def list_kiosks(desk: Administration) -> list[Kiosk]:
    """Every kiosk."""
    return await desk.store.kiosks.all()


async def change_kiosk(
    desk: Administration, kiosk: str, *, name: str | None = None, branch: str | None = None
) -> Kiosk:
    """Give a kiosk another name or branch; a running call keeps what it began with. Raises `AdminError`."""
    found = await _find(desk, kiosk)
    if branch is not None and await desk.store.branches.get(branch) is None:
        raise AdminError(f"there is no branch {branch}")
    name_now = found.name if name is None else check_name(name)
    changed = [field for field, value in (("name", name), ("branch", branch)) if value is not None]
    async with desk.changing():
        await desk.store.kiosks.change(kiosk, name=name_now, branch=found.branch if branch is None else branch)
        await desk.store.logins.announce(kiosk)
        await desk.audit.record(desk.actor, "kiosk.change", f"kiosk:{kiosk}", {"changed": changed})
    return await _find(desk, kiosk)


async def kiosk_code(desk: Administration, kiosk: str) -> tuple[Kiosk, str]:
    """A new one-time code for a kiosk that is to enrol (again); earlier codes end. Raises `AdminError`."""
    found = await _find(desk, kiosk)
    return found, await _code(desk, found)


async def revoke_kiosk(desk: Administration, kiosk: str) -> Kiosk:
    """Take a kiosk's key away; its connection is dropped within seconds. Raises `AdminError`."""
    await _find(desk, kiosk)
    async with desk.changing():
        await desk.store.kiosks.revoke(kiosk)
        await desk.store.logins.announce(kiosk)
        await desk.audit.record(desk.actor, "kiosk.revoke", f"kiosk:{kiosk}")
    return await _find(desk, kiosk)


async def _find(desk: Administration, kiosk: str) -> Kiosk:
    found = await desk.store.kiosks.get(kiosk)
    if found is None:
        raise AdminError(f"there is no kiosk {kiosk}")
    return found


async def _code(desk: Administration, kiosk: Kiosk) -> str:
    code = await new_code(desk.store.kiosks, kiosk.id, minutes=desk.config.enrolment_minutes)
    await desk.audit.record(desk.actor, "kiosk.code", f"kiosk:{kiosk.id}")
    return code
