"""The words of the printed report, Chinese and English, for the codes of a journal; others are shown as they are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

ZH, EN = 0, 1
Words = tuple[str, str]
"""Chinese and English, in this order."""

MOMENTS: Final[Mapping[str, Words]] = {
    "session_requested": (
        "客户呼叫专家（{kiosk_name}，{service}）",
        "The customer asked for an expert ({kiosk_name}, {service})",
    ),
    "consent_given": (
        "客户同意录音录像（告知书版本 {version}）",
        "The customer agreed to be recorded (notice {version})",
    ),
    "offered": ("呼叫 {name}", "Rang at {name}"),
    "offer_ended": ("未接听（{reason}）", "Not answered ({reason})"),
    "answered": ("{name} 接听", "{name} answered"),
    "participant_invited": ("邀请 {name} 加入（{role}）", "{name} was asked to join ({role})"),
    "invitation_ended": ("未加入：{participant}（{reason}）", "Did not join: {participant} ({reason})"),
    "participant_joined": ("加入通话：{participant}", "Joined: {participant}"),
    "participant_left": ("离开通话：{participant}（{reason}）", "Left: {participant} ({reason})"),
    "mode_changed": ("{participant}：{mode}", "{participant}: {mode}"),
    "leg_connected": ("音视频已连接：{participant}", "Media connected: {participant}"),
    "leg_closed": ("音视频连接结束：{participant}（{reason}）", "Media connection ended: {participant} ({reason})"),
    "quality_changed": ("{participant}网络：{quality}", "Network of {participant}: {quality}"),
    "recording_started": ("开始录音录像", "Recording started"),
    "recording_stalled": ("录制中断：{track}（{reason}）", "Not recorded any more: {track} ({reason})"),
    "recording_resumed": ("录制中断结束：{track}", "The recording is not interrupted any more: {track}"),
    "sensitive_paused": ("因敏感信息暂停录制", "Recording paused for something that no record may hold"),
    "sensitive_resumed": ("继续录制", "Recording goes on"),
    "copy_incomplete": ("客户屏幕的副本有部分内容未显示", "The copy of the customer's screen leaves something out"),
    "participant_lost": ("连接中断：{participant}", "Connection lost: {participant}"),
    "participant_returned": ("连接恢复：{participant}", "Connection restored: {participant}"),
    "held": ("通话保持", "Put on hold"),
    "unheld": ("通话恢复", "Resumed"),
    "chat_sent": ("{participant}发来文字消息：{text}", "{participant} wrote: {text}"),
    "note_saved": ("已保存备注", "The specialist saved notes"),
    "step_changed": ("客户进入“{step}”步骤", "The customer reached the step “{step}”"),
    "document_requested": ("请客户出示：{label}", "Asked for a paper: {label}"),
    "document_answered": ("客户同意出示", "The customer agreed to show it"),
    "document_failed": ("材料拍摄失败（{reason}）", "The paper could not be taken ({reason})"),
    "document_stored": ("已收到材料", "The paper was received"),
    "document_decided": ("材料已通过", "The paper was accepted"),
    "ended": ("通话结束：{by}（{reason}）", "The call ended: {by} ({reason})"),
    "requeued": ("专家连接中断，客户重新等候", "The specialist was lost; the customer waited again"),
    "rated": ("客户评价 {stars} 星（满分 5 星）", "The customer gave {stars} of 5 stars"),
    "disposed": ("通话结果：{outcome}", "Outcome: {outcome}"),
    "outcome_chosen": ("选择通话结果：{outcome}", "Outcome chosen: {outcome}"),
    "wrap_up_extended": ("延长整理时间", "Asked for more time after the call"),
    "node_restarted": ("服务器重新启动", "The server was restarted"),
}
REFUSED: Final[Mapping[str, Words]] = {
    "document_answered": ("客户不同意出示", "The customer did not agree to show it"),
    "document_decided": ("材料被退回：{reason}", "The paper was rejected: {reason}"),
}
"""Of events that say yes or no: what is said where it is no."""
SILENT: Final = frozenset(
    (
        *("segment_sealed", "gap_declared", "media_awaited", "track_started", "recording_completed"),
        *("timer_fired", "leg_opened", "closed", "rating_skipped"),
    )
)
"""Kinds that are told elsewhere in the report, or that say nothing to people."""

GAPS: Final[Mapping[str, Words]] = {
    "hold": ("通话保持中，未录制", "On hold: nothing was recorded"),
    "disconnected": ("连接已中断", "The connection was lost"),
    "loss": ("网络丢失", "Lost on the network"),
    "no_media": ("未收到音视频", "Nothing was received"),
    "restart": ("服务器重新启动", "The server was restarted"),
    "disk_full": ("磁盘空间已满", "The disk was full"),
    "write_error": ("磁盘故障", "The disk failed"),
    "overload": ("录制服务过载", "The recorder was overloaded"),
    "overflow": ("网络丢失", "Lost on the network"),
    "refused": ("内容不符合要求，未予接收", "What came could not be accepted"),
    "damaged": ("此处录音录像已损坏", "The recording is damaged here"),
    "key_destroyed": ("已依规销毁", "It was deleted"),
    "left": ("已离开通话", "Had left the call"),
    "muted": ("已关闭", "Switched off"),
    "tray_closed": ("拍摄台已关闭", "The document camera was closed"),
    "sensitive": ("因敏感信息暂停录制", "Paused for something that no record may hold"),
}
ROLES: Final[Mapping[str, Words]] = {
    "customer": ("客户", "Customer"),
    "kiosk": ("客户", "Customer"),
    "specialist": ("专家", "Specialist"),
    "consultant": ("顾问", "Consultant"),
    "interpreter": ("翻译", "Interpreter"),
    "guide": ("大堂经理", "Lobby guide"),
    "supervisor": ("主管", "Supervisor"),
    "system": ("系统", "System"),
}
MEDIA: Final[Mapping[str, Words]] = {
    "camera": ("画面", "'s camera"),
    "microphone": ("声音", "'s voice"),
    "auxiliary": ("拍摄台", "'s document camera"),
}
SCREEN: Final[Words] = ("客户屏幕", "Customer's screen")
CODES: Final[Mapping[str, Words]] = {
    "identity_card": ("身份证", "Identity card"),
    "id_card": ("身份证", "Identity card"),
    "bank_card": ("银行卡", "Bank card"),
    "contract": ("合同", "Contract"),
    "income_proof": ("收入证明", "Proof of income"),
    "other": ("其他", "Something else"),
    "customer": ("挂断", "hung up"),
    "specialist": ("挂断", "hung up"),
    "interrupted": ("连接中断", "connection lost"),
    "timeout": ("超时未接", "no answer in time"),
    "declined": ("拒接", "declined"),
    "left": ("已离开", "left"),
    "lost": ("连接中断", "connection lost"),
    "silent": ("未收到音视频", "nothing was heard"),
    "closed": ("已关闭", "closed"),
    "far_end": ("对方断开", "ended by that side"),
    "replaced": ("已被新连接取代", "replaced by a new one"),
    "revoked": ("登录已失效", "access ended"),
    "failed": ("失败", "failed"),
    "restart": ("重新启动", "restart"),
    "withdrawn": ("邀请已撤回", "withdrawn"),
    "removed": ("被请出", "shown out"),
    "good": ("良好", "good"),
    "weak": ("较弱", "weak"),
    "bad": ("很差", "poor"),
    "talk": ("参与通话", "talks"),
    "hold": ("保持中", "on hold"),
    "monitor": ("旁听", "looks on"),
    "whisper": ("耳语", "whispers"),
    "barge": ("插话", "broke in"),
    "resolved": ("已解决", "Resolved"),
    "solved": ("已解决", "Resolved"),
    "follow_up": ("约定后续联系", "Follow-up agreed"),
    "appointment": ("已预约", "Appointment made"),
    "referred": ("转网点办理", "Referred to the branch"),
    "unresolved": ("未解决", "Not resolved"),
    "technical": ("技术故障", "Technical problem"),
}
STEPS: Final[Mapping[str, Words]] = {
    "start": ("首页", "Start page"),
    "product": ("选择产品", "Choosing a product"),
    "risk": ("风险测评", "Risk questions"),
    "details": ("个人信息", "Personal details"),
    "review": ("核对信息", "Review"),
    "done": ("完成", "Received"),
}
OUTCOMES: Final[Mapping[str, Words]] = {"declined": ("客户放弃办理", "Customer decided against it")}
"""What the same code means as the outcome of a call."""
PURPOSES: Final[Mapping[str, Words]] = {
    "court": ("诉讼或仲裁", "Court or arbitration"),
    "regulator": ("监管检查", "Regulator"),
    "complaint": ("投诉处理", "Complaint"),
    "review": ("内部检查", "Internal review"),
}
VERDICTS: Final[Mapping[str, Words]] = {
    "sound": ("完好：全部内容与记录时一致", "Sound: everything is as it was recorded"),
    "broken": ("不完好：有内容被改动、损坏或缺失", "Broken: something was changed, is damaged or is missing"),
    "unusable": ("无法核验", "It cannot be checked"),
}
STATES: Final[Mapping[str, Words]] = {
    "closed": ("已结束", "Ended"),
    "ended": ("已结束，尚在收尾", "Ended, not yet closed"),
    "running": ("制作证据包时通话尚未结束", "The call was not over when this was made"),
}


def word(table: Mapping[str, Words], code: str, language: int) -> str:
    """The words of a code in one of the two languages."""
    found = table.get(code)
    return code.replace("_", " ") if found is None else found[language]


def participant(who: str, language: int) -> str:
    """The name of a participant's role, with its number from the second on."""
    role, _, number = who.partition("-")
    text = word(ROLES, role, language)
    return f"{text} {number}" if number not in ("", "1") else text


def track(name: str, language: int) -> str:
    """The name of a track."""
    who, _, medium = name.rpartition(".")
    if not who:
        return SCREEN[language] if medium == "cobrowse" else name
    return participant(who, language) + word(MEDIA, medium, language)


def moment(kind: str, fields: Mapping[str, Any], language: int) -> str:
    """What happened, as a sentence."""
    no = fields.get("agreed") is False or fields.get("accepted") is False
    text = word(REFUSED if no and kind in REFUSED else MOMENTS, kind, language)
    values = {name: str(value) for name, value in fields.items()}
    service = fields.get("service_zh" if language == ZH else "service_en", "")
    by = fields.get("participant") or fields.get("sender") or fields.get("by") or ""
    values |= {
        "service": str(service),
        "participant": participant(str(by), language),
        "by": participant(str(fields.get("by") or ""), language),
        "role": word(ROLES, str(fields.get("role", "")), language),
        "label": word(CODES, str(fields.get("label", "")), language),
        "outcome": word({**CODES, **OUTCOMES}, str(fields.get("outcome", "")), language),
        "quality": word(CODES, str(fields.get("quality", "")), language),
        "step": word(STEPS, str(fields.get("step", "")), language),
        "mode": word(CODES, str(fields.get("mode", "")), language),
    }
    if "track" in fields:
        values["track"] = track(str(fields["track"]), language)
    if kind == "recording_stalled":
        values["reason"] = word(GAPS, str(fields["reason"]), language)
    elif kind != "document_decided":  # there the reason is what somebody wrote
        values["reason"] = word(CODES, str(fields.get("reason", "")), language)
    return _filled(text, values)


def _filled(text: str, values: Mapping[str, str]) -> str:
    # In one go: what somebody wrote may have braces in it.
    return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), text)
