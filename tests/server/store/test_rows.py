from __future__ import annotations

import pytest

from link.protocol.values import Language
from server.journal import Journal
from server.store import Store
from server.store.branches import Branch, ServiceRow
from server.store.errors import Conflict
from server.store.kiosks import EnrolmentCode
from server.store.people import EVERY_BRANCH, Grant, Person, Role
from server.store.sessions import Projection, SessionQuery
from server.store.stamps import new_id, now_us

RIVERSIDE = Branch("riverside", "滨江支行", "Riverside")


async def add_person(store: Store, login: str = "li", *grants: Grant) -> Person:
    return await store.people.add(
        login=login, name="李", password_hash="h", languages=[Language.ZH], skills=["wealth"], grants=grants
    )


async def test_people_come_back_as_they_were_added(store: Store) -> None:
    added = await add_person(store, "li", Grant(Role.SPECIALIST, "a"), Grant(Role.SUPERVISOR, EVERY_BRANCH))
    other = await add_person(store, "an")
    assert await store.people.get(added.id) == added
    assert await store.people.by_login("li") == added
    assert await store.people.credentials("li") == (added, "h")
    assert await store.people.all() == [other, added]
    assert added.languages == (Language.ZH,)
    assert await store.people.get("nobody") is None
    assert await store.people.credentials("nobody") is None


async def test_a_login_is_taken_once(store: Store) -> None:
    await add_person(store)
    with pytest.raises(Conflict, match="li"):
        await add_person(store)


async def test_roles_are_bound_to_branches(store: Store) -> None:
    person = await add_person(store, "li", Grant(Role.SPECIALIST, EVERY_BRANCH), Grant(Role.SUPERVISOR, "a"))
    assert person.may(Role.SPECIALIST, "anywhere")
    assert person.may(Role.SUPERVISOR, "a")
    assert not person.may(Role.SUPERVISOR, "b")
    assert not person.may(Role.ADMINISTRATOR, "a")
    assert person.branches(Role.SUPERVISOR) == frozenset({"a"})
    assert person.branches(Role.SPECIALIST, Role.SUPERVISOR) is None
    assert person.branches(Role.GUIDE) == frozenset()
    await store.people.set_grants(person.id, [Grant(Role.GUIDE, "b")])
    changed = await store.people.get(person.id)
    assert changed is not None
    assert changed.grants == {Grant(Role.GUIDE, "b")}


async def test_a_person_can_be_changed(store: Store) -> None:
    person = await add_person(store)
    await store.people.set_profile(person.id, name="Li", languages=[Language.EN], skills=["loans"])
    await store.people.set_active(person.id, False)
    await store.people.set_password(person.id, "h2")
    changed, password_hash = await store.people.credentials("li") or (person, "")
    assert (changed.name, changed.languages, changed.skills) == ("Li", (Language.EN,), ("loans",))
    assert not changed.active
    assert password_hash == "h2"


async def test_services_are_listed_in_their_order(store: Store) -> None:
    await store.services.add(ServiceRow("loans", "贷款", "Loans", "banknote", "loans", 2))
    await store.services.add(ServiceRow("wealth", "理财", "Wealth", "coins", "wealth", 1))
    assert [service.id for service in await store.services.all()] == ["wealth", "loans"]
    await store.services.set_active("wealth", False)
    assert [service.id for service in await store.services.active()] == ["loans"]
    with pytest.raises(Conflict):
        await store.services.add(ServiceRow("loans", "贷款", "Loans", "banknote", "loans", 3))


async def test_kiosks_belong_to_branches_that_exist(store: Store) -> None:
    with pytest.raises(Conflict):
        await store.kiosks.add("k1", name="一号机", branch="nowhere")
    await store.branches.add(RIVERSIDE)
    kiosk = await store.kiosks.add("k1", name="一号机", branch="riverside")
    assert not kiosk.enrolled
    assert await store.kiosks.get("k1") == kiosk
    assert await store.kiosks.of_branches(frozenset({"elsewhere"})) == []
    assert await store.kiosks.of_branches(None) == [kiosk]


async def test_a_code_is_used_once_and_a_newer_one_ends_it(store: Store) -> None:
    await store.branches.add(RIVERSIDE)
    await store.kiosks.add("k1", name="一号机", branch="riverside")
    await store.kiosks.add_enrolment(EnrolmentCode("AAAA", "k1", b"h", now_us() + 1000, 5, used=False))
    await store.kiosks.add_enrolment(EnrolmentCode("BBBB", "k1", b"h", now_us() + 1000, 5, used=False))
    old, new = await store.kiosks.try_enrolment("AAAA"), await store.kiosks.try_enrolment("BBBB")
    assert (old and old.tries_left, new and new.tries_left) == (0, 5)
    again = await store.kiosks.try_enrolment("BBBB")
    assert again is not None
    assert again.tries_left == 4
    assert await store.kiosks.enrol("BBBB", "k1", bytes(32))
    assert not await store.kiosks.enrol("BBBB", "k1", bytes(32))
    kiosk = await store.kiosks.get("k1")
    assert kiosk is not None
    assert kiosk.enrolled
    await store.kiosks.revoke("k1")
    kiosk = await store.kiosks.get("k1")
    assert kiosk is not None
    assert (kiosk.public_key, kiosk.revoked, kiosk.enrolled) == (None, True, False)


async def test_logins_end_and_others_learn_of_it(store: Store) -> None:
    person = await add_person(store)
    first = await store.logins.add(person.id, address="192.0.2.1", hours=1)
    second = await store.logins.add(person.id, address="192.0.2.1", hours=1)
    seen = await store.logins.last_change()
    await store.logins.revoke(first.id)
    await store.logins.revoke_person(person.id)
    await store.logins.announce("k1")
    changes = await store.logins.changes(seen)
    assert [subject for _, subject in changes] == [first.id, person.id, "k1"]
    for login in (first, second):
        found = await store.logins.get(login.id)
        assert found is not None
        assert found.revoked


def row(branch: str, requested_us: int, **more: object) -> Projection:
    values: Projection = {
        "state": "waiting",
        "kiosk": "k1",
        "kiosk_name": "一号机",
        "branch": branch,
        "branch_zh": "支行",
        "branch_en": "Branch",
        "service": "wealth",
        "service_zh": "理财",
        "service_en": "Wealth",
        "language": "zh-CN",
        "requested_us": requested_us,
    }
    values.update(more)  # type: ignore[typeddict-item]
    return values


async def test_sessions_are_searched_by_what_people_ask(store: Store) -> None:
    journal = Journal(store)
    await journal.append("s1", [("a", b"{}")], projection=row("a", 100))
    await journal.append("s2", [("a", b"{}")], projection=row("b", 200, specialist="p1", specialist_name="李_1"))
    await journal.append("s3", [("a", b"{}")], projection=row("a", 300, state="closed", service="loans"))

    async def found(**query: object) -> list[str]:
        return [found.id for found in (await store.sessions.search(SessionQuery(**query))).rows]  # type: ignore[arg-type]

    assert await found() == ["s3", "s2", "s1"]
    assert await found(branches=frozenset({"a"})) == ["s3", "s1"]
    assert await found(branches=frozenset({"a"}), branch="b") == []
    assert await found(branches=frozenset()) == []
    assert await found(since_us=200, until_us=300) == ["s2"]
    assert await found(specialist="p1") == ["s2"]
    assert await found(service="loans") == ["s3"]
    assert await found(states=frozenset({"waiting"})) == ["s2", "s1"]
    assert await found(text="李_") == ["s2"]
    assert await found(text="%") == []
    page = await store.sessions.search(SessionQuery(), limit=2, offset=2)
    assert ([session.id for session in page.rows], page.total) == (["s1"], 3)
    assert await store.sessions.open_ids() == ["s1", "s2"]


async def test_a_requeued_session_is_found_by_each_specialist_who_answered(store: Store) -> None:
    journal = Journal(store)
    await journal.append("s1", [("a", b"{}")], projection=row("a", 100))
    for specialist, name in (("p1", "陈静"), ("p2", "王芳"), ("p1", "陈静")):
        answered = Projection(specialist=specialist, specialist_name=name)
        await journal.append("s1", [("answered", b"{}")], projection=answered)
    await journal.append("s2", [("a", b"{}")], projection=row("a", 200, specialist="p3", specialist_name="李"))
    for query in (SessionQuery(specialist="p1"), SessionQuery(specialist="p2"), SessionQuery(text="王芳")):
        page = await store.sessions.search(query)
        assert ([found.id for found in page.rows], page.total) == (["s1"], 1)
    assert (await store.sessions.search(SessionQuery(specialist="p4"))).total == 0


def test_ids_are_fit_for_paths_and_different() -> None:
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(one) == 16 and one.isalnum() and one.islower() | one.isdigit() for one in ids)
