"""The laws of the source tree (docs/architecture.md), proved by reading it."""

from __future__ import annotations

import ast
import functools
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("link", "server", "kiosk_client", "web", "demo")

# The longest matching prefix decides a module's floor; imports may only go to a lower floor, to the same package, or
# along SIBLINGS. A package that is not here fails the test, so a new one must be placed.
FLOORS = {
    "link": 0,
    "link.rtc.wire": 1,
    "link.rtc.transport": 2,
    "link.rtc.congestion": 2,
    "link.rtc.tracks": 3,
    "link.rtc": 4,
    "web": 0,
    "server": 0,  # the docstring-only package itself
    "server.config": 0,
    "server.recording_notice": 0,
    "server.logs": 1,
    "server.session": 1,
    "server.journal": 1,
    "server.store": 1,
    "server.bus": 1,
    "server.blobs": 1,
    "server.recording": 2,
    "server.evidence": 2,
    "server.cobrowse": 2,
    "server.documents": 2,
    "server.identity": 2,
    "server.library": 2,
    "server.routing": 3,
    "server.calls": 4,
    "server.admin": 5,
    "server.api.http.app_keys": 0,  # names of an application's parts; it imports their types only
    "server.api": 5,
    "server.app": 5,
    "server.serve": 5,
    "server.cli": 6,
    "server.__main__": 6,
    "kiosk_client": 0,
    "kiosk_client.config": 1,
    "kiosk_client.devices": 2,
    "kiosk_client.agent": 3,
    "kiosk_client.page": 4,
    "kiosk_client.__main__": 5,
    "demo": 7,
}
SIBLINGS = {
    ("server.journal", "server.store"),
    ("server.recording", "server.blobs"),
    ("server.evidence", "server.recording"),
    ("server.app", "server.api"),
    ("server.serve", "server.app"),
    ("server.__main__", "server.cli"),
}
# What these modules import under `if TYPE_CHECKING:` is not an import at run time.
TYPES_ONLY = {"server.api.http.app_keys"}
# Web code serves pages for both programs; link knows no web framework's server side in its media.
NOT_IN = {
    "link.rtc": ("aiohttp",),
    "server.session": ("aiohttp", "asyncio", "sqlalchemy", "aiortc", "time", "datetime"),
}
SANS_IO = ("link/rtc/wire/rtp.py", "link/rtc/tracks/published_track.py", "server/session/*.py")


@functools.cache
def modules() -> dict[str, Path]:
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            relative = path.relative_to(ROOT)
            if not {"node_modules", "dist"} & set(relative.parts):
                name = ".".join(relative.with_suffix("").parts).removesuffix(".__init__")
                found[name] = path
    return found


def unit(module: str) -> str:
    """Return the entry of FLOORS that decides about `module`."""
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        if name in FLOORS and (length == len(parts) or name != "server"):
            return name
    raise AssertionError(f"{module} is on no floor: place it in docs/architecture.md and in FLOORS")


def imports(path: Path, module: str) -> Iterator[tuple[str, int]]:
    """Every module that `path` imports, those only for type checking too, with the line."""
    known = modules()
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    if module in TYPES_ONLY:
        tree.body = [
            node for node in tree.body if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test))
        ]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                base = ".".join([*parts[: len(parts) - node.level + 1], *([base] if base else [])])
            for alias in node.names:
                full = f"{base}.{alias.name}"
                yield (full if full in known else base), node.lineno


@pytest.mark.parametrize("module", modules())
def test_imports_run_downward(module: str) -> None:
    path = modules()[module]
    own = unit(module)
    for target, line in imports(path, module):
        top = target.split(".")[0]
        where = f"{path.relative_to(ROOT)}:{line} imports {target}"
        if top == "tests":
            raise AssertionError(f"{where}: tests are not for import")
        if top not in PACKAGES:
            continue
        home = module.split(".")[0]
        if home == "link":
            assert top == "link", where
        if home == "web":
            assert top == "web", where
        if home == "kiosk_client":
            assert top not in ("server", "demo"), where
        if home == "server":
            assert top not in ("kiosk_client", "demo"), where
        if top in ("link", "web") and top != home:
            continue  # below every floor of whoever else
        other = unit(target)
        if other != own and (own, other) not in SIBLINGS:
            assert FLOORS[other] < FLOORS[own], f"{where}: floor {FLOORS[own]} may not import floor {FLOORS[other]}"


@pytest.mark.parametrize("package", NOT_IN)
def test_some_packages_do_without(package: str) -> None:
    for module, path in modules().items():
        if module == package or module.startswith(package + "."):
            for target, line in imports(path, module):
                assert target.split(".")[0] not in NOT_IN[package], f"{path.relative_to(ROOT)}:{line} imports {target}"


def test_sans_io_modules_have_no_coroutine() -> None:
    for pattern in SANS_IO:
        for path in ROOT.glob(pattern):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                bad = isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith)
                assert not bad, f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)} is not sans-IO"


def committed() -> list[Path]:
    """Files that are or would be committed; a machine without git has them too."""
    if shutil.which("git") is None:
        return not_ignored(ROOT, (ROOT / ".gitignore").read_text(encoding="utf-8").split())
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [path for name in listing.stdout.splitlines() if (path := ROOT / name).is_file()]


def not_ignored(root: Path, patterns: list[str]) -> list[Path]:
    """Files below `root` that no pattern leaves out: names, or paths from the root where they begin with a slash."""
    found = []
    for folder, folders, names in os.walk(root):
        here = Path(folder)

        def kept(name: str, here: Path = here) -> bool:
            path = f"/{(here / name).relative_to(root).as_posix()}"
            plain = [pattern.rstrip("/") for pattern in patterns]
            return name != ".git" and not any(fnmatch(path if p.startswith("/") else name, p) for p in plain)

        folders[:] = filter(kept, folders)
        found += [here / name for name in filter(kept, names)]
    return found


def test_what_is_committed_is_known_without_git_too() -> None:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("there is nothing to compare with")
    patterns = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    assert set(not_ignored(ROOT, patterns)) == set(committed())


def test_modules_say_what_they_are() -> None:
    silent = [name for name, path in modules().items() if not ast.get_docstring(ast.parse(path.read_text("utf-8")))]
    assert not silent


def test_no_module_is_named_for_nothing() -> None:
    empty_names = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}
    assert not [name for name in modules() if empty_names & set(name.split("."))]


def test_no_committed_file_names_a_registry() -> None:
    # Written in pieces so that this file passes its own test.
    hosts = [
        "py" + "pi.org",
        "python" + "hosted.org",
        "registry." + "npm" + "js",
        "deb." + "debian" + ".org",
        "npm" + "js.com",
    ]
    hosts += ["un" + "pkg.com", "js" + "delivr.net", "cdn" + "js"]
    for path in committed():
        text = path.read_bytes().decode("utf-8", errors="ignore").lower()
        assert not [host for host in hosts if host in text], path.relative_to(ROOT)


def test_no_private_key_is_committed() -> None:
    for path in committed():
        assert not re.search(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\n[A-Za-z0-9+/]", path.read_bytes()), path


def declared_packages() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    requirements = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {match[0].lower() for item in requirements if (match := re.match(r"[A-Za-z0-9._-]+", item))}
    package = json.loads((ROOT / "web" / "package.json").read_text("utf-8"))
    return names | set(package["dependencies"]) | set(package["devDependencies"])


def test_every_dependency_says_why() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
    explained = set(re.findall(r"^\| (\S+) \| .{10,} \|$", page, re.MULTILINE)) - {"package"}
    assert explained == declared_packages()


def test_every_imported_package_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    run_time = {re.match(r"[\w.-]+", item)[0] for item in project["dependencies"]}  # type: ignore[index]
    development = {re.match(r"[\w.-]+", item)[0] for item in project["optional-dependencies"]["dev"]}  # type: ignore[index]
    distributions = importlib.metadata.packages_distributions()
    undeclared = set()
    for module, path in modules().items():
        allowed = run_time | development if unit(module) == "demo" else run_time
        for target, _ in imports(path, module):
            names = {name.lower() for name in distributions.get(target.split(".")[0], [])}
            if names and not names & allowed:
                undeclared.add((path.relative_to(ROOT).as_posix(), *sorted(names)))
    assert not undeclared


def test_the_media_stack_is_pinned_exactly() -> None:
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    for pin in ("aiortc==1.16.0", "aioice==0.13.0"):
        assert f'"{pin}"' in project
        assert f"{pin} " in lock


def test_browser_packages_are_exact_versions() -> None:
    package = json.loads((ROOT / "web" / "package.json").read_text("utf-8"))
    for version in [*package["dependencies"].values(), *package["devDependencies"].values()]:
        assert re.fullmatch(r"\d+\.\d+\.\d+", version), version


def test_nobody_waits_so_that_a_cancellation_can_be_lost() -> None:
    """`link.tasks.cancel` says how. The demo's tasks are ended with their process."""
    sources = [path for room in ("link", "server", "kiosk_client") for path in (ROOT / room).rglob("*.py")]
    assert not [path.name for path in sources if "asyncio.wait_for(" in path.read_text()]


# The same thing at two ends of a wire, or one of each program: two classes, one name.
SAME_THING = {
    "Config": "the options of each program",
    "DocumentFailed": "a message, and the event that it becomes",
    "Participant": "as a session knows somebody, and as faces are shown them",
    "TakeSnapshot": "a command, and the message that it becomes",
}


def test_one_name_is_one_class() -> None:
    found: dict[str, list[str]] = {}
    for module, path in modules().items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(module)
    assert {name: where for name, where in found.items() if len(where) > 1 and name not in SAME_THING} == {}
