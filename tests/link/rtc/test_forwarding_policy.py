"""The matrix as a table, and slots that do not jump."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from link.rtc.forwarding_policy import (
    AUDIO,
    HOLD,
    MONITOR,
    SPEAKING_S,
    TALK,
    VIDEO,
    ForwardingPolicy,
    Setting,
    Source,
    whisper,
)

MICROPHONE, CAMERA, AUXILIARY = "microphone", "camera", "auxiliary"
STAFF = ("specialist", "interpreter", "second_specialist", "guide", "supervisor")
TRACKS = {"kiosk": (MICROPHONE, CAMERA, AUXILIARY)} | dict.fromkeys(STAFF, (MICROPHONE, CAMERA))
THREE = ("kiosk", "specialist", "supervisor")
NEVER: dict[str, float] = {}


def matrix(**settings: Setting) -> ForwardingPolicy:
    made = ForwardingPolicy(TRACKS)
    for participant, setting in settings.items():
        made.set(participant, setting)
    return made


Cells = set[tuple[str, str]]


def cells(made: ForwardingPolicy, sense: str) -> Cells:
    return {(to, of) for to, of in itertools.product(THREE, THREE) if getattr(made, sense)(to, of)}


BOTH = {("kiosk", "specialist"), ("specialist", "kiosk")}
TO_SUPERVISOR = {("supervisor", "kiosk"), ("supervisor", "specialist")}
OF_SUPERVISOR = {("kiosk", "supervisor"), ("specialist", "supervisor")}


@pytest.mark.parametrize(
    ("kiosk", "supervisor", "hears", "sees"),
    [
        pytest.param(
            TALK, TALK, BOTH | TO_SUPERVISOR | OF_SUPERVISOR, BOTH | TO_SUPERVISOR | OF_SUPERVISOR, id="barge"
        ),
        pytest.param(TALK, MONITOR, BOTH | TO_SUPERVISOR, BOTH | TO_SUPERVISOR, id="monitor"),
        pytest.param(
            TALK,
            whisper("specialist"),
            BOTH | TO_SUPERVISOR | {("specialist", "supervisor")},
            BOTH | TO_SUPERVISOR,
            id="whisper",
        ),
        pytest.param(HOLD, HOLD, set(), set(), id="hold"),
        pytest.param(
            HOLD, MONITOR, {("supervisor", "specialist")}, {("supervisor", "specialist")}, id="hold hides from monitors"
        ),
    ],
)
def test_settings(kiosk: Setting, supervisor: Setting, hears: Cells, sees: Cells) -> None:
    made = matrix(kiosk=kiosk, specialist=TALK, supervisor=supervisor)
    assert cells(made, "hears") == hears
    assert cells(made, "sees") == sees


def test_who_has_no_setting_is_on_hold_and_strangers_are_refused() -> None:
    made = matrix(kiosk=TALK)
    assert not made.hears("supervisor", "kiosk")
    assert not made.hears("kiosk", "supervisor")
    assert not made.hears("kiosk", "kiosk")
    with pytest.raises(ValueError):
        made.set("burglar", TALK)


def test_sources_come_in_order_of_rank_and_of_those_present_only() -> None:
    made = matrix(kiosk=TALK, specialist=TALK, supervisor=MONITOR, interpreter=TALK)
    assert made.sources("specialist", {"kiosk", "specialist", "supervisor"}) == [
        Source("kiosk", MICROPHONE),
        Source("kiosk", CAMERA),
        Source("kiosk", AUXILIARY),
    ]
    assert [s.participant for s in made.sources("kiosk", TRACKS) if s.kind == "audio"] == ["specialist", "interpreter"]


def test_a_track_that_somebody_may_not_get_takes_no_slot() -> None:
    deaf_to_documents = Setting(receives=frozenset({MICROPHONE, CAMERA}))
    made = matrix(kiosk=TALK, specialist=TALK, interpreter=deaf_to_documents)
    assert made.sees("interpreter", "kiosk")
    assert not made.reaches("interpreter", "kiosk", AUXILIARY)
    assert made.reaches("specialist", "kiosk", AUXILIARY)
    assert Source("kiosk", AUXILIARY) not in made.sources("interpreter", TRACKS)


def test_two_find_each_other_where_their_pages_look() -> None:
    made = matrix(kiosk=TALK, specialist=TALK)
    present = ("kiosk", "specialist")
    at_kiosk = made.places("kiosk").assign(made.sources("kiosk", present), NEVER, 0.0)
    at_desk = made.places("specialist").assign(made.sources("specialist", present), NEVER, 0.0)
    assert at_kiosk == {"audio0": ("specialist", MICROPHONE), "video0": ("specialist", CAMERA)}
    assert at_desk == {
        "audio0": ("kiosk", MICROPHONE),
        "video0": ("kiosk", CAMERA),
        "video1": ("kiosk", AUXILIARY),
    }


def sounds(*participants: str) -> list[Source]:
    return [Source(participant, MICROPHONE) for participant in TRACKS if participant in participants]


def test_nobody_moves_when_somebody_joins_or_leaves() -> None:
    places = matrix().places("kiosk")
    first = places.assign(sounds("supervisor"), NEVER, 0.0)
    assert first == {"audio1": ("supervisor", MICROPHONE)}
    second = places.assign(sounds("supervisor", "specialist", "interpreter"), NEVER, 1.0)
    assert second == first | {"audio0": ("specialist", MICROPHONE), "audio2": ("interpreter", MICROPHONE)}
    assert places.assign(sounds("interpreter"), NEVER, 2.0) == {"audio2": ("interpreter", MICROPHONE)}
    # Who comes back finds the old slot, and a newcomer does not take it away while another is free.
    assert places.assign(sounds("interpreter", "supervisor"), NEVER, 3.0)["audio1"] == ("supervisor", MICROPHONE)


def test_six_take_turns_by_who_speaks() -> None:
    places = matrix().places("specialist")
    everybody = sounds("kiosk", "interpreter", "second_specialist", "guide", "supervisor")

    def heard(now: float, **spoke: float) -> list[str]:
        taken = places.assign(everybody, spoke, now)
        assert taken["audio0"].participant == "kiosk"
        return [taken[slot].participant for slot in ("audio1", "audio2")]

    assert heard(0.0) == ["interpreter", "second_specialist"]
    assert [source.participant for source in places.waiting] == ["guide", "supervisor"]
    assert heard(10.0, supervisor=10.0, second_specialist=8.0) == ["supervisor", "second_specialist"]
    assert heard(12.0, supervisor=10.0, second_specialist=8.0) == ["supervisor", "second_specialist"], "nobody speaks"
    assert heard(13.0, guide=13.0, supervisor=12.5, second_specialist=8.0) == ["supervisor", "guide"]
    # All slots speak: a lower rank waits, a higher one takes the place of the lowest.
    assert heard(14.0, guide=14.0, supervisor=14.0, interpreter=14.0) == ["interpreter", "guide"]
    assert heard(15.0, guide=15.0, supervisor=15.0, interpreter=15.0) == ["interpreter", "guide"]


def test_slots_do_not_flicker() -> None:
    places = matrix().places("specialist")
    everybody = [Source(name, track) for name in TRACKS if name != "specialist" for track in (MICROPHONE, CAMERA)]
    spoke = {"guide": 10.0}
    assert places.assign(everybody, {}, 0.0)["video2"].participant == "interpreter"
    assert places.assign(everybody, spoke, 10.0)["video2"].participant == "guide"
    spoke |= {"interpreter": 11.5}
    soon = places.assign(everybody, spoke, 11.5)
    assert soon["video2"].participant == "guide", "a picture stays for two seconds"
    assert {soon["audio1"].participant, soon["audio2"].participant} == {"guide", "interpreter"}
    spoke |= {"interpreter": 12.1}
    assert places.assign(everybody, spoke, 12.1)["video2"].participant == "interpreter"


_comings = st.lists(
    st.tuples(
        st.sets(st.sampled_from(STAFF)),
        st.dictionaries(st.sampled_from(STAFF), st.floats(0, 3)),
        st.floats(0.01, 3),
    ),
    max_size=30,
)


@given(_comings)
def test_whatever_happens_slots_are_used_well(comings: list[tuple[set[str], dict[str, float], float]]) -> None:
    """No source twice, no slot idle while one waits, and a slot changes only for one who speaks."""
    places = matrix().places("kiosk")
    now, before = 0.0, dict[str, Source]()
    for present, ago, passed in comings:
        now += passed
        wanted = [Source(name, track) for name in TRACKS if name in present for track in TRACKS[name]]
        spoke = {name: now - seconds for name, seconds in ago.items()}
        taken = places.assign(wanted, spoke, now)
        assert len(set(taken.values())) == len(taken)
        assert set(taken.values()) | set(places.waiting) == set(wanted)
        assert not set(taken.values()) & set(places.waiting)
        for kind, slots in (("audio", AUDIO), ("video", VIDEO)):
            fixed = f"{kind}0"
            assert taken.get(fixed, ("specialist",))[0] == "specialist"
            if any(source.kind == kind for source in places.waiting):
                assert all(slot in taken for slot in slots if slot != fixed)
        for slot, source in before.items():
            if source in wanted and taken.get(slot) != source:
                assert now - spoke.get(taken[slot].participant, float("-inf")) < SPEAKING_S
                assert source in places.waiting
        before = taken
