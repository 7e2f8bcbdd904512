from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from link.protocol.values import Language
from server.recording_notice import RecordingNotice, load_notice


def test_the_notice_included_is_in_both_languages_and_has_a_version() -> None:
    notice = load_notice(None).notice
    assert notice.version
    assert "录音录像" in notice.text_zh
    assert "recorded" in notice.text_en


def test_the_hash_is_of_the_very_text_that_was_shown() -> None:
    notice = RecordingNotice()
    for language, text in ((Language.ZH, notice.notice.text_zh), (Language.EN, notice.notice.text_en)):
        assert notice.sha256(language) == hashlib.sha256(text.encode()).hexdigest()


def test_a_bank_has_its_own(tmp_path: Path) -> None:
    file = tmp_path / "notice.toml"
    file.write_text('version = "bank-7"\ntext_zh = "将录音录像"\ntext_en = "This is recorded"\n', encoding="utf-8")
    assert load_notice(file).notice.version == "bank-7"


@pytest.mark.parametrize(
    "text",
    [
        'version = "1"\ntext_zh = "x"',
        'version = "1"\ntext_zh = "x"\ntext_en = " "',
        'version = "a b"\ntext_zh = "x"\ntext_en = "y"',
        'version = "1"\ntext_zh = "x"\ntext_en = "y"\nmore = 1',
        "nonsense",
        'version = "1"\ntext_en = "y"\ntext_zh = "' + "x" * 3000 + '"',
    ],
)
def test_an_unusable_one_is_told(tmp_path: Path, text: str) -> None:
    file = tmp_path / "notice.toml"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"notice\.toml"):
        load_notice(file)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be used"):
        load_notice(tmp_path / "none.toml")
