"""Real Chromium and a leg of ours, both relay-only, through a real coturn: picture and sound both ways."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from link.rtc.leg import Leg
from link.rtc.relay import Relay
from tests.big import first_of
from tests.link.rtc.chromium import browsers
from tests.link.rtc.coturn import coturn, needs_coturn
from tests.link.rtc.test_chromium import PICTURE, SOUND, cross, watch

RELAY_ONLY = """
(given) => {
  const Original = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Original {
    constructor(configuration) { super({...configuration, ...given}); }
  };
}
"""

pytestmark = [pytest.mark.alone, pytest.mark.chromium, needs_coturn]


@pytest.mark.parametrize("transport", first_of("udp", "tcp"))
async def test_720p_and_sound_through_the_relay(tmp_path: Path, transport: str, no_task_left: None) -> None:
    async with coturn(tmp_path) as turn, browsers() as [page]:
        server = turn.server(transport)
        relay, leg = Relay(), Leg("echo", ice_servers=[server], relay_only=True)
        cross(relay, leg, leg)
        ice = {"urls": list(server.urls), "username": server.username, "credential": server.credential}
        await page.page.evaluate(RELAY_ONLY, {"iceServers": [ice], "iceTransportPolicy": "relay"})
        await page.connect(leg)
        seen = await watch(page, 100, 25)
        begun, cpu = time.monotonic(), time.process_time()
        await asyncio.sleep(3)
        share = (time.process_time() - cpu) / (time.monotonic() - begun)
        pair = await page.page.evaluate(
            """async () => {
              const all = [...(await window.pc.getStats()).values()];
              const pair = all.find((s) => s.type === "candidate-pair" && s.nominated && s.state === "succeeded");
              const of = (id) => all.find((s) => s.id === id);
              return {local: of(pair.localCandidateId), remote: of(pair.remoteCandidateId)};
            }"""
        )
        statistics = leg.statistics()
        await leg.close()
    print(f"{transport}: {share:.1%} of a core, rtt {statistics.rtt * 1000:.1f} ms")
    assert (pair["local"]["candidateType"], pair["local"]["relayProtocol"]) == ("relay", transport)
    assert pair["remote"]["candidateType"] == "relay"
    assert (seen[PICTURE]["frameWidth"], seen[PICTURE]["frameHeight"]) == (1280, 720)
    assert (seen["out1"]["frameWidth"], seen["out1"]["frameHeight"]) == (1280, 720)
    assert seen[SOUND]["totalAudioEnergy"] > 0
    assert statistics.tracks["camera"].lost == 0
