"""The same modules as machine code: found unless refused, and only of these sources."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from link import compiled
from link.rtc.tracks import published_track

WHERE = "from link.rtc import leg; from link.rtc.tracks import published_track as t; print(t.__file__, leg.__file__)"


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree with all the modules, and nothing compiled of them."""
    for name in compiled.MODULES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"# {name}\n")
    monkeypatch.setattr(compiled, "ROOT", tmp_path)
    monkeypatch.setattr(compiled, "PLACE", tmp_path / ".cache" / "compiled")
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


def want(monkeypatch: pytest.MonkeyPatch, wanted: str | None) -> None:
    monkeypatch.delenv(compiled.SWITCH, raising=False)
    if wanted is not None:
        monkeypatch.setenv(compiled.SWITCH, wanted)


def test_its_folder_is_named_after_all_that_the_sources_say(sources: Path) -> None:
    before = compiled.folder()
    assert before == compiled.folder()
    for name in compiled.MODULES:
        text = (sources / name).read_text()
        (sources / name).write_text(text + "x = 1\n")
        assert compiled.folder() != before, name
        (sources / name).write_text(text)
    assert compiled.folder() == before


def test_who_refuses_it_runs_from_source(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled.folder().mkdir(parents=True)
    monkeypatch.setenv(compiled.SWITCH, "0")
    path = ["link/rtc"]
    assert not compiled.use(path)
    assert path == ["link/rtc"]


@pytest.mark.parametrize("wanted", [None, "", "1"])
def test_it_comes_before_the_sources(sources: Path, monkeypatch: pytest.MonkeyPatch, wanted: str | None) -> None:
    want(monkeypatch, wanted)
    compiled.folder().mkdir(parents=True)
    path = ["link/rtc"]
    assert compiled.use(path)
    assert path == [str(compiled.folder() / "link" / "rtc"), "link/rtc"]
    assert sys.path[-1] == str(compiled.folder())


def test_a_package_below_finds_it_where_the_one_above_does(monkeypatch: pytest.MonkeyPatch) -> None:
    above = ["made/link/rtc", "link/rtc"]
    monkeypatch.setattr(sys.modules["link.rtc"], "__path__", above)
    path = ["link/rtc/wire"]
    compiled.use_below(path, "link.rtc.wire")
    assert path == ["made/link/rtc/wire", "link/rtc/wire"]
    above.pop(0)
    path.pop(0)
    compiled.use_below(path, "link.rtc.wire")
    assert path == ["link/rtc/wire"]


@pytest.mark.filterwarnings("error")
def test_who_never_made_it_hears_nothing(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    want(monkeypatch, None)
    path = ["link/rtc"]
    assert not compiled.use(path)
    assert path == ["link/rtc"]


@pytest.mark.parametrize("wanted", [None, "1"])
def test_that_of_other_sources_is_not_used(sources: Path, monkeypatch: pytest.MonkeyPatch, wanted: str | None) -> None:
    want(monkeypatch, wanted)
    compiled.folder().mkdir(parents=True)
    (sources / compiled.MODULES[0]).write_text("# updated\n")
    path = ["link/rtc"]
    with pytest.warns(UserWarning, match=r"run \./dev compile"):
        assert not compiled.use(path)
    assert path == ["link/rtc"]


def test_who_wants_it_hears_that_it_is_not_there(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    want(monkeypatch, "1")
    with pytest.warns(UserWarning, match=r"run \./dev compile"):
        assert not compiled.use(["link/rtc"])


def test_tests_run_from_source() -> None:
    assert os.environ[compiled.SWITCH] in ("0", "1"), "1: somebody has asked for this run of the tests"
    if os.environ[compiled.SWITCH] == "0":
        assert published_track.__file__.endswith(".py")


def test_the_modules_are_there_and_do_for_packets_what_others_only_set_up() -> None:
    for name in compiled.MODULES:
        text = (compiled.ROOT / name).read_text()
        assert "asyncio.Protocol" not in text, name
        assert "FFI()" not in text, name


@pytest.mark.skipif(not os.environ.get("VISAVIS_BIG_TESTS"), reason="two minutes: set VISAVIS_BIG_TESTS=1")
def test_it_does_what_the_sources_say() -> None:
    from tests.bench.compile import build

    build()
    environment = {**os.environ, compiled.SWITCH: "1"}
    found = subprocess.run(
        [sys.executable, "-c", WHERE], env=environment, capture_output=True, text=True, check=True, cwd=compiled.ROOT
    ).stdout.split()
    assert [Path(name).suffix for name in found] == [".so", ".py"]
    run = [sys.executable, "-m", "pytest", "-q", "-m", "not alone and not chromium"]
    tests = subprocess.run(
        [*run, "tests/link/rtc"], env=environment, capture_output=True, text=True, check=False, cwd=compiled.ROOT
    )
    assert tests.returncode == 0, tests.stdout[-3000:]
