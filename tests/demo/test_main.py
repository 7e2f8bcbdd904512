"""The demonstration's way out: whatever goes wrong inside is one sentence, and with `--json` one line of JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.async_api import Error as PlaywrightError

from demo import main
from demo.browser import NoBrowser
from demo.processes import StackError


@pytest.mark.parametrize(
    "error",
    [
        StackError("the server ended at once"),
        NoBrowser("there is no Chromium on this machine"),
        PlaywrightError("Connection closed\nmore lines"),
        OSError(28, "No space left on device"),
        TimeoutError(),
        RuntimeError("unforeseen"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_goes_wrong_ends_with_one_sentence(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    async def fail(options: object) -> int:
        raise error

    monkeypatch.setattr(main, "_play", fail)
    monkeypatch.setattr(main, "FAILURE", tmp_path / "var" / "failure.log")
    assert main.main(["--auto", "--json"]) == 1
    output, errors = capsys.readouterr()
    assert len(errors.strip().splitlines()) == 1
    assert "Traceback" not in errors
    said = json.loads(output)
    assert said == {"ok": False, "problems": [errors.strip()]}
    if not isinstance(error, StackError):
        assert "Traceback" in (tmp_path / "var" / "failure.log").read_text()
        assert str(tmp_path / "var" / "failure.log") in errors


def test_the_demonstration_by_hand_ends_with_one_sentence_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    async def fail(options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(main, "_run", fail)
    monkeypatch.setattr(main, "FAILURE", tmp_path / "failure.log")
    assert main.main([]) == 1
    output, errors = capsys.readouterr()
    assert output == ""
    assert "No space left on device" in errors
    assert len(errors.strip().splitlines()) == 1


def test_a_disk_that_takes_no_details_is_one_sentence_all_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    async def fail(options: object) -> int:
        raise OSError(28, "No space left on device")

    (tmp_path / "file").write_text("no folder")
    monkeypatch.setattr(main, "_play", fail)
    monkeypatch.setattr(main, "FAILURE", tmp_path / "file" / "failure.log")
    assert main.main(["--auto", "--json"]) == 1
    output, errors = capsys.readouterr()
    assert errors == "The demonstration stopped: [Errno 28] No space left on device.\n"
    assert json.loads(output)["ok"] is False
