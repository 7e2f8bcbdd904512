"""The recording notice: what the customer is told, and agrees to, before any medium flows.

The text is configuration with a version. The journal keeps the version, the language and the SHA-256 of the very text
shown, so that what was agreed to can be proved years later.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import msgspec

from link.protocol.values import Language, Notice

INCLUDED = Notice(
    version="2026-2",
    text_zh=(
        "为您办理业务时，我们将对本次视频服务进行录音录像，内容包括您与专家的声音和影像、本机屏幕上的操作过程，"
        "以及您同意出示的材料。录音录像仅用于业务办理凭证、服务质量检查和争议处理，按监管要求加密保存，"
        "到期后销毁。屏幕上的密码、证件号码和银行卡号不会被录制。您可以随时结束通话。"
        "如您不同意录音录像，请联系大堂经理以其他方式为您服务。"
    ),
    text_en=(
        "This video service is recorded: your voice and picture and the expert's, what happens on this screen, and the "
        "papers you agree to show. The recording serves as a record of the business done, for quality checks and for "
        "settling disputes; it is kept encrypted for as long as the regulations demand and then destroyed. Passwords, "
        "identity numbers and card numbers on the screen are not recorded. You can end the call at any moment. If you "
        "do not agree, please ask the branch staff to serve you in another way."
    ),
)


@dataclass(frozen=True, slots=True)
class RecordingNotice:
    """The notice in force."""

    notice: Notice = INCLUDED

    def sha256(self, language: Language) -> str:
        """SHA-256 (hex) of the UTF-8 text shown to a customer of this language."""
        text = self.notice.text_en if language is Language.EN else self.notice.text_zh
        return hashlib.sha256(text.encode()).hexdigest()


def load_notice(path: Path | None) -> RecordingNotice:
    """The notice of a TOML file with `version`, `text_zh` and `text_en`, or the one included when `path` is None.

    Raises:
        ValueError: the file cannot be read or a text is missing, empty or too long.
    """
    if path is None:
        return RecordingNotice()
    try:
        notice = msgspec.toml.decode(path.read_bytes(), type=Notice)
    except (OSError, msgspec.MsgspecError, ValueError) as error:
        raise ValueError(f"the recording notice {path} cannot be used: {error}") from error
    if not notice.text_zh.strip() or not notice.text_en.strip():
        raise ValueError(f"the recording notice {path} lacks a text")
    return RecordingNotice(notice)
