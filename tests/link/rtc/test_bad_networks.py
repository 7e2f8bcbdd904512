"""Two people in real browsers, each behind a bad network: what they see and hear, by the browsers' own statistics.

docs/network.md has the figures. Each leg has its own network, both ways; sound is talk without pauses.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from link.rtc.leg import LegState
from tests.link.rtc.call import Call, Seen, call

pytestmark = [pytest.mark.alone, pytest.mark.chromium]

big = pytest.mark.skipif(not os.environ.get("VISAVIS_BIG_TESTS"), reason="half a minute each: set VISAVIS_BIG_TESTS=1")

MODERATE: dict[str, Any] = {
    "loss": 0.05,
    "delay": 0.075,
    "jitter": 0.05,
}  # 100 ± 25 ms, and packets overtake one another
FAR: dict[str, Any] = {"loss": 0.10, "burst": 4.0, "delay": 0.15, "jitter": 0.2}  # 250 ± 100 ms


def tell(call: Call, seen: list[Seen]) -> None:
    """For docs/network.md; pytest shows it with -s."""
    for each, leg, setup in zip(seen, call.legs, call.setup, strict=True):
        statistics = leg.statistics()
        print(
            f"setup {setup:.2f} s, {each.fps:.1f} of {each.grown('encoded') / each.seconds:.1f} fps, "
            f"freeze {each.freeze * 1000:.0f} ms, concealed {each.concealed:.2%}, "
            f"held back {each.grown('waited') / max(1.0, each.grown('emitted')) * 1000:.0f} ms, "
            f"camera {each.bitrate() / 1000:.0f} kbit/s, {each.samples[-1]['height']}p, "
            f"rtt {statistics.rtt * 1000:.0f} ms, repaired {statistics.tracks['camera'].repaired}"
        )


@big
async def test_five_percent_on_each_leg(no_task_left: None) -> None:
    """No freeze over 500 ms, and at most 1 % of the sound made up after all repair.

    Chance may take one packet three times over on both networks: one longer wait in either direction is let pass here.
    """
    async with call(**MODERATE) as made:
        assert max(made.setup) < 3.0
        await asyncio.sleep(5)
        seen = await made.lasts(12)
        tell(made, seen)
        for each, leg in zip(seen, made.legs, strict=True):
            assert not each.dropped
            assert each.waits[1] <= 0.5
            assert each.freeze <= 1.5
            assert each.concealed <= 0.01
            assert leg.statistics().tracks["camera"].lost == 0


@big
async def test_ten_percent_in_bursts_from_far_away_do_not_end_the_call(no_task_left: None) -> None:
    async with call(seed=3, **FAR) as made:
        seen = await made.lasts(15)
        tell(made, seen)
        for each, states in zip(seen, made.states, strict=True):
            assert not each.dropped
            assert states == [LegState.CONNECTING, LegState.CONNECTED]
            assert each.fps > 5
            assert each.concealed < 0.15


@big
async def test_the_picture_is_back_after_thirty_percent(no_task_left: None) -> None:
    async with call(seed=5, delay=0.02) as made:
        made.set(loss=0.3)
        tell(made, await made.lasts(10))
        made.set(loss=0.0)
        seen = await made.lasts(6)
        tell(made, seen)
        for each, other in zip(seen, reversed(seen), strict=True):
            assert each.after(0, 5).grown("frames") > 0
            back, sent = each.after(1.0), other.after(1.0)
            assert back.freeze < 0.5
            assert back.fps > 0.8 * sent.grown("encoded") / sent.seconds
            assert other.bitrate(4, 6) > 250_000, "of 750, less where the browser has made the picture smaller"


@big
@pytest.mark.parametrize("way", ["up", "down"])
async def test_a_narrow_link_is_respected_and_sound_stays_whole(no_task_left: None, way: str) -> None:
    """500 kbit/s on the way from one to the other: the camera adapts within 5 s, and sound is what it was."""
    async with call(seed=7) as made:
        await asyncio.sleep(2)
        network = made.paths[0].to_answerer if way == "up" else made.paths[1].to_offerer
        network.rate = 500_000
        sender, listener = await made.lasts(12)
        tell(made, [sender, listener])
        print([round(sender.bitrate(second, second + 1) / 1000) for second in range(11)])
        print([round(listener.after(second, second + 1).concealed, 3) for second in range(11)])
        assert sender.bitrate(5, 12) < 500_000
        assert sender.bitrate(8, 12) > 150_000
        settled = listener.after(5)
        assert settled.concealed <= 0.01
        assert settled.grown("missed") <= 0
        assert settled.fps > 10


@big
async def test_the_smallest_mtu_of_ipv6_is_enough(no_task_left: None) -> None:
    """1,280 bytes, of which IPv6 takes 20 more than IPv4, from the first packet on; 3 % are lost and come again."""
    async with call(seed=9, largest=1260, loss=0.03, delay=0.01) as made:
        await asyncio.sleep(3)
        seen = await made.lasts(8)
        tell(made, seen)
        for each, other in zip(seen, reversed(seen), strict=True):
            assert each.fps > 0.9 * other.grown("encoded") / other.seconds
            assert each.freeze < 0.5
            assert each.concealed <= 0.015
            assert other.samples[-1]["height"] == 720


@big
async def test_a_full_picture_over_bad_networks(no_task_left: None) -> None:
    """720p30 at 1.5 Mbit/s, one way: what really runs, on each network after 6 s to settle."""
    async with call(seed=11, film=True) as made:
        await made.one_way(1_500_000)
        for name, network in (("good", {}), ("a", MODERATE), ("b", FAR), ("c", {"loss": 0.3, "delay": 0.02})):
            made.set(**{"loss": 0.0, "burst": 1.0, "delay": 0.0, "jitter": 0.0, **network})
            await asyncio.sleep(6)
            sender, viewer = await made.lasts(10)
            shown = viewer.samples[-1]["height"]
            print(
                f"{name}: {sender.bitrate() / 1000:.0f} kbit/s of them {sender.grown('again') / sender.seconds:.0f} "
                f"packets/s again, {sender.grown('encoded') / sender.seconds:.1f} fps sent, {viewer.fps:.1f} seen, "
                f"{shown}p, limited by {sender.samples[-1]['limitation']}, freeze {viewer.freeze * 1000:.0f} ms, "
                f"concealed {viewer.concealed:.2%}, estimate {made.legs[0].statistics().estimate // 1000} kbit/s"
            )
            assert not sender.dropped
            assert not viewer.dropped
            assert viewer.fps > 5


def test_the_page_of_figures_names_each_test() -> None:
    page = (Path(__file__).parents[3] / "docs" / "network.md").read_text()
    for name in [name for name in globals() if name.startswith("test_") and "page" not in name]:
        assert name in page
