"""How the trial on a bare machine judges what it sees; the trial itself is run by hand."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.bare_machine import __main__ as trial
from tests.bare_machine.root import of_clients


@pytest.fixture(autouse=True)
def _logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "LOGS", tmp_path)


def done(code: int, output: str = "", errors: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.CompletedProcess([], code, output, errors)


def case() -> trial.Case:
    return trial.Case("root", "root", chromium=False, works=True)


def test_what_works_is_said_with_its_figures() -> None:
    tried = case()
    tried.judge("./dev test", done(0, "3,000 passed\n120 passed in 3 s\n"), r"\d+ passed", 61.4)
    assert tried.line() == "root: ok · ./dev test 120 passed 61 s"


@pytest.mark.parametrize(
    ("result", "problem"),
    [
        (done(1, "7 failed, 12 passed"), "exit code 1"),
        (done(0, "nothing at all"), "exit code 0"),
        (done(1, "", "Traceback (most recent call last):\nNoBrowser"), "a traceback"),
    ],
)
def test_what_does_not_work_is_named(result: subprocess.CompletedProcess[str], problem: str) -> None:
    tried = case()
    tried.judge("./dev test", result, r"\d+ passed", 1)
    assert "NOT OK" in tried.line()
    assert problem in tried.line()


def test_a_refusal_is_one_sentence_and_exit_code_1() -> None:
    tried = case()
    tried.judge("./dev test", done(1, "", "Visavis needs Chromium for this.\n"), "refuse", 1)
    assert tried.wrong == []
    tried.judge("./dev test", done(0, "", "Visavis needs Chromium for this.\n"), "refuse", 1)
    tried.judge("./dev test", done(1, "", "error: something\n"), "refuse", 1)
    tried.judge("./dev test", done(1), "refuse", 1)
    assert len(tried.wrong) == 3


def test_a_root_gets_the_settings_of_the_clients_and_no_others() -> None:
    given = {"PIP_CERT": "a", "HTTPS_PROXY": "b", "no_proxy": "c", "npm_config_cafile": "d", "SECRET": "e", "HOME": "f"}
    assert of_clients(given) == {"PIP_CERT": "a", "HTTPS_PROXY": "b", "no_proxy": "c", "npm_config_cafile": "d"}


def test_every_case_runs_both_commands() -> None:
    for each in trial.CASES:
        names = [name for name, *_ in trial.commands(each, quick=False)]
        assert {"./dev demo", "./dev demo --auto", "./dev test"} == set(names)
