"""The printed report of an evidence bundle: one HTML page without anything from elsewhere, first Chinese, then English.

What happened, who took part, what the customer agreed to, what is missing and why, the documents, and the verdict of
the very check that `verify.py` makes. The page is written piece by piece, so that its length costs no memory.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import IO, Any, Final

import msgspec

from server.evidence import report_words as words
from server.evidence.bundle_verifier import BundleReport
from server.evidence.report_words import EN, ZH
from server.evidence.survey import Survey, told
from server.journal import Journal
from server.session import events as e
from server.session.private import Box, unsealed

GAPS_SHOWN: Final = 200
"""Gaps of a track that are printed one by one; all are in statement.json."""
_LANGUAGES: Final = ("zh-CN", "en")
_STYLE: Final = """
:root{color-scheme:light}
body{font:15px/1.6 "Noto Sans CJK SC","Microsoft YaHei","PingFang SC",system-ui,sans-serif;color:#111;background:#fff;
max-width:190mm;margin:12mm auto;padding:0 6mm}
h1{font-size:24px;margin:0 0 4px}h2{font-size:17px;margin:26px 0 6px;border-bottom:1px solid #999;padding-bottom:2px}
table{border-collapse:collapse;width:100%;margin:6px 0}
th,td{border:1px solid #bbb;padding:3px 7px;text-align:start;vertical-align:top;overflow-wrap:anywhere}
th{background:#f1f1f1;font-weight:600;overflow-wrap:normal}td.n,th.n{text-align:end;white-space:nowrap}
code{font:12px/1.5 ui-monospace,Consolas,monospace;overflow-wrap:anywhere}
.verdict{border:2px solid #111;padding:8px 12px;font-size:18px;font-weight:700}
.verdict.broken{border-color:#a40000;color:#a40000}
.notice{white-space:pre-wrap;border-inline-start:4px solid #999;padding:2px 12px}
nav{margin:8px 0}section+section{margin-top:24mm}
@media print{@page{size:A4;margin:16mm}body{max-width:none;margin:0;padding:0;font-size:10.5pt}nav{display:none}
h2{break-after:avoid}tr{break-inside:avoid}thead{display:table-header-group}section+section{break-before:page;margin:0}}
"""


@dataclass(frozen=True, slots=True)
class Origin:
    """Who made a bundle, by whose wish, and what for (a code of `report_words.PURPOSES`, or empty).

    `approved_by` is the second person who agreed to it, where the site wants one.
    """

    by: str
    wished_by: str = ""
    purpose: str = ""
    approved_by: str = ""


@dataclass(slots=True)
class _Person:
    role: str
    name: str
    joined_ms: int | None = None
    left_ms: int | None = None


@dataclass(slots=True)
class _Facts:
    """What the report says of a session beside its events."""

    started_us: int = 0
    ended_us: int | None = None
    request: e.SessionRequested | None = None
    consent: e.ConsentGiven | None = None
    consent_us: int = 0
    kinds: set[str] = field(default_factory=set)
    people: dict[str, _Person] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    documents: list[tuple[int, e.DocumentStored]] = field(default_factory=list)
    decided: dict[str, bool] = field(default_factory=dict)

    def learn(self, at_us: int, event: e.Event) -> None:
        """Take in the next event."""
        at_ms = (at_us - self.started_us) // 1000
        self.kinds.add(e.kind(event))
        match event:
            case e.SessionRequested():
                self.started_us, self.request = at_us, event
                self.people[event.participant] = _Person("customer", "", 0)
            case e.ConsentGiven():
                self.consent, self.consent_us = event, at_us
            case e.Answered():
                self.people[event.participant] = _Person("specialist", event.name, at_ms)
            case e.ParticipantInvited():
                self.people.setdefault(event.participant, _Person(event.role, event.name))
            case e.ParticipantJoined() if event.participant in self.people:
                self.people[event.participant].joined_ms = at_ms
            case e.ParticipantLeft() if event.participant in self.people:
                self.people[event.participant].left_ms = at_ms
            case e.DocumentRequested():
                self.labels[event.document] = event.label
            case e.DocumentStored():
                self.documents.append((at_ms, event))
                self.decided.pop(event.document, None)
            case e.DocumentDecided():
                self.decided[event.document] = event.accepted
            case e.Ended():
                self.ended_us = at_us
            case _:
                pass

    @property
    def state(self) -> str:
        return "closed" if "closed" in self.kinds else "ended" if "ended" in self.kinds else "running"


async def write_report(
    page: IO[bytes],
    journal: Journal,
    found: Survey,
    report: BundleReport,
    *,
    key: Box | None,
    origin: Origin,
    gaps: Sequence[Mapping[str, Any]],
    counted: Mapping[str, Mapping[str, int]],
    stated: Sequence[Mapping[str, Any]] | None,
    notice: str = "",
    signed_by: str = "",
    zone: tzinfo | None = None,
) -> None:
    """Write the report of a bundle into `page`. Times are those of `zone`, this machine's when None."""
    facts = _Facts()
    async for entry, event in told(journal, found.session, up_to=found.seq):
        facts.learn(entry.at_us, event)
    out = _Page(page, zone)
    out.raw('<!DOCTYPE html>\n<html lang="zh-CN"><head><meta charset="utf-8">')
    out.raw('<meta name="viewport" content="width=device-width,initial-scale=1">')
    out.raw("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">")
    out.raw(f"<title>{html.escape(found.session)}</title><style>{_STYLE}</style></head><body>")
    out.raw('<nav><a href="#zh-CN">中文</a> · <a href="#en">English</a></nav>')
    for language in (ZH, EN):
        out.language = language
        out.raw(f'<section id="{_LANGUAGES[language]}" lang="{_LANGUAGES[language]}">')
        _head(out, found, facts, report, origin, signed_by)
        _people(out, facts)
        _consent(out, facts, notice)
        out.heading("经过", "What happened")
        out.begin_table(("时间", "Time"), ("经过时长", "Into the call"), ("事件", "Event"))
        async for entry, event in told(journal, found.session, up_to=found.seq):
            if entry.kind not in words.SILENT:
                fields = msgspec.to_builtins(unsealed(event, key))
                at = (entry.at_us - facts.started_us) // 1000
                out.row(out.moment(entry.at_us), _length(at), words.moment(entry.kind, fields, language), numbers=(1,))
        out.raw("</tbody></table>")
        _completeness(out, counted, stated, gaps)
        _documents(out, facts)
        _check(out, found, signed_by)
        out.raw("</section>")
    out.raw("</body></html>\n")


class _Page:
    """Writes HTML in one of the two languages."""

    def __init__(self, page: IO[bytes], zone: tzinfo | None) -> None:
        self.page, self.zone, self.language = page, zone, ZH

    def raw(self, text: str) -> None:
        self.page.write(text.encode("utf-8", "replace"))

    def text(self, zh: str, en: str) -> str:
        return (zh, en)[self.language]

    def heading(self, zh: str, en: str) -> None:
        self.raw(f"<h2>{self.text(zh, en)}</h2>")

    def paragraph(self, text: str, kind: str = "") -> None:
        self.raw(f'<p class="{kind}">{html.escape(text)}</p>')

    def begin_table(self, *titles: tuple[str, str], numbers: Iterable[int] = ()) -> None:
        cells = "".join(
            f'<th scope="col"{_number(at in set(numbers))}>{html.escape(title[self.language])}</th>'
            for at, title in enumerate(titles)
        )
        self.raw(f"<table><thead><tr>{cells}</tr></thead><tbody>")

    def row(self, *cells: str, numbers: Iterable[int] = (), codes: Iterable[int] = ()) -> None:
        written = []
        for at, cell in enumerate(cells):
            text = html.escape(cell)
            written.append(
                f"<td{_number(at in set(numbers))}>{f'<code>{text}</code>' if at in set(codes) else text}</td>"
            )
        self.raw(f"<tr>{''.join(written)}</tr>")

    def facts(self, *lines: tuple[str, str, str]) -> None:
        """A table of a name in both languages and a value; empty values are left out."""
        rows = "".join(
            f'<tr><th scope="row">{self.text(zh, en)}</th><td>{html.escape(value)}</td></tr>'
            for zh, en, value in lines
            if value
        )
        self.raw(f"<table><tbody>{rows}</tbody></table>")

    def moment(self, at_us: int) -> str:
        try:
            at = datetime.fromtimestamp(at_us / 1e6, UTC).astimezone(self.zone)
        except (OverflowError, ValueError, OSError):  # of a journal that somebody wrote
            return str(at_us)
        return at.strftime("%Y-%m-%d %H:%M:%S %z")


def _number(yes: bool) -> str:
    return ' class="n"' if yes else ""


def _head(out: _Page, found: Survey, facts: _Facts, report: BundleReport, origin: Origin, signed_by: str) -> None:
    out.raw(f"<h1>{out.text('录音录像证据报告', 'Report on recorded evidence')}</h1>")
    verdict = words.word(words.VERDICTS, report.verdict, out.language)
    out.raw(f'<p class="verdict {report.verdict}">{verdict}</p>')
    faults = report.findings + report.obstacles
    if faults:
        out.begin_table(("位置", "Where"), ("问题", "What"))
        for fault in faults:
            out.row(fault["where"], fault["problem"], codes=(0,))
        out.raw("</tbody></table>")
    request, language = facts.request, out.language
    length = "" if facts.ended_us is None else _length((facts.ended_us - facts.started_us) // 1000)
    out.facts(
        ("会话编号", "Session", found.session),
        (
            "网点",
            "Branch",
            "" if request is None else f"{out.text(request.branch_zh, request.branch_en)} ({request.branch})",
        ),
        ("自助终端", "Kiosk", "" if request is None else f"{request.kiosk_name} ({request.kiosk})"),
        ("业务", "Service", "" if request is None else out.text(request.service_zh, request.service_en)),
        ("开始", "Began", out.moment(facts.started_us)),
        ("结束", "Ended", "" if facts.ended_us is None else out.moment(facts.ended_us)),
        ("时长", "Length", length),
        ("状态", "State", words.word(words.STATES, facts.state, language)),
        ("用途", "Made for", words.word(words.PURPOSES, origin.purpose, language) if origin.purpose else ""),
        ("制作人", "Made by", origin.by),
        ("申请人", "Asked for by", origin.wished_by),
        ("批准人", "Approved by", origin.approved_by),
        ("签名密钥", "Signing key", signed_by or out.text("无：本证据包未签名", "none: this bundle is not signed")),
    )


def _people(out: _Page, facts: _Facts) -> None:
    out.heading("参与人", "Who took part")
    out.begin_table(("参与人", "Participant"), ("编号", "Id"), ("姓名", "Name"), ("加入", "Joined"), ("离开", "Left"))
    for who, person in facts.people.items():
        role = words.word(words.ROLES, person.role, out.language)
        out.row(role, who, person.name or "–", _length(person.joined_ms), _length(person.left_ms), numbers=(3, 4))
    out.raw("</tbody></table>")


def _consent(out: _Page, facts: _Facts, notice: str) -> None:
    out.heading("客户同意", "Consent")
    consent = facts.consent
    if consent is None:
        out.paragraph(out.text("日志中没有客户同意录音录像的记录。", "The journal has no consent to the recording."))
        return
    out.facts(
        ("同意时间", "Given", out.moment(facts.consent_us)),
        ("告知书版本", "Version of the notice", consent.version),
        ("语言", "Language", consent.language),
        ("全文的 SHA-256", "SHA-256 of its text", consent.text_sha256),
    )
    if notice:
        out.paragraph(notice, "notice")
    else:
        missing = "此版本全文不在证据包内，请与留存文本的哈希值核对。"
        out.paragraph(
            out.text(
                missing, "The text of this version is not in the bundle: compare the hash with that of the text kept."
            )
        )


def _completeness(
    out: _Page,
    counted: Mapping[str, Mapping[str, int]],
    stated: Sequence[Mapping[str, Any]] | None,
    gaps: Sequence[Mapping[str, Any]],
) -> None:
    out.heading("完整性与缺失", "Completeness and gaps")
    if not counted:
        out.paragraph(out.text("本次会话没有录音录像。", "Nothing of this session was recorded."))
        return
    if stated is None:
        out.paragraph(out.text("尚无完整性声明。", "There is no completeness statement."))
    expected = {str(line.get("track")): line.get("expected_ms") for line in stated or ()}
    titles = (("轨道", "Track"), ("应录", "Expected"), ("实录", "Recorded"), ("缺失", "Missing"), ("段数", "Segments"))
    out.begin_table(*titles, numbers=(1, 2, 3, 4))
    for track, sums in counted.items():
        known = expected.get(track)
        figures = (_seconds(known), _seconds(sums["recorded_ms"]), _seconds(sums["gap_ms"]), str(sums["segments"]))
        out.row(words.track(track, out.language), *figures, numbers=(1, 2, 3, 4))
    out.raw("</tbody></table>")
    if not gaps:
        return
    out.begin_table(("轨道", "Track"), ("从", "From"), ("到", "To"), ("原因", "Why"), numbers=(1, 2))
    shown: dict[str, int] = {}
    for gap in gaps:
        shown[gap["track"]] = shown.get(gap["track"], 0) + 1
        if shown[gap["track"]] <= GAPS_SHOWN:
            why = words.word(words.GAPS, gap["reason"], out.language)
            name = words.track(gap["track"], out.language)
            out.row(name, _length(gap["start_ms"]), _length(gap["end_ms"]), why, numbers=(1, 2))
    out.raw("</tbody></table>")
    more = sum(max(0, count - GAPS_SHOWN) for count in shown.values())
    if more:
        out.paragraph(out.text(f"另有 {more} 处，见 statement.json。", f"{more} more are in statement.json."))


def _documents(out: _Page, facts: _Facts) -> None:
    out.heading("客户材料", "Documents")
    if not facts.documents:
        out.paragraph(out.text("客户没有出示材料。", "No documents were shown."))
        return
    titles = (
        ("材料", "Document"),
        ("收到", "Received"),
        ("结果", "Result"),
        ("大小", "Size"),
        ("原件 SHA-256", "SHA-256 of the original"),
    )
    out.begin_table(*titles, numbers=(1,))
    for at_ms, document in facts.documents:
        label = words.word(words.CODES, facts.labels.get(document.document, document.document), out.language)
        accepted = facts.decided.get(document.document)
        result = (
            "–" if accepted is None else out.text("已确认", "accepted") if accepted else out.text("未通过", "rejected")
        )
        if document.incomplete:
            result += out.text("（图像不完整）", " (incomplete picture)")
        size = f"{document.width} × {document.height}, {document.size} B"
        out.row(label, _length(at_ms), result, size, document.sha256, numbers=(1,), codes=(4,))
    out.raw("</tbody></table>")


def _check(out: _Page, found: Survey, signed_by: str) -> None:
    out.heading("如何核验", "How to check this")
    how = (
        "在任何装有 Python 3.9 以上版本和 cryptography 软件包的计算机上运行 verify.py，"
        "详见 README.txt。日志末条的哈希值为："
    )
    how_en = (
        "Run verify.py on any computer with Python 3.9 or newer and the package cryptography; README.txt says more. "
        "The hash of the journal's last entry is:"
    )
    out.paragraph(out.text(how, how_en))
    out.raw(f"<p><code>{html.escape(found.head)}</code></p>")
    if signed_by:
        text = "签名公钥，请与机构公布的比对："
        out.paragraph(out.text(text, "The public signing key, to be compared with the one that the site published:"))
        out.raw(f"<p><code>{html.escape(signed_by)}</code></p>")


def _length(ms: int | None) -> str:
    if ms is None:
        return "–"
    seconds, milli = divmod(max(0, ms), 1000)
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}.{milli // 100}"


def _seconds(ms: object) -> str:
    return f"{ms / 1000:.1f} s" if isinstance(ms, int) else "–"
