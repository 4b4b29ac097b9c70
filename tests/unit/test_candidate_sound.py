"""How the candidate's sound is counted, and a client that sends faster than real time told, and let go."""

from __future__ import annotations

from server.protocol.wire_session import SessionInfo, WireSession
from server.wire.candidate_sound import CandidateSound


def counted() -> CandidateSound:
    wire = WireSession(SessionInfo(id="sess_1", card_id="any", expires_at_s=0))
    return CandidateSound(wire)


def test_sound_is_counted_in_milliseconds_whenever_it_came() -> None:
    sound = counted()
    for place in range(50):
        sound.add(480, 10.0 + place)
    assert (sound.received_ms(), sound.last_s) == (1_000.0, 59.0)
    sound.add(1, 60.0)
    assert sound.received_ms() == 1_000.042


def test_a_client_that_is_too_fast_is_told_once_a_second() -> None:
    sound = counted()
    assert [sound.refuse(480, 5.0 + place / 4) for place in range(9)] == [True] + [False, False, False, True] * 2


def test_one_that_never_slows_down_is_hopeless_after_ten_seconds_of_sound() -> None:
    sound = counted()
    for _ in range(500):
        sound.refuse(480, 5.0)
        assert not sound.hopeless
    sound.refuse(480, 5.0)
    assert sound.hopeless
