"""What has to be recorded and is not, on a made-up clock: when that is said, when it is over, and when it is right."""

from __future__ import annotations

from dataclasses import replace

import pytest

from server.calls.recording_watch import BEGIN_MS, STALLED_MS, Due, RecordingWatch, due
from server.recording.account import TrackAccount

VOICE = "customer-1.microphone"


class Call:
    """A watch over one track, looked at four times a second."""

    def __init__(self) -> None:
        self.watch = RecordingWatch()
        self.now_ms = 0
        self.account: TrackAccount | None = TrackAccount("audio", 0, 0, 0, 0)
        self.excuse = ""

    def passes(self, seconds: float, *, recorded: bool) -> dict[str, tuple[str, int]]:
        """So long, in which something is written or nothing; what is found at the end."""
        found: dict[str, tuple[str, int]] = {}
        for _ in range(round(seconds * 4)):
            self.now_ms += 250
            if recorded and self.account is not None:
                until = self.account.until_ms + 250
                self.account = replace(self.account, until_ms=until, recorded_ms=self.account.recorded_ms + 250)
            found = self.watch.look({VOICE: Due(self.account, self.excuse)}, self.now_ms)
        return found


def test_a_track_that_stops_is_told_after_two_seconds_and_its_return_at_once() -> None:
    call = Call()
    assert call.passes(3, recorded=True) == {}
    assert call.passes(STALLED_MS / 1000 - 0.25, recorded=False) == {}
    assert call.passes(0.25, recorded=False) == {VOICE: ("no_media", 3000)}
    assert call.passes(60, recorded=False) == {VOICE: ("no_media", 3000)}
    assert call.passes(0.25, recorded=True) == {}


def test_what_has_just_become_due_has_longer_to_begin() -> None:
    call = Call()
    assert call.passes(BEGIN_MS / 1000, recorded=False) == {}
    assert call.passes(0.25, recorded=False) == {VOICE: ("no_media", 250)}


@pytest.mark.parametrize("excuse", ["hold", "disconnected", "sensitive"])
def test_what_rightly_is_not_recorded_has_not_stopped(excuse: str) -> None:
    call = Call()
    call.passes(3, recorded=True)
    call.excuse = excuse
    assert call.passes(300, recorded=False) == {}
    call.excuse = ""
    assert call.passes(BEGIN_MS / 1000 - 0.25, recorded=False) == {}, "a picture to begin with has to come first"
    assert call.passes(0.25, recorded=False) == {VOICE: ("no_media", 303_000)}
    call.excuse = excuse
    assert call.passes(0.25, recorded=False) == {}, "what is told is over with the excuse"


@pytest.mark.parametrize(
    ("reason", "told"),
    [("disk_full", "disk_full"), ("loss", "loss"), ("hold", "no_media"), ("tray_closed", "no_media"), ("", "no_media")],
)
def test_the_reason_is_that_of_now(reason: str, told: str) -> None:
    """Until something is written again the recorder's reason may be an old one, as after a hold."""
    call = Call()
    call.passes(1, recorded=True)
    assert call.account is not None
    call.account = replace(call.account, reason=reason)
    assert call.passes(3, recorded=False) == {VOICE: (told, 1000)}


def test_a_recorder_that_is_gone_is_a_track_that_stopped_and_another_goes_on_from_less() -> None:
    call = Call()
    call.passes(3, recorded=True)
    kept, call.account = call.account, None
    assert call.passes(1.75, recorded=True) == {}
    assert call.passes(0.25, recorded=True) == {VOICE: ("write_error", 3000)}
    assert kept is not None
    call.account = replace(kept, recorded_ms=kept.recorded_ms - 400)
    assert call.passes(0.25, recorded=False) == {VOICE: ("no_media", 3000)}, "it has written nothing yet"
    assert call.passes(0.25, recorded=True) == {}


def test_declared_gaps_are_no_progress() -> None:
    call = Call()
    call.passes(3, recorded=True)
    assert call.account is not None
    for second in range(4):
        call.account = replace(call.account, until_ms=4000 + 1000 * second, gap_ms=1000 * second)
        found = call.passes(1, recorded=False)
    assert found == {VOICE: ("no_media", 3000)}


def test_a_track_that_is_not_due_any_more_is_forgotten() -> None:
    call = Call()
    call.passes(3, recorded=True)
    call.passes(3, recorded=False)
    assert call.watch.look({}, 6250) == {}
    assert call.watch.look({VOICE: Due(call.account)}, 6500) == {}, "it begins anew"


def test_the_screen_is_due_where_it_is_shared() -> None:
    account = TrackAccount("cobrowse", 0, 0, 0, 0)
    assert due({VOICE: "hold"}, {}, "") == {VOICE: Due(None, "hold")}
    assert due({VOICE: ""}, {"cobrowse": account, "customer-1.auxiliary": account}, "disconnected") == {
        VOICE: Due(None, ""),
        "cobrowse": Due(account, "disconnected"),
    }
