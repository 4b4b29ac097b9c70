"""How the candidate's audio is counted, and a client that sends faster than real time told, and let go."""

from __future__ import annotations

from server.protocol.wire_session import SessionInfo, WireSession
from server.wire.candidate_sound import CandidateAudio


def counted() -> CandidateAudio:
    wire = WireSession(SessionInfo(id="sess_1", card_id="any", expires_at_s=0))
    return CandidateAudio(wire)


def test_sound_is_counted_in_milliseconds_whenever_it_came() -> None:
    audio = counted()
    for place in range(50):
        audio.count_received(480, 10.0 + place)
    assert (audio.received_ms(), audio.last_s) == (1_000.0, 59.0)
    audio.count_received(1, 60.0)
    assert audio.received_ms() == 1_000.042


def test_a_client_that_is_too_fast_is_told_once_a_second() -> None:
    audio = counted()
    assert [audio.refuse(480, 5.0 + place / 4) for place in range(9)] == [True] + [False, False, False, True] * 2


def test_one_that_never_slows_down_is_hopeless_after_ten_seconds_of_sound() -> None:
    audio = counted()
    for _ in range(500):
        audio.refuse(480, 5.0)
        assert not audio.hopeless
    audio.refuse(480, 5.0)
    assert audio.hopeless
