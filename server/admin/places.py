"""Commands about branches and services."""

from __future__ import annotations

from link.protocol.values import WhenUnrecorded
from server.admin.desk import AdminError, Administration, check_id, check_name
from server.store.branches import Branch, ServiceRow
from server.store.errors import Conflict
from web.icons import icons


async def add_branch(desk: Administration, branch: str, *, name_zh: str, name_en: str) -> Branch:
    """Add a branch. Raises `AdminError`."""
    added = Branch(check_id(branch), check_name(name_zh), check_name(name_en))
    try:
        async with desk.changing():
            await desk.store.branches.add(added)
            await desk.audit.record(desk.actor, "branch.add", f"branch:{branch}")
    except Conflict as error:
        raise AdminError(str(error)) from error
    return added


async def list_branches(desk: Administration) -> list[Branch]:
    """Every branch."""
    return await desk.store.branches.all()


async def add_service(
    desk: Administration,
    service: str,
    *,
    name_zh: str,
    name_en: str,
    icon: str,
    skill: str | None,
    position: int | None,
) -> ServiceRow:
    """Add a service; its skill is its id and its place the last unless given. Raises `AdminError`."""
    place = len(await desk.store.services.all()) + 1 if position is None else position
    if icon not in icons():
        raise AdminError(f"there is no icon {icon}; there are {', '.join(sorted(icons()))}")
    added = ServiceRow(
        check_id(service), check_name(name_zh), check_name(name_en), icon, check_id(skill or service), place
    )
    try:
        async with desk.changing():
            await desk.store.services.add(added)
            await desk.audit.record(desk.actor, "service.add", f"service:{service}", {"skill": added.skill})
    except Conflict as error:
        raise AdminError(str(error)) from error
    return added


async def list_services(desk: Administration) -> list[ServiceRow]:
    """Every service, offered or not."""
    return await desk.store.services.all()


async def set_service(desk: Administration, service: str, *, active: bool) -> ServiceRow:
    """Offer a service again, or stop offering it; calls under way go on. Raises `AdminError`."""
    if await desk.store.services.get(service) is None:
        raise AdminError(f"there is no service {service}")
    async with desk.changing():
        await desk.store.services.set_active(service, active)
        await desk.audit.record(desk.actor, "service.offer" if active else "service.retire", f"service:{service}")
    found = await desk.store.services.get(service)
    assert found is not None
    return found


async def set_when_unrecorded(desk: Administration, service: str, policy: WhenUnrecorded) -> ServiceRow:
    """What the service's next calls do while something of them is not recorded. Raises `AdminError`."""
    if await desk.store.services.get(service) is None:
        raise AdminError(f"there is no service {service}")
    async with desk.changing():
        await desk.store.services.set_when_unrecorded(service, policy)
        await desk.audit.record(desk.actor, "service.when_unrecorded", f"service:{service}", {"policy": str(policy)})
    found = await desk.store.services.get(service)
    assert found is not None
    return found
