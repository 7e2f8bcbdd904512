"""`./dev compile`: machine code of the busiest modules, by mypyc; `link.compiled` says what it is and who uses it."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from mypyc.build import mypycify
from setuptools import setup  # type: ignore[import-untyped]

from link import compiled


def build() -> Path:
    """Compile the modules, which takes about half a minute; the folder. Does nothing where they are.

    Raises:
        SystemExit: there is no C compiler, or it failed; it has said why.
    """
    made = compiled.folder()
    if made.is_dir():
        return made
    shutil.rmtree(compiled.PLACE, ignore_errors=True)  # of other sources: nobody finds it any more
    compiled.PLACE.mkdir(parents=True)
    os.chdir(compiled.ROOT)  # mypyc names modules after their paths
    with tempfile.TemporaryDirectory(dir=compiled.PLACE) as work:
        setup(
            name="visavis-media",
            packages=[],
            py_modules=[],
            ext_modules=mypycify(
                ["--config-file=pyproject.toml", *compiled.MODULES], opt_level="3", target_dir=f"{work}/c"
            ),
            script_args=["--quiet", "build_ext", "--build-lib", f"{work}/made", "--build-temp", f"{work}/objects"],
        )
        Path(work, "made").rename(made)
    return made


if __name__ == "__main__":
    print(build().relative_to(compiled.ROOT))
