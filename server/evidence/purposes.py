"""What recordings are opened for: the site's short list, to choose from before anything of a recording is shown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from link.protocol.errors import VisavisError

OTHER: Final = "other"
"""The purpose that is said in words of one's own. Every list has it, at the end."""
WORDS: Final = 200
"""Most characters of these words."""
LEAST_WORDS: Final = 4
"""Fewer say nothing."""

Code = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Label = Annotated[str, Meta(min_length=1, max_length=60)]


class PurposeRequired(VisavisError):
    """This person has not said what they open the session for, or that has run out (RFC 6585 section 3)."""

    code, status, close = "purpose_required", 428, 4428

    def __init__(self, target: str = "") -> None:
        super().__init__("say first what this recording is opened for")
        self.target = target


class Purpose(Struct, frozen=True, forbid_unknown_fields=True):
    """A purpose, by a code that the audit log has, in Chinese and English."""

    code: Code
    zh: Label
    en: Label


class _Purposes(Struct, frozen=True, forbid_unknown_fields=True):
    purpose: Annotated[list[Purpose], Meta(min_length=1, max_length=20)]


INCLUDED: Final = (
    Purpose("quality", "服务质量检查", "Quality check"),
    Purpose("complaint", "客户投诉处理", "A customer's complaint"),
    Purpose("dispute", "纠纷、仲裁或诉讼", "A dispute, arbitration or a court"),
    Purpose("compliance", "合规检查或监管要求", "Compliance, or a regulator"),
    Purpose("supervision", "进行中通话的现场督导", "Supervision of a running call"),
    Purpose("training", "培训与辅导", "Training"),
    Purpose("technical", "技术问题排查", "A technical problem"),
)
_OTHER: Final = Purpose(OTHER, "其他（请说明）", "Something else (in words)")


class Purposes:
    """The site's purposes, in the order they are shown."""

    def __init__(self, listed: tuple[Purpose, ...] = INCLUDED) -> None:
        own = {purpose.code: purpose for purpose in listed}
        own.setdefault(OTHER, _OTHER)
        self.listed: Mapping[str, Purpose] = own

    def fits(self, code: str, words: str) -> bool:
        """Whether somebody may say this: a purpose of the list, with words (of one line) where it needs them."""
        if code not in self.listed or len(words) > WORDS or not (words.isprintable() or not words):
            return False
        return len(words) >= LEAST_WORDS if code == OTHER else True


def load_purposes(path: Path | None) -> Purposes:
    """The purposes of a TOML file (`[[purpose]]` with `code`, `zh`, `en`), or those included when `path` is None.

    Raises:
        ValueError: the file cannot be read, or has no purposes, or one twice.
    """
    if path is None:
        return Purposes()
    try:
        listed = msgspec.toml.decode(path.read_bytes(), type=_Purposes).purpose
    except (OSError, msgspec.MsgspecError, ValueError) as error:
        raise ValueError(f"the list of purposes {path} cannot be used: {error}") from error
    if len({purpose.code for purpose in listed}) != len(listed):
        raise ValueError(f"the list of purposes {path} has one twice")
    return Purposes(tuple(listed))
