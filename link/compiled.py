"""The busiest modules of `link.rtc` as machine code, made of the same source by mypyc, where somebody has made it.

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
    "link/rtc/congestion/delay_based.py",
    "link/rtc/congestion/minimum_filter.py",
    "link/rtc/congestion/ramp.py",
    "link/rtc/tracks/arrival.py",
    "link/rtc/tracks/audio_redundancy.py",
    "link/rtc/tracks/capture_clock.py",
    "link/rtc/tracks/demuxer.py",
    "link/rtc/tracks/depacketizer.py",
    "link/rtc/tracks/forwarded_track.py",
    "link/rtc/tracks/frame_reader.py",
    "link/rtc/tracks/keyframe_requests.py",
    "link/rtc/tracks/nack.py",
    "link/rtc/tracks/published_track.py",
    "link/rtc/tracks/receiver_reports.py",
    "link/rtc/tracks/retransmissions.py",
    "link/rtc/transport/srtp.py",
    "link/rtc/transport/ticker.py",
    "link/rtc/wire/rtp.py",
    "link/rtc/wire/vp8.py",
)


def folder() -> Path:
    """Where the machine code of exactly these sources lies, if anybody has made it."""
    told = hashlib.sha256(f"{sys.implementation.cache_tag} {platform.machine()}".encode())
    for name in MODULES:
        told.update((ROOT / name).read_bytes())
    return PLACE / told.hexdigest()[:32]


def use(path: list[str]) -> bool:
    """Have the modules of the package `link.rtc`, whose `__path__` this is, found as machine code; whether they are.

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
    path.insert(0, str(made / "link" / "rtc"))
    return True


def use_below(path: list[str], package: str) -> None:
    """The same for a package inside `link.rtc`: where the one above finds machine code, so does it."""
    above, _, name = package.rpartition(".")
    places = sys.modules[above].__path__
    if len(places) > 1:
        path.insert(0, str(Path(places[0]) / name))
