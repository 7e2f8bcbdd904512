"""Connects published tracks to the forwarded tracks of legs, and to frame readers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from link.rtc.leg import Leg
from link.rtc.tracks.depacketizer import EncodedFrame, MediaGap
from link.rtc.tracks.frame_reader import FrameReader
from link.rtc.tracks.local_track import LocalTrack
from link.rtc.tracks.published_track import PublishedTrack

__all__ = ["FrameReader", "LocalTrack", "Relay"]


KEYFRAME_EVERY_S: Final = 10.0
"""A reader asks for a keyframe at least this often, unless it says otherwise. chosen: replay can seek to each."""


class Relay:
    """Connects published tracks to slots. Synchronous; call it on the event loop."""

    def connect(self, track: PublishedTrack, leg: Leg, slot: str) -> None:
        """Feed `slot` of `leg` from `track` instead of what fed it before.

        `slot` is one of the names this leg sends: `DOWN_SLOTS` as answerer, `UP_SLOTS` as offerer. Sequence numbers and
        timestamps go on without a jump; a video starts with the next keyframe, which is requested. May be called
        before the leg is connected. Nothing happens when the slot is fed by `track` already, or the leg is closed.
        Raises `ValueError` for an unknown slot or the wrong kind.
        """
        target = leg.slots.get(slot)
        if target is None or target.kind != track.kind:
            raise ValueError(f"{slot!r} does not take {track.kind}")
        if not leg.closed and target.track is not track:
            target.attach(track, time.monotonic())

    def disconnect(self, leg: Leg, slot: str) -> None:
        """Stop feeding `slot`; it stays negotiated and silent. Does nothing if nothing feeds it."""
        target = leg.slots.get(slot)
        if target is None:
            raise ValueError(f"unknown slot {slot!r}")
        target.detach()

    def tap(
        self,
        track: PublishedTrack,
        sink: Callable[[EncodedFrame], None],
        on_gap: Callable[[MediaGap], None],
        *,
        keyframe_interval: float = KEYFRAME_EVERY_S,
        on_standing: Callable[[float], None] | None = None,
        asks: bool = True,
    ) -> FrameReader:
        """Read whole frames of `track` in order, after repair, beginning with a keyframe.

        `sink` and `on_gap` are called on the event loop, must be quick (hand over, do not write files) and must not
        raise. A keyframe is requested whenever none came for `keyframe_interval` seconds (0: never), and sooner where
        they are small beside the other frames (`KEYFRAME_SHARE`).

        `on_standing` hears until when the last picture was seen, where its sender makes few: it was there all the time,
        and nothing of it is missing. Without `asks` no keyframe is requested on this reader's behalf: it begins with
        the next one that comes.
        """
        return FrameReader(track, sink, on_gap, keyframe_interval, time.monotonic(), on_standing, asks=asks)
