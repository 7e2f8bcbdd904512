"""A Debian root directory with Python and nothing else, and commands run in it as if it were a machine.

mmdebstrap makes the root once; each case gets a copy. Commands run under chroot(2) in mount and process namespaces of
their own, so nothing is left mounted or running when a case ends, however it ends.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

SUITE = "bookworm"
PACKAGES = ("python3", "python3-venv", "ca-certificates")
USER = "visitor"
# How the package clients of this machine are set up; a root gets the same.
SETTINGS = (
    "/etc/apt/sources.list", "/etc/apt/sources.list.d/debian.sources", "/etc/apt/apt.conf.d", "/etc/apt/auth.conf.d",
    "/etc/pip.conf", "/etc/xdg/pip", "/etc/npmrc", "/usr/etc/npmrc", "/usr/local/etc/npmrc", "/etc/ssl/certs",
    "/usr/local/share/ca-certificates", "/etc/resolv.conf",
)  # fmt: skip
_OF_CLIENTS = ("pip_", "npm_config_", "uv_", "ssl_cert_", "node_extra_ca_certs", "requests_ca_bundle", "curl_ca_bundle")
# Folders of packages that the clients look into beside the registries, where pip's settings name them.
_FOLDERS = ("/opt/wheels", "/opt/pypi", "/opt/pypi-more")

# Run as process 1 of the namespaces: the file systems that every machine has, then the command.
_ENTER = """
set -e
mount --make-rprivate /
mount -t proc proc "$0/proc"
mount --rbind /sys "$0/sys"
mount --rbind /dev "$0/dev"
for folder in {folders}; do
    if [ -d "$folder" ]; then mkdir -p "$0$folder"; mount --bind "$folder" "$0$folder"; fi
done
exec chroot --userspec="$1" "$0" /usr/bin/env -i "${{@:2}}"
"""


class CannotTry(Exception):
    """This machine cannot make such a root; the message says why."""


def base(cache: Path) -> Path:
    """The archive of the bare root, made where it is not there yet.

    Raises:
        CannotTry: this account is not root, mmdebstrap is not installed, or it failed.
    """
    if os.geteuid() != 0:
        raise CannotTry("Making a Debian root needs root.")
    if shutil.which("mmdebstrap") is None:
        raise CannotTry("mmdebstrap is not installed: apt-get install mmdebstrap.")
    archive = cache / f"{SUITE}-{'-'.join(PACKAGES)}.tar"
    if not archive.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        sources = [path for path in SETTINGS[:2] if Path(path).exists()]
        # Of a name that does not end in .tar it would make a folder.
        command = [
            "mmdebstrap",
            "--quiet",
            "--format=tar",
            "--variant=minbase",
            f"--include={','.join(PACKAGES)}",
            SUITE,
        ]
        done = subprocess.run([*command, f"{archive}.new", *sources], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise CannotTry(f"mmdebstrap failed: {done.stderr.strip()[-500:]}")
        Path(f"{archive}.new").rename(archive)
    return archive


class Root:
    """One unpacked root. `user` is who runs commands unless one says otherwise."""

    def __init__(self, folder: Path, user: str) -> None:
        self.folder = folder
        self.user = user
        self.home = Path("/root" if user == "root" else f"/home/{user}")

    def set_up(self, clone: Path) -> None:
        """Give it this machine's package settings, the user, and the clone in the user's home."""
        for name in SETTINGS:
            self._copy(Path(name), self.folder / name.lstrip("/"))
        if self.user != "root":
            self.shell(f"useradd --create-home --shell /bin/sh {self.user}", user="root")
        home = self.folder / str(self.home).lstrip("/")
        for name in (".npmrc", ".config/pip/pip.conf", ".pip/pip.conf"):
            self._copy(Path.home() / name, home / name)
        shutil.copytree(clone, home / "visavis", symlinks=True)
        self.shell(f"chown -R {self.user}: {self.home}", user="root")

    @staticmethod
    def _copy(source: Path, target: Path) -> None:
        if source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            within = [f"{source}/."] if source.is_dir() else [str(source)]
            subprocess.run(["cp", "--archive", "--remove-destination", *within, target], check=True)

    def shell(self, script: str, *, user: str = "", timeout_s: float = 600) -> subprocess.CompletedProcess[str]:
        """Run `script` with sh in the user's home; standard output and standard error of the result are apart."""
        who = user or self.user
        home = "/root" if who == "root" else str(self.home)
        variables = {"HOME": home, "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "USER": who}
        command = [
            "unshare", "--mount", "--pid", "--ipc", "--fork", "--kill-child", "bash", "-c",
            _ENTER.format(folders=shlex.join(_FOLDERS)), str(self.folder), who,
            *(f"{name}={value}" for name, value in {**variables, **of_clients(os.environ)}.items()),
            "sh", "-c", f"cd {home} && {script}",
        ]  # fmt: skip
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=timeout_s,
            check=False,
        )  # fmt: skip

    def megabytes(self) -> int:
        """What the root holds on disk."""
        done = subprocess.run(
            ["du", "--summarize", "--one-file-system", "--block-size=1MB", str(self.folder)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return int(done.stdout.split()[0])


def of_clients(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of `environment` that pip, npm, uv and their TLS read, and those that name a proxy."""
    return {
        name: value
        for name, value in environment.items()
        if name.lower().startswith(_OF_CLIENTS) or name.lower().endswith("_proxy")
    }


@contextlib.contextmanager
def unpacked(archive: Path, user: str, *, keep: bool = False) -> Iterator[Root]:
    """A fresh root from `archive`, removed at the end unless it is to be kept."""
    folder = Path(tempfile.mkdtemp(prefix="bare-machine-"))
    folder.chmod(0o755)
    try:
        subprocess.run(["tar", "--extract", "--file", archive, "--directory", folder], check=True)
        yield Root(folder, user)
    finally:
        if not keep:
            subprocess.run(["rm", "--recursive", "--force", "--one-file-system", folder], check=False)
