"""What a wheel needs besides pyproject.toml: the third-party browser code, bundled before the files are gathered."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

WEB = Path(__file__).parent / "web"


class BundleFirst(build_py):
    """`build_py` with `web/dist` made where it is not there yet, as in a fresh clone."""

    def run(self) -> None:
        if not (WEB / "dist" / "vendor" / "lit.js").is_file():
            node, npm = shutil.which("node"), shutil.which("npm")
            if node is None or npm is None:
                raise SystemExit(
                    "The browser code is not bundled yet, and Node.js is not installed. "
                    "Run `./dev doctor` once (it brings what it needs), or install nodejs and npm."
                )
            subprocess.run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=WEB, check=True)
            subprocess.run([node, "bundle.mjs"], cwd=WEB, check=True)
        super().run()


setup(cmdclass={"build_py": BundleFirst})
