"""The functions of `./dev`, with a PATH that lacks what they look for.

Each test sources the script as sh does and calls one function; `PATH` holds only the programs that the test puts there.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

DEV = Path(__file__).parent.parent / "dev"
# What any Debian has: the script's own tools, none of what it looks for.
ALWAYS = (
    "sh",
    "cat",
    "cmp",
    "dirname",
    "head",
    "id",
    "mkdir",
    "rm",
    "sed",
    "grep",
    "env",
    "printf",
    "ls",
    "chmod",
    "mv",
)
LOOKED_FOR = ("chromium", "espeak-ng", "apt-get", "sudo", "node", "npm", "flock", "python3", "python3.11")


class Shell:
    """A machine with the programs of ALWAYS and those that `has` adds, all of them scripts of the test."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.home = folder / "home"
        self.home.mkdir()
        for name in ALWAYS:
            found = shutil.which(name)
            if found is not None:
                (self.bin / name).symlink_to(found)
        self.has("id", "echo 1000")
        self.variables: dict[str, str] = {}

    def has(self, name: str, script: str = "exit 0") -> Path:
        """Put a program there that runs `script`."""
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    def call(self, code: str) -> subprocess.CompletedProcess[str]:
        """Source ./dev, whose usage goes nowhere, then run `code`."""
        environment = {"PATH": str(self.bin), "HOME": str(self.home), **self.variables}
        return subprocess.run(
            [str(self.bin / "sh"), "-c", f'. "$0" >/dev/null\n{code}', str(DEV)],
            env=environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_no_function_hides_a_program_that_is_looked_for() -> None:
    """`command -v chromium` once found the script's own function of that name, and nothing was ever installed."""
    functions = set(re.findall(r"^([a-z_]+)\(\) *\{", DEV.read_text(), re.MULTILINE))
    assert "program" in functions
    assert functions & set(LOOKED_FOR) == set()


@pytest.mark.parametrize("name", LOOKED_FOR)
def test_a_program_that_is_not_there_is_not_found(shell: Shell, name: str) -> None:
    assert shell.call(f"program {name} || echo none").stdout == "none\n"
    path = shell.has(name)
    assert shell.call(f"program {name}").stdout == f"{path}\n"


def test_a_function_is_no_program(shell: Shell) -> None:
    assert shell.call("lint() { :; }; program lint || echo none").stdout == "none\n"
    assert shell.call("program cd || echo none").stdout == "none\n"


def test_the_first_of_several_programs_is_taken(shell: Shell) -> None:
    second = shell.has("google-chrome")
    assert shell.call("browser_path").stdout == f"{second}\n"
    first = shell.has("chromium")
    assert shell.call("browser_path").stdout == f"{first}\n"
    shell.variables["VISAVIS_CHROMIUM"] = str(second)
    assert shell.call("browser_path").stdout == f"{second}\n"


def test_without_chromium_an_account_that_may_not_install_gets_one_sentence(shell: Shell) -> None:
    shell.has("apt-get", "echo must not run; exit 1")
    done = shell.call("need_browser")
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.strip().splitlines()) == 1
    assert "needs Chromium" in done.stderr
    assert "may not install" in done.stderr
    assert "VISAVIS_CHROMIUM" in done.stderr


def test_without_apt_it_is_the_same(shell: Shell) -> None:
    shell.has("id", "echo 0")
    done = shell.call("need_browser")
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "needs Chromium" in done.stderr


def test_root_installs_chromium(shell: Shell) -> None:
    shell.has("id", "echo 0")
    shell.has("apt-get", _installs(shell, "chromium", "espeak-ng"))
    done = shell.call('need_browser && echo "$VISAVIS_CHROMIUM"')
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{shell.bin / 'chromium'}\n"
    assert "Installing chromium with apt" in done.stderr


def test_sudo_without_a_password_installs_too(shell: Shell) -> None:
    shell.has("sudo", 'while [ "${1#-}" != "$1" ]; do shift; done; exec "$@"')
    shell.has("true")
    shell.has("apt-get", _installs(shell, "chromium", "espeak-ng"))
    done = shell.call('need_browser && echo "$VISAVIS_CHROMIUM"')
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{shell.bin / 'chromium'}\n"


def test_sudo_that_asks_for_a_password_is_none(shell: Shell) -> None:
    shell.has("sudo", "exit 1")
    shell.has("apt-get", _installs(shell, "chromium"))
    done = shell.call("need_browser")
    assert done.returncode == 1
    assert "may not install" in done.stderr


def test_an_apt_that_fails_is_not_called_a_missing_right(shell: Shell) -> None:
    shell.has("id", "echo 0")
    shell.has("apt-get", "echo 'E: no route' >&2; exit 100")
    done = shell.call("need_browser")
    assert done.returncode == 1
    assert "E: no route" in done.stderr
    assert "apt could not install it (package chromium)" in done.stderr
    assert "may not" not in done.stderr


def test_a_chromium_that_does_not_start_is_named_with_its_reason(shell: Shell) -> None:
    path = shell.has("chromium", "echo 'needs snapd' >&2; exit 1")
    shell.has("espeak-ng")
    done = shell.call("need_browser")
    assert done.returncode == 1
    assert f"{path} does not start: needs snapd" in done.stderr


def test_a_wrong_visavis_chromium_is_named(shell: Shell) -> None:
    shell.has("chromium")
    shell.variables["VISAVIS_CHROMIUM"] = "/nowhere/chrome"
    done = shell.call("need_browser")
    assert done.returncode == 1
    assert "/nowhere/chrome" in done.stderr


def test_no_voice_is_no_reason_to_stop(shell: Shell) -> None:
    shell.has("chromium")
    done = shell.call("need_browser && echo on")
    assert done.stdout == "on\n"
    assert "espeak-ng is not installed" in done.stderr


def test_a_driver_that_lacks_a_library_gets_it(shell: Shell) -> None:
    shell.has("id", "echo 0")
    node = shell.has("driver-node", f"[ -e {shell.home}/libatomic ]")
    shell.has("fake-python", f"echo {node}")
    shell.has("apt-get", f'case "$*" in *libatomic1*) : >{shell.home}/libatomic;; esac')
    done = shell.call(f"python={shell.bin}/fake-python; need_driver && echo on")
    assert done.stdout == "on\n", done.stderr
    assert "Installing libatomic1" in done.stderr


def test_a_driver_that_lacks_a_library_takes_another_node(shell: Shell) -> None:
    broken = shell.has("driver-node", "exit 127")
    shell.has("fake-python", f"echo {broken}")
    node = shell.has("node")
    shell.has("npm")
    done = shell.call(f'python={shell.bin}/fake-python; need_driver && echo "$PLAYWRIGHT_NODEJS_PATH"')
    assert done.stdout == f"{node}\n", done.stderr


def test_a_driver_for_which_there_is_nothing_is_one_sentence(shell: Shell) -> None:
    broken = shell.has("driver-node", "exit 127")
    shell.has("fake-python", f"echo {broken}")
    done = shell.call(f"python={shell.bin}/fake-python; find_node() {{ :; }}; need_driver")
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "libatomic1" in done.stderr


def test_no_python_is_one_sentence(shell: Shell) -> None:
    done = shell.call("find_python")
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr
    shell.has("python3", "exit 1")
    assert shell.call("find_python").returncode == 1
    path = shell.has("python3.12")
    assert shell.call("find_python").stdout == f"{path}\n"


def test_no_lock_where_there_is_no_flock(shell: Shell, tmp_path: Path) -> None:
    assert shell.call(f"root={tmp_path}; with_lock; unlock; echo on").stdout == "on\n"


def test_every_unit_test_runs_under_node(shell: Shell) -> None:
    shell.has("npm")
    ran = shell.home / "ran"
    shell.has("node", f'case $1 in --test) shift; printf "%s\\n" "$@" >{ran};; esac')
    done = shell.call("failed=; unit_tests && echo fine")
    assert done.stdout == "fine\n", done.stderr
    folder = DEV.parent / "tests" / "web" / "unit"
    assert ran.read_text().split() == [str(path.relative_to(DEV.parent)) for path in sorted(folder.glob("*.test.mjs"))]


def test_a_unit_test_that_fails_is_said_with_what_the_checks_found(shell: Shell) -> None:
    shell.has("npm")
    shell.has("node", "case $1 in --test) exit 1;; esac")
    assert shell.call('failed=" mypy;"; unit_tests || echo "$failed"').stdout == " mypy; node --test;\n"
    shell.has("node", "exit 0")
    assert shell.call('failed=" mypy;"; unit_tests || echo "$failed"').stdout == " mypy;\n"


def test_the_commands_are_known(shell: Shell) -> None:
    done = subprocess.run([str(DEV), "nonsense"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    for command in ("demo", "test", "lint", "bench", "doctor"):
        assert f"\n  {command}" in done.stderr


def _installs(shell: Shell, *names: str) -> str:
    """An apt-get that brings programs of these names when asked for the packages of the same names."""
    lines = [
        f'case "$*" in *install*{name}*) printf "#!/bin/sh\\n" >{shell.bin}/{name}; chmod +x {shell.bin}/{name};; esac'
        for name in names
    ]
    return "\n".join(lines)


def test_the_script_is_one_that_every_sh_reads() -> None:
    assert DEV.read_text().startswith("#!/bin/sh\n")
    assert os.access(DEV, os.X_OK)
    for reader in filter(None, map(shutil.which, ("dash", "bash"))):
        assert subprocess.run([reader, "-n", str(DEV)], check=False).returncode == 0
