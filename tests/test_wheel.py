"""What `pip install .` brings: everything that a server needs, and nothing that is not the product's."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("link", "server", "kiosk_client", "certs", "web")
SERVED = ("src", "styles", "images", "templates", "locales", "dist")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A wheel built from a clean copy: what is under version control, and the bundle that a build makes first."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "copy"
    ignored = shutil.ignore_patterns("node_modules", "__pycache__", ".*", "*.so", "build", "*.egg-info")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    for name in ("pyproject.toml", "setup.py", "README.md"):
        shutil.copy(ROOT / name, copy / name)
    building = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*building, "--wheel-dir", folder, copy], check=True, env=_environment(), timeout=240)
    (built,) = folder.glob("*.whl")
    yield built
    shutil.rmtree(folder, ignore_errors=True)


def test_everything_is_in_the_wheel(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = {path for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    wanted |= {path for folder in SERVED for path in (ROOT / "web" / folder).rglob("*") if path.is_file()}
    wanted = {path for path in wanted if not {"node_modules", "__pycache__"} & set(path.parts)}
    wanted = {path for path in wanted if path.suffix not in (".pyc", ".ts")}
    missing = {str(path.relative_to(ROOT)) for path in wanted} - names
    assert missing == set()
    assert "web/vendor/icons.js" in names
    assert any(re.match(r"server/store/migrations/versions/\d+_\w+\.py", name) for name in names)


def test_nothing_else_is_in_the_wheel(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert tops == {*PACKAGES, f"visavis-{version}.dist-info"}
    assert [name for name in names if "node_modules" in name or name.endswith((".key", ".pem", ".pyc"))] == []


def test_the_commands_are_declared(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (declared,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
    text = archive.read(declared).decode()
    assert "visavis = server.cli.main:main" in text
    assert "visavis-kiosk = kiosk_client.__main__:main" in text


@pytest.fixture(scope="module")
def visavis(wheel: Path) -> Path:
    """The command of the wheel in a new environment, which borrows from this one the packages that it needs."""
    home = wheel.parent / "installed"
    subprocess.run([sys.executable, "-m", "venv", home], check=True, timeout=240)
    python = str(home / "bin" / "python")
    installing = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(installing, check=True, env=_environment(), timeout=240)
    asking = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    found = subprocess.run(asking, check=True, capture_output=True, text=True, timeout=60).stdout.strip()
    # By a path file, whose lines are only added: the one that makes the checkout importable there is not read.
    needed = dict.fromkeys((sysconfig.get_path("purelib"), sysconfig.get_path("platlib")))
    (Path(found) / "borrowed.pth").write_text("".join(f"{path}\n" for path in needed))
    return home / "bin" / "visavis"


def test_an_installed_wheel_says_its_version(visavis: Path, tmp_path: Path) -> None:
    said = subprocess.run([visavis, "--version"], check=True, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert said.stdout == f"visavis {stated}\n"


async def test_an_installed_wheel_serves_its_pages(visavis: Path, tmp_path: Path) -> None:
    serving = await asyncio.create_subprocess_exec(
        visavis, "serve", "--data", str(tmp_path / "data"), "--host", "127.0.0.1", "--port", "0",
        cwd=tmp_path, env=_environment(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        origin = await asyncio.wait_for(_origin(serving), 60)
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{origin}/login") as page:
                assert page.status == 200
                assert "/static/" in await page.text()
            for path in ("/static/vendor/lit.js", "/static/styles/base.css", "/static/src/login/main.js"):
                async with session.get(f"{origin}{path}") as file:
                    assert (path, file.status) == (path, 200)
    finally:
        serving.terminate()
        await asyncio.wait_for(serving.wait(), 30)


async def _origin(process: asyncio.subprocess.Process) -> str:
    """Where it says that it serves."""
    assert process.stdout is not None
    lines = []
    while line := (await process.stdout.readline()).decode():
        lines.append(line)
        found = re.search(r"https?://127\.0\.0\.1:\d+", line)
        if found:
            return found[0]
        found = re.search(r"port=(\d+)", line)
        if found:
            return f"http://127.0.0.1:{found[1]}"
    raise AssertionError("".join(lines))


def _environment() -> dict[str, str]:
    """Without settings of who runs the tests."""
    hidden = ("VISAVIS_", "PYTHONPATH", "PYTHONHOME")
    return {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
