"""Snapshots of what came and went on one leg."""

from __future__ import annotations

from dataclasses import dataclass, field

from link.rtc.tracks.forwarded_track import ForwardedTrack
from link.rtc.tracks.published_track import PublishedTrack


@dataclass(frozen=True, slots=True)
class PublishedTrackStatistics:
    """What arrived on one received track since the leg began. Rates are of the last second, times in seconds."""

    packets: int = 0
    bytes: int = 0
    lost: int = 0  # not there, neither at first nor after repair
    repaired: int = 0
    nacks: int = 0  # sent
    plis: int = 0  # sent
    jitter: float = 0.0
    bitrate: int = 0


@dataclass(frozen=True, slots=True)
class ForwardedTrackStatistics:
    """What was sent on one track since the leg began, and what the far end reports about it."""

    packets: int = 0
    bytes: int = 0
    retransmitted: int = 0
    nacks: int = 0  # packets asked for again that had been sent
    plis: int = 0  # received
    lost: int = 0  # on the way from us, by the far end's reports, without repairs
    fraction_lost: float = 0.0
    bitrate: int = 0


@dataclass(frozen=True, slots=True)
class LegStatistics:
    """A snapshot of one leg. `rtt` is in seconds and 0.0 while unknown; `refused` counts hostile or damaged packets."""

    rtt: float = 0.0
    packets_in: int = 0
    packets_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    refused: int = 0
    repeated: int = 0  # packets that had come before; second copies that were not needed are among them
    available: int = 0  # bit/s that the far end says (REMB) this leg can carry away from us; 0 while unknown
    estimate: int = 0  # bit/s that we think this leg can carry towards us
    limit: int = 0  # bit/s that the videos we send share, as far as we believe the far end; 0 for no limit
    quiet: float = 0.0  # seconds since anything at all was heard
    tracks: dict[str, PublishedTrackStatistics] = field(default_factory=dict)
    slots: dict[str, ForwardedTrackStatistics] = field(default_factory=dict)


def track_statistics(track: PublishedTrack, bitrate: int) -> PublishedTrackStatistics:
    """Of a received track; `bitrate` is that of the last second."""
    return PublishedTrackStatistics(
        packets=track.packets,
        bytes=track.bytes,
        lost=track.lost,
        repaired=track.repaired,
        nacks=track.nacks,
        plis=track.keyframe_requests,
        jitter=track.jitter / track.rate,
        bitrate=bitrate,
    )


def slot_statistics(slot: ForwardedTrack, bitrate: int) -> ForwardedTrackStatistics:
    """Of a sent track; `bitrate` is that of the last second."""
    return ForwardedTrackStatistics(
        packets=slot.packets,
        bytes=slot.bytes,
        retransmitted=slot.rtx.packets,
        nacks=slot.rtx.nacks,
        plis=slot.plis,
        lost=slot.reports.lost,
        fraction_lost=slot.reports.fraction_lost,
        bitrate=bitrate,
    )
