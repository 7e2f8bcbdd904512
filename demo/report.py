"""The report of the automatic demonstration, with every figure that is out of its limits."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from demo.browser import Received
from demo.synthetic_media import LARGE

# Limits on two cores that also encode and decode for both browsers. Times are multiplied by `EncoderProbe.slowness`,
# how much slower than usual this machine was just before the call.
LEAST_FPS = 8
LEAST_LEVEL = 0.005
MOST_FROZEN_S = 2.0
# Frames a second in the recording: Opus packets of 20 ms, and what a camera can have sent.
RATES = {"audio": (45, 55), "video": (LEAST_FPS, 35)}
LONGEST_ANSWER_MS = 4000
MOST_MISSING_S = 1.0
# Share of a call that browsers may leave out, for each unit of slowness: without processor time they send nothing for
# moments, and the record declares a gap. With half of each of two cores (2.1 times slower) it was 0.2.
MOST_UNSENT = 0.3
CONTINUOUS = ("customer-1.camera", "customer-1.microphone", "specialist-1.camera", "specialist-1.microphone")
TRACKS = (*CONTINUOUS, "cobrowse")


@dataclass
class CallReport:
    """How the call went. `problems` names in words everything that is out of its limits.

    `picture` is the width and height that the cameras have, `why` the reason for that size, and `slowness` how many
    times longer than usual this machine needs for a picture.
    """

    session: str = ""
    picture: tuple[int, int] = LARGE
    why: str = ""
    slowness: float = 1.0
    answer_to_media_ms: int | None = None
    kiosk: Received | None = None
    console: Received | None = None
    tracks: list[dict[str, Any]] = field(default_factory=list)
    cobrowse_events: int = 0
    documents: list[dict[str, Any]] = field(default_factory=list)
    replay_url: str = ""
    verified: bool = False
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """True when everything is as it must be."""
        return not self.problems

    def json(self) -> str:
        """The report as one line."""
        return json.dumps(
            {
                "ok": self.ok,
                "session": self.session,
                "picture": _size(self.picture),
                "why": self.why,
                "slowness": round(self.slowness, 2),
                "answer_to_media_ms": self.answer_to_media_ms,
                "kiosk": asdict(self.kiosk) if self.kiosk else None,
                "console": asdict(self.console) if self.console else None,
                "recording": {"tracks": self.tracks},
                "cobrowse": {"events": self.cobrowse_events},
                "documents": self.documents,
                "replay_url": self.replay_url,
                "verified": self.verified,
                "problems": self.problems,
            },
            ensure_ascii=False,
        )

    def sentences(self) -> str:
        """The report for a person."""
        lines = [f"Session {self.session or '(none)'}"]
        if self.why:
            lines.append(f"  cameras of {_size(self.picture)}: {self.why}")
        if self.answer_to_media_ms is not None:
            lines.append(f"  from the answer to moving pictures on both sides: {self.answer_to_media_ms} ms")
        for name, media in (("customer", self.kiosk), ("specialist", self.console)):
            if media is not None:
                size = f"{media.width}x{media.height}"
                lines.append(f"  the {name} got {media.video_frames} frames of {size}, sound level {media.audio_level}")
        lines += [
            f"  recorded {track['name']}: {track['seconds']:.1f} s in {track['segments']} segments"
            for track in self.tracks
        ]
        lines.append(f"  co-browse events: {self.cobrowse_events}, documents: {len(self.documents)}")
        lines.append(f"  recording verified: {'yes' if self.verified else 'no'}")
        lines += [f"  NOT AS IT MUST BE: {problem}" for problem in self.problems]
        return "\n".join(lines)


def read_journal(report: CallReport, entries: Sequence[tuple[str, dict[str, Any]]]) -> None:
    """Fill in what the journal (kind and payload of each entry) says of tracks, co-browsing and documents."""
    segments: Counter[str] = Counter()
    frames: Counter[str] = Counter()
    unsent_ms: Counter[str] = Counter()
    documents: dict[str, dict[str, Any]] = {}
    for kind, event in entries:
        if kind == "segment_sealed":
            segments[event["track"]] += 1
            frames[event["track"]] += event["frames"]
        elif kind == "gap_declared" and event["reason"] == "no_media":
            unsent_ms[event["track"]] += event["end_ms"] - event["start_ms"]
        elif kind == "recording_completed":
            report.tracks = [
                {"name": track["track"], "kind": track["kind"], "seconds": track["recorded_ms"] / 1000}
                for track in event["tracks"]
            ]
        elif kind == "document_stored":
            kept = ("sha256", "size", "media_type", "width", "height")
            documents[event["document"]] = {"state": "stored", **{name: event[name] for name in kept}}
        elif kind == "document_decided" and event["document"] in documents:
            documents[event["document"]]["state"] = "accepted" if event["accepted"] else "rejected"
    for track in report.tracks:
        track["segments"] = segments[track["name"]]
        track["frames"] = frames[track["name"]]
        track["unsent_s"] = unsent_ms[track["name"]] / 1000
    report.cobrowse_events = frames["cobrowse"]
    report.documents = list(documents.values())


def judge(report: CallReport) -> None:
    """Add to `problems` everything in the figures that is not as it must be."""
    if report.answer_to_media_ms is None:
        report.problems.append("no moving pictures came after the answer")
    elif report.answer_to_media_ms > LONGEST_ANSWER_MS * report.slowness:
        report.problems.append(f"moving pictures came {report.answer_to_media_ms} ms after the answer")
    for name, media in (("kiosk", report.kiosk), ("console", report.console)):
        report.problems += [f"the {name} {problem}" for problem in _media_problems(media, report)]
    report.problems += _recording_problems(report)
    if report.cobrowse_events < 1:
        report.problems.append("no co-browse event was recorded")
    if not any(document.get("state") == "accepted" for document in report.documents):
        report.problems.append("no document was accepted")
    if not report.verified:
        report.problems.append("the recording does not verify")


def _media_problems(media: Received | None, report: CallReport) -> list[str]:
    if media is None:
        return ["has no statistics"]
    problems = []
    if media.video_frames < LEAST_FPS * report.seconds:
        problems.append(f"decoded only {media.video_frames} frames in {report.seconds:.0f} s")
    if (media.width, media.height) != report.picture:
        problems.append(f"sees a picture of {media.width}x{media.height}")
    if media.audio_level < LEAST_LEVEL:
        problems.append(f"hears nothing (level {media.audio_level})")
    if media.frozen_s > MOST_FROZEN_S * report.slowness:
        problems.append(f"saw a frozen picture for {media.frozen_s} s")
    return problems


def _recording_problems(report: CallReport) -> list[str]:
    recorded = {track["name"]: track for track in report.tracks}
    missing = [f"{name} is not recorded" for name in TRACKS if name not in recorded]
    short = [
        f"{name} has only {track['seconds']:.1f} s of {report.seconds:.0f} s"
        for name, track in recorded.items()
        if name in CONTINUOUS and track["seconds"] + _unsent_s(track, report) < report.seconds - MOST_MISSING_S
    ]
    return missing + short + [problem for track in recorded.values() for problem in _rate_problems(track)]


def _unsent_s(track: dict[str, Any], report: CallReport) -> float:
    """Seconds of a track that were never sent because the machine is too slow for two browsers."""
    return min(float(track["unsent_s"]), max(0.0, report.slowness - 1) * MOST_UNSENT * report.seconds)


def _rate_problems(track: dict[str, Any]) -> list[str]:
    if track["name"] not in CONTINUOUS or not track["seconds"]:
        return []
    least, most = RATES[track["kind"]]
    rate = track["frames"] / track["seconds"]
    return [] if least <= rate <= most else [f"{track['name']} has {rate:.0f} frames a second in its recording"]


def _size(picture: tuple[int, int]) -> str:
    return f"{picture[0]}x{picture[1]}"
