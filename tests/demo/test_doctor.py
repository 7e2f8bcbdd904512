from __future__ import annotations

import shutil
import socket
from pathlib import Path

import pytest

from demo import doctor
from demo.doctor import Outcome


def test_every_check_answers_with_a_sentence() -> None:
    findings = list(doctor.examine())
    assert len(findings) == len(doctor.CHECKS)
    for finding in findings:
        assert finding.text.endswith("."), finding.text
        assert " is " in finding.text or " are " in finding.text or len(finding.text.split()) > 3, finding.text


def test_the_environment_of_the_tests_is_as_locked() -> None:
    assert doctor.check_python().outcome is Outcome.READY
    assert doctor.check_packages() == doctor.DoctorFinding(Outcome.READY, doctor.check_packages().text)
    assert doctor.check_media_stack().outcome is Outcome.READY


def test_a_wrong_version_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_installed", lambda name: "0.0.1" if name == "aiortc" else None)
    finding = doctor.check_packages()
    assert finding.outcome is Outcome.MISSING
    assert "aiortc 1.16.0" in finding.text


def test_a_taken_port_is_only_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert not doctor._free(taken.getsockname()[1])
    monkeypatch.setattr(doctor, "_free", lambda port: port != 8090)
    finding = doctor.check_ports()
    assert finding.outcome is Outcome.ADVICE
    assert "8090" in finding.text


def test_a_missing_browser_is_only_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISAVIS_CHROMIUM", "/nowhere/chromium")
    assert doctor.find_browser() is None
    assert doctor.check_browser().outcome is Outcome.ADVICE


def test_a_driver_that_does_not_start_is_a_note_with_its_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    # Which of the two it is here is the machine's: an account that may install nothing has tests without a driver.
    monkeypatch.setattr(doctor, "_first_line", lambda command: "v24.1.0" if command[0].endswith("/node") else "")
    assert doctor.check_driver().outcome is Outcome.READY
    assert "v24.1.0" in doctor.check_driver().text
    monkeypatch.setattr(doctor, "_first_line", lambda command: "")
    assert "libatomic1" in doctor.check_driver().text
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert doctor.check_driver().outcome is Outcome.ADVICE


def test_what_is_needed_decides_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    note = doctor.DoctorFinding(Outcome.ADVICE, "A note.")
    monkeypatch.setattr(doctor, "CHECKS", (lambda: note,))
    assert doctor.main() == 0
    assert "note  A note." in capsys.readouterr().out
    monkeypatch.setattr(doctor, "CHECKS", (lambda: note, lambda: doctor.DoctorFinding(Outcome.MISSING, "A lack.")))
    assert doctor.main() == 1
    assert "MISSING  A lack." in capsys.readouterr().out


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: type("Usage", (), {"free": 2**20})())
    assert doctor.check_disk().outcome is Outcome.MISSING


def test_an_incomplete_bundle_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "ROOT", tmp_path)
    finding = doctor.check_bundle()
    assert finding.outcome is Outcome.MISSING
    assert "lit.js" in finding.text
