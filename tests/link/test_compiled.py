"""The same modules as machine code: found only if wanted, and only of these sources."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from link import compiled

WHERE = "import link.media.flow as flow, link.media.leg as leg; print(flow.__file__, leg.__file__)"


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


def test_its_folder_is_named_after_all_that_the_sources_say(sources: Path) -> None:
    before = compiled.folder()
    assert before == compiled.folder()
    for name in compiled.MODULES:
        text = (sources / name).read_text()
        (sources / name).write_text(text + "x = 1\n")
        assert compiled.folder() != before, name
        (sources / name).write_text(text)
    assert compiled.folder() == before


def test_nothing_is_used_that_nobody_asked_for(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled.folder().mkdir(parents=True)
    for value in (None, "", "0", "yes"):
        monkeypatch.delenv(compiled.SWITCH, raising=False)
        if value is not None:
            monkeypatch.setenv(compiled.SWITCH, value)
        path = ["link/media"]
        assert not compiled.use(path)
        assert path == ["link/media"]


def test_it_comes_before_the_sources(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(compiled.SWITCH, "1")
    compiled.folder().mkdir(parents=True)
    path = ["link/media"]
    assert compiled.use(path)
    assert path == [str(compiled.folder() / "link" / "media"), "link/media"]
    assert sys.path[-1] == str(compiled.folder())


def test_without_it_everything_runs_from_source(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(compiled.SWITCH, "1")
    path = ["link/media"]
    with pytest.warns(UserWarning, match=r"run \./dev compile"):
        assert not compiled.use(path)
    assert path == ["link/media"]


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
        [*run, "tests/link/media"], env=environment, capture_output=True, text=True, check=False, cwd=compiled.ROOT
    )
    assert tests.returncode == 0, tests.stdout[-3000:]
