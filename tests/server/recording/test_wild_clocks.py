"""What a sender's clock and numbers do to the recorder's timeline: the clock is set, timestamps wrap, at any moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.server.recording.test_lip_sync import Participant

DRIFT = {"ntp": 50e-6, "sound": 100e-6, "picture": -100e-6, "kiosk": -100e-6}
RATES = {"sound": 48_000, "picture": 90_000}
LIPS = 0.04


@pytest.mark.parametrize("kiosk", [False, True], ids=["one leg", "through a kiosk client"])
@pytest.mark.parametrize("step", [-86_400.0, -1.0, 0.5, 1.0, 3.0])
def test_a_clock_that_is_set_does_not_part_picture_and_sound(step: float, kiosk: bool, tmp_path: Path) -> None:
    """The computer's clock is set twice in a call; the kiosk client behind it goes on by a clock that nobody sets."""
    someone = Participant(DRIFT, tmp_path, seed=5, kiosk=kiosk)
    someone.clock_set = lambda moment: step * ((moment > 60) + (moment > 93))
    someone.run(0, 150, delay=0.05)
    settled = [skew for moment, skew in someone.skews if moment > 20]
    assert len(settled) > 3000
    assert max(map(abs, settled)) < LIPS


@pytest.mark.parametrize("kiosk", [False, True], ids=["one leg", "through a kiosk client"])
@pytest.mark.parametrize("track", ["sound", "picture"])
def test_timestamps_that_wrap_anywhere(track: str, kiosk: bool, tmp_path: Path) -> None:
    """With the first packet, with a report, between a packet and its report, after 2**31: none is a step in time."""
    for tenth in (0, 1, 5, 7, *range(195, 260, 3)):
        someone = Participant(DRIFT, tmp_path, seed=tenth, kiosk=kiosk)
        someone.origin[track] = (2**32 - round(tenth / 10 * RATES[track])) & 0xFFFFFFFF
        someone.origin["sound" if track == "picture" else "picture"] = 2**31 - 20 * 48_000
        someone.run(0, 32, delay=0.05)
        skews = [skew for moment, skew in someone.skews if moment > 15]
        assert skews
        assert max(map(abs, skews)) < LIPS
