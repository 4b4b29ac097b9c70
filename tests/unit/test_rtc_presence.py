"""Whether a call's other end is there."""

from __future__ import annotations

from server.rtc.call_presence import ABSENT_LOOKS, LOOK_S, CallPresence


class Looked:
    """A presence that is looked at, and the time that goes by."""

    def __init__(self) -> None:
        self.presence = CallPresence()
        self.now_s = 100.0

    def look(self, count: int, *, packets: bool = False, audio: bool = False) -> int:
        """Look so often, with packets or audio between the looks or without; return how often it had left."""
        left = 0
        for _ in range(count):
            self.now_s += LOOK_S
            self.received_s = self.now_s if packets or audio else self.received_s
            self.audio_s = self.now_s if audio else self.audio_s
            left += self.presence.look(self.received_s, self.audio_s)
        return left

    received_s: float | None = None
    audio_s: float | None = None


def test_a_peer_of_whom_nothing_comes_has_left_once() -> None:
    one = Looked()
    assert one.look(100, audio=True) == 0
    assert one.look(ABSENT_LOOKS - 1) == 0
    assert one.look(1) == 1
    assert one.look(100) == 0
    assert one.look(1, audio=True) == 0
    assert one.look(ABSENT_LOOKS) == 1


def test_one_that_sends_no_sound_is_not_missed_between_its_packets() -> None:
    one = Looked()
    one.look(100, audio=True)
    assert one.look(ABSENT_LOOKS) == 1
    for _ in range(10):
        assert one.look(1, packets=True) + one.look(19) == 0


def test_what_was_never_there_has_not_left() -> None:
    assert Looked().look(100) == 0


def test_who_only_sends_no_sound_is_alive_and_who_sends_nothing_was_when_it_last_did() -> None:
    one = Looked()
    assert one.presence.alive_s(one.now_s) is None
    one.look(10, audio=True)
    there_s = one.now_s
    one.look(40)
    assert one.presence.alive_s(one.now_s) == there_s
    one.look(1, packets=True)
    assert one.presence.alive_s(one.now_s + 1.0) == one.now_s + 1.0
