"""Commands about retention: rules, and facts of sessions that rules count from. Every change is audited and signed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from server.admin.desk import AdminError, Administration, check_id
from server.evidence.retention import (
    CALL_ENDED,
    DISPUTE_ENDED,
    PRODUCT_ENDED,
    BadRule,
    check_fact,
    check_rule,
)
from server.store.errors import Conflict
from server.store.retention import RetentionRule

SOURCE: Final = 500
"""Characters of a rule's source."""


@dataclass(frozen=True, slots=True)
class Template:
    """What a text of law says: how long, counted from which event."""

    counts_from: str
    keep: str
    source: str


_SALES: Final = "银监办发〔2017〕110号《银行业金融机构销售专区录音录像管理暂行规定》"
_INSURANCE: Final = "保监发〔2017〕54号《保险销售行为可回溯管理暂行办法》"
TEMPLATES: Final = {
    "sales-recording": Template(PRODUCT_ENDED, "P6M", f"{_SALES}: 至产品终止日或合同关系解除日起6个月后"),
    "sales-dispute": Template(DISPUTE_ENDED, "P0D", f"{_SALES}: 发生纠纷的, 至纠纷最终解决后"),
    "insurance-short": Template(PRODUCT_ENDED, "P5Y", f"{_INSURANCE}: 保险期间一年以下的, 自合同终止之日起5年"),
    "insurance-long": Template(PRODUCT_ENDED, "P10Y", f"{_INSURANCE}: 保险期间超过一年的, 自合同终止之日起10年"),
    "insurance-dispute": Template(DISPUTE_ENDED, "P2Y", f"{_INSURANCE}: 投诉、诉讼等纠纷结束后2年"),
    "customer-identity": Template(PRODUCT_ENDED, "P10Y", "《反洗钱法》(2024年修订)第三十四条: 业务关系结束后10年"),
    "civil-claims": Template(CALL_ENDED, "P3Y", "《民法典》第一百八十八条: 诉讼时效期间3年"),
}
"""The usual rules of Chinese banks; which of a bank's services each is for, the bank says."""


async def add_rule(desk: Administration, rule: RetentionRule, *, like: str | None = None) -> RetentionRule:
    """Add a rule; with `like`, what it leaves empty is as in that template. Raises `AdminError`."""
    if like is not None:
        template = TEMPLATES[like]
        rule = replace(
            rule,
            counts_from=rule.counts_from or template.counts_from,
            keep=rule.keep or template.keep,
            source=rule.source or template.source,
        )
    check_id(rule.id)
    for value in (*rule.products, *rule.outcomes):
        if not value or len(value) > 64 or not value.isprintable():
            raise AdminError(f"{value!r} must be printable, not empty, and at most 64 characters")
    if len(rule.source) > SOURCE or not rule.source.isprintable():
        raise AdminError(f"the source must be printable, on one line, and at most {SOURCE} characters")
    known = {service.id for service in await desk.store.services.all()}
    unknown = [service for service in rule.services if service not in known]
    if unknown:
        raise AdminError(f"there is no service {unknown[0]}")
    try:
        check_rule(rule)
        async with desk.changing():
            kept = await desk.store.retention.add_rule(rule)
            await desk.audit.record(desk.actor, "retention.add", f"retention_rule:{rule.id}", _told(kept))
    except (BadRule, Conflict) as error:
        raise AdminError(str(error)) from error
    return kept


async def remove_rule(desk: Administration, rule: str) -> RetentionRule:
    """Remove a rule: what it kept is kept no more, unless another one does. Raises `AdminError`."""
    found = next((kept for kept in await desk.store.retention.rules() if kept.id == rule), None)
    if found is None:
        raise AdminError(f"there is no rule {rule}")
    try:
        async with desk.changing():
            await desk.store.retention.remove_rule(rule)
            await desk.audit.record(desk.actor, "retention.remove", f"retention_rule:{rule}", _told(found))
    except Conflict as error:
        raise AdminError(str(error)) from error
    return found


async def list_rules(desk: Administration) -> list[RetentionRule]:
    """Every rule."""
    return await desk.store.retention.rules()


async def record_facts(desk: Administration, session: str, facts: Sequence[tuple[str, str]]) -> None:
    """Record facts about a session: product, age group, the end of a product or a dispute. Raises `AdminError`."""
    if not facts:
        raise AdminError("nothing to record was given")
    try:
        for name, value in facts:
            check_fact(name, value)
        async with desk.changing():
            for name, value in facts:
                row = await desk.store.retention.record(session, name, value)
                await desk.audit.record(desk.actor, "retention.record", f"session_fact:{row}", {"session": session})
    except (BadRule, Conflict) as error:
        raise AdminError(str(error)) from error


def _told(rule: RetentionRule) -> dict[str, object]:
    """What the audit log says of a rule besides its digest: enough to know what it was when it is gone."""
    return {
        "counts_from": rule.counts_from,
        "keep": rule.keep,
        "services": list(rule.services),
        "products": list(rule.products),
        "outcomes": list(rule.outcomes),
        "age_groups": list(rule.age_groups),
        "source": rule.source,
    }
