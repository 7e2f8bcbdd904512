from __future__ import annotations

from pathlib import Path

import pytest

from demo import encoder_probe
from demo.browser import inbound, open_browser
from demo.encoder_probe import LEAST_FPS, MOST_BUSY, EncoderProbe, measure
from demo.synthetic_media import LARGE, SMALL, prepare


@pytest.mark.parametrize(
    ("machine", "picture"),
    [
        (EncoderProbe(30.0, 200.0, 0.5), LARGE),
        (EncoderProbe(LEAST_FPS, 200.0, MOST_BUSY), LARGE),
        (EncoderProbe(LEAST_FPS - 0.1, 200.0, 0.5), SMALL),
        (EncoderProbe(30.0, 200.0, MOST_BUSY + 0.01), SMALL),
        (EncoderProbe(30.0, 200.0, None), LARGE),
        (EncoderProbe(12.0, 200.0, None), SMALL),
    ],
)
def test_the_large_picture_is_for_machines_with_room(machine: EncoderProbe, picture: tuple[int, int]) -> None:
    assert machine.picture == picture
    assert ("a call needs" in machine.why()) is (picture == SMALL)


def test_the_reason_gives_figures() -> None:
    text = EncoderProbe(17.4, 900.0, 0.982).why()
    assert "17 pictures of 1280x720 a second" in text
    assert "98%" in text
    assert "cores" not in EncoderProbe(17.4, 900.0, None).why()


def test_slowness_is_never_below_one() -> None:
    usual = encoder_probe.USUAL_START_MS
    assert EncoderProbe(30.0, usual / 3, 0.5).slowness == 1.0
    assert EncoderProbe(30.0, usual * 3, 0.5).slowness == 3.0


def test_busy_is_what_is_neither_idle_nor_waiting_for_a_disk() -> None:
    before = [100, 0, 100, 1000, 50, 0, 0, 0, 0, 0]
    after = [160, 0, 110, 1020, 60, 0, 0, 0, 0, 0]
    assert encoder_probe._busy(before, after) == pytest.approx(0.7)
    assert encoder_probe._busy(before, before) is None
    assert encoder_probe._busy([], []) is None


@pytest.mark.alone
@pytest.mark.chromium
async def test_two_browsers_say_what_they_encode(tmp_path: Path) -> None:
    media = prepare(Path(encoder_probe.__file__).parent.parent / ".cache" / "demo")
    async with (
        open_browser(video=media.small.customer_video, audio=media.customer_audio) as customers,
        open_browser(video=media.small.specialist_video, audio=media.specialist_audio) as specialists,
    ):
        machine = await measure(customers, specialists, picture=SMALL, seconds=1.0)
        assert customers.pages == specialists.pages == []
        page = await customers.new_page()
        assert await inbound(page) == [], "nothing of it is left for the call's own statistics"
    assert machine.fps > 0
    assert machine.start_ms > 0
    assert machine.busy is None or 0 < machine.busy <= 1
