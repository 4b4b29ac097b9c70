"""The lead learnt from acknowledgements."""

from __future__ import annotations

from server.wire.round_trip import MAX_LEAD_MS, MIN_LEAD_MS, RoundTrip


def play(trip: RoundTrip, reply: int, late_ms: list[float], began_ms: float = 0.0) -> None:
    trip.sent(reply, began_ms)
    for index, late in enumerate(late_ms, 1):
        trip.acknowledged(reply, 100.0 * index, began_ms + 100.0 * index + late)


def test_a_near_client_gets_the_least_lead() -> None:
    trip = RoundTrip()
    play(trip, 1, [60.0] * 10)
    play(trip, 2, [60.0] * 10, 5_000.0)
    assert trip.round_trip_ms == 60.0
    assert trip.lead_ms() == MIN_LEAD_MS


def test_a_far_client_gets_twice_its_round_trip_and_its_jitter() -> None:
    trip = RoundTrip()
    for reply in range(1, 30):
        play(trip, reply, [250.0, 290.0] * 20, 10_000.0 * reply)
    trip.sent(30, 1e6)
    assert trip.round_trip_ms == 250.0
    assert 35.0 < trip.jitter_ms < 45.0
    assert trip.lead_ms() == 2 * 250.0 + trip.jitter_ms


def test_a_stalled_client_does_not_get_ever_more() -> None:
    trip = RoundTrip()
    play(trip, 1, [9_000.0])
    trip.sent(2, 20_000.0)
    assert trip.lead_ms() == MAX_LEAD_MS


def test_what_does_not_belong_to_the_reply_is_left_out() -> None:
    trip = RoundTrip()
    trip.sent(2, 1_000.0)
    trip.acknowledged(1, 100.0, 9_000.0)
    trip.acknowledged(2, 0.0, 9_000.0)
    trip.sent(3, 10_000.0)
    assert (trip.round_trip_ms, trip.jitter_ms) == (0.0, 0.0)
