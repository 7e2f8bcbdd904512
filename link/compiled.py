"""The busiest modules of `link.media` as machine code, made of the same source by mypyc, where somebody has made it.

`./dev compile` makes it, once; every process started after that uses it, unless its environment has
`VISAVIS_COMPILED=0`. It lies in a folder that is named after what the sources say, the interpreter and the machine, so
that code that was made of other sources is never found: then, or where no C compiler is, everything runs from source as
ever. Tests run from source.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import warnings
from pathlib import Path

SWITCH = "VISAVIS_COMPILED"
ROOT = Path(__file__).parent.parent
PLACE = ROOT / ".cache" / "compiled"
# What runs for each packet. Not what subclasses, or what foreign code calls back (asyncio's protocols, cffi).
MODULES = (
    "link/media/arrival.py",
    "link/media/clock.py",
    "link/media/copies.py",
    "link/media/estimate.py",
    "link/media/flow.py",
    "link/media/frames.py",
    "link/media/ingress.py",
    "link/media/keyframes.py",
    "link/media/repair.py",
    "link/media/rtp.py",
    "link/media/slot.py",
    "link/media/srtp.py",
    "link/media/tap.py",
    "link/media/ticker.py",
    "link/media/vp8.py",
)


def folder() -> Path:
    """Where the machine code of exactly these sources lies, if anybody has made it."""
    told = hashlib.sha256(f"{sys.implementation.cache_tag} {platform.machine()}".encode())
    for name in MODULES:
        told.update((ROOT / name).read_bytes())
    return PLACE / told.hexdigest()[:32]


def use(path: list[str]) -> bool:
    """Have the modules of the package `link.media`, whose `__path__` this is, found as machine code; whether they are.

    Warns where there is machine code of other sources, or where it is wanted (`VISAVIS_COMPILED=1`) and there is none.
    """
    wanted = os.environ.get(SWITCH, "")
    if wanted == "0":
        return False
    made = folder()
    if not made.is_dir():
        if wanted == "1" or PLACE.is_dir():
            warnings.warn("there is no machine code of these sources: run ./dev compile", stacklevel=2)
        return False
    sys.path.append(str(made))  # what the modules share is a module of its own there
    path.insert(0, str(made / "link" / "media"))
    return True
