"""Who may open sessions: the bucket of each network, and which reservation gives way when all places are taken."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio.clock import LoopClock
from common.errors import CapacityError, RateError
from server.metrics import Metrics
from server.sessions.admission import Admission, Reservation, gives_way
from server.sessions.rate_limit import RateLimit, network_of
from server.settings.reservations import ReservationSettings
from server.settings.tree import ServerSettings


class Seconds:
    """A clock that is set by hand."""

    now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Seconds:
    return Seconds()


def limit(clock: Seconds, *, most_networks: int = 100, burst: int = 3, per_minute: float = 6) -> RateLimit:
    return RateLimit(ReservationSettings(burst=burst, per_minute=per_minute), now_s=clock, most_networks=most_networks)


def taken(bucket: RateLimit, network: str, asked: int) -> int:
    """Return how many of so many requests at once get a token."""
    count = 0
    for _ in range(asked):
        if not bucket.wait_s(network):
            bucket.take_token(network)
            count += 1
    return count


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix", "unix"),
        ("x" * 10_000, "x" * 64),
        ("", ""),
        (None, ""),
    ],
)
def test_the_network_of_an_address(host: str | None, network: str) -> None:
    assert network_of(host) == network


def test_a_burst_is_let_in_and_then_one_each_time_a_token_is_there(clock: Seconds) -> None:
    bucket = limit(clock)
    assert taken(bucket, "a", 1_000) == 3
    assert bucket.wait_s("a") == 10
    clock.now_s += 9.5
    assert bucket.wait_s("a") == 1
    clock.now_s += 0.5
    assert taken(bucket, "a", 1_000) == 1
    clock.now_s += 86_400
    assert taken(bucket, "a", 1_000) == 3  # no more is saved up than a burst


def test_one_network_does_not_use_up_anothers(clock: Seconds) -> None:
    bucket = limit(clock)
    assert taken(bucket, "a", 10) == 3
    assert taken(bucket, "b", 10) == 3


def test_asking_costs_nothing_and_is_not_remembered(clock: Seconds) -> None:
    bucket = limit(clock)
    for number in range(1_000):
        assert bucket.wait_s(f"network {number}") == 0
    assert len(bucket) == 0


def test_what_is_remembered_is_bounded_and_the_least_recent_goes_first(clock: Seconds) -> None:
    bucket = limit(clock, most_networks=10)
    assert taken(bucket, "a", 10) == 3
    for number in range(9):
        bucket.take_token(f"network {number}")
    assert (len(bucket), bucket.wait_s("a")) == (10, 10)
    bucket.take_token("one more")
    assert (len(bucket), bucket.wait_s("a")) == (10, 0)


def test_no_rate_is_no_limit(clock: Seconds) -> None:
    assert taken(limit(clock, per_minute=0), "a", 1_000) == 1_000


def held(**networks: int) -> list[Reservation]:
    """Return so many reservations of each network, made one a millisecond from 1,000 ms on; "developer" is none."""
    names = [name for name, count in networks.items() for _ in range(count)]
    return [
        Reservation(f"{name}{place}", None if name == "developer" else name, 1_000.0 + place)
        for place, name in enumerate(names)
    ]


def who(reservations: list[Reservation], asking: str | None, *, overdue_before_ms: float = 0.0, firm: int = 1) -> str:
    return gives_way(reservations, asking, overdue_before_ms=overdue_before_ms, firm=firm) or "nobody"


def test_an_address_that_only_asks_makes_room_for_every_other() -> None:
    places = held(attacker=16)
    for candidate in range(15):
        gone = who(places, f"candidate{candidate}")
        assert gone == f"attacker{15 - candidate}"  # the latest
        places = [one for one in places if one.session_id != gone]
        places.append(Reservation(f"candidate{candidate}", f"candidate{candidate}", 2_000.0 + candidate))
        assert who(places, "attacker") == "nobody"  # and takes nothing back
    assert who(places, "the last") == "nobody"  # each has one


def test_nobody_is_turned_out_for_those_who_have_as_many() -> None:
    assert who(held(a=1, b=1, c=1), "d") == "nobody"
    assert who(held(a=3, b=2), "b") == "nobody"  # one more would be as many as a keeps
    assert who(held(a=4, b=2), "b") == "a3"
    assert who(held(a=8), "a") == "nobody"


def test_a_class_that_is_firm_keeps_its_places() -> None:
    assert who(held(school=16), "b", firm=16) == "nobody"
    assert who(held(school=17), "b", firm=16) == "school16"


def test_who_should_have_come_by_now_makes_room_for_anybody_the_oldest_first() -> None:
    assert who(held(a=2, b=1), "a", overdue_before_ms=1_001.0) == "a0"
    assert who(held(a=1, b=1), "a", overdue_before_ms=1_001.0) == "a0"  # also of their own
    assert who(held(developer=2), "a", overdue_before_ms=1_001.0) == "developer0"


def test_who_has_joined_and_not_begun_counts_like_who_has_not_joined() -> None:
    joined = [replace(one, joined_ms=5_000.0) for one in held(attacker=3)]
    assert who(joined, "b") == "attacker2"
    # Whoever has joined has prepared already: those who still read their card go first.
    assert who([*joined[:2], held(attacker=3)[2]], "b") == "attacker2"
    assert who([held(attacker=3)[0], *joined[1:]], "b") == "attacker0"
    assert who(joined[:1], "b") == "nobody"


def test_who_has_joined_has_a_time_of_their_own_to_begin() -> None:
    joined = [replace(one, joined_ms=5_000.0) for one in held(a=1, developer=1)]
    assert gives_way(joined, "a", overdue_before_ms=9_000.0, joined_before_ms=5_000.0) is None
    assert gives_way(joined, "a", overdue_before_ms=0.0, joined_before_ms=5_001.0) == "a0"
    assert gives_way(joined[1:], "a", overdue_before_ms=0.0, joined_before_ms=5_001.0) == "developer1"


def test_a_developer_is_given_room_and_gives_none() -> None:
    assert who(held(a=2), None) == "a1"
    assert who(held(a=1), None) == "nobody"
    assert who(held(developer=9), "a") == "nobody"
    assert who([], "a") == "nobody"


@given(st.lists(st.sampled_from("abcd"), max_size=24), st.sampled_from("abcde"), st.integers(1, 5))
def test_whoever_gives_way_keeps_no_less_than_whoever_is_given_room(
    networks: list[str], asking: str, firm: int
) -> None:
    places = [Reservation(str(place), name, float(place)) for place, name in enumerate(networks)]
    gone = gives_way(places, asking, overdue_before_ms=-1.0, firm=firm)
    if gone is not None:
        loser = networks[int(gone)]
        assert networks.count(loser) - 1 >= max(firm, networks.count(asking) + 1)


class HandClock(LoopClock):
    """A clock that is set by hand."""

    at_ms = 1_000_000.0

    def now_ms(self) -> float:
        return self.at_ms


class Door:
    """An admission with its clock, its metrics and the reservations that nobody has joined."""

    def __init__(self, places: int, **reservations: float) -> None:
        settings = ServerSettings.model_validate({"max_sessions": places, "reservations": reservations})
        self.clock, self.metrics = HandClock(), Metrics("0", gpu_utilization=dict)
        self.admission = Admission(settings, prepare_s=180, clock=self.clock, metrics=self.metrics)
        self.waiting: list[Reservation] = []

    def ask(self, network: str | None, *, running: int = 0, line: str | None = None) -> str | None:
        """Ask for a session, and open it where that may be; return whose reservation gave way."""
        taken = running + len(self.waiting)
        gone = self.admission.admit(network, taken=taken, waiting=self.waiting, line=line)
        self.waiting = [one for one in self.waiting if one.session_id != gone]
        self.admission.admitted(network)
        self.clock.at_ms += 1.0
        self.waiting.append(Reservation(f"{network}{len(self.waiting)}", network, self.clock.at_ms))
        return gone

    def counted(self, result: str) -> float | None:
        return self.metrics.registry.get_sample_value("voice_admissions_total", {"result": result})


def test_places_are_given_until_they_are_taken() -> None:
    door = Door(2)
    assert [door.ask("a"), door.ask("b")] == [None, None]
    with pytest.raises(CapacityError, match="all places are taken; try again in 10 seconds") as refused:
        door.ask("c")
    assert (refused.value.code, refused.value.retry_after_s) == ("capacity.full", 10)
    door.admission.places = 3
    assert door.ask("c") is None
    assert (door.counted("admitted"), door.counted("full")) == (3, 1)
    assert door.metrics.registry.get_sample_value("voice_session_capacity") == 3


def test_what_sessions_take_besides_counts_as_taken() -> None:
    door = Door(3)
    door.admission.taken_besides = lambda: 1.0
    assert door.ask("a", running=1) is None
    with pytest.raises(CapacityError):
        door.ask("b", running=1)


def test_a_reservation_gives_way_when_all_places_are_taken() -> None:
    door = Door(3)
    assert [door.ask("a") for _ in range(3)] == [None] * 3
    assert door.ask("b") == "a2"
    assert door.counted("admitted") == 4


def test_a_reservation_is_overdue_once_its_preparation_and_the_spare_time_are_over() -> None:
    door = Door(1, spare_s=10)
    door.ask("a")
    door.clock.at_ms += 190_000.0
    with pytest.raises(CapacityError):
        door.ask("a")
    door.clock.at_ms += 1.0
    assert door.ask("a") == "a0"


def test_only_what_was_opened_counts_for_the_rate() -> None:
    door = Door(1, burst=2, per_minute=1)
    door.ask("a")
    for _ in range(9):
        with pytest.raises(CapacityError, match="all places"):
            door.ask("a")
    door.admission.places = 9
    door.ask("a")
    with pytest.raises(RateError, match="try again in 60 seconds"):
        door.ask("a")
    assert door.ask(None) is None  # a developer has no limits
    assert door.counted("limited") == 1


def test_nobody_is_let_in_before_a_stop() -> None:
    door = Door(9)
    door.admission.draining = True
    with pytest.raises(CapacityError) as refused:
        door.ask(None)
    assert (refused.value.code, door.counted("draining")) == ("capacity.draining", 1)


def test_a_page_that_was_left_makes_room_at_once_and_one_that_fell_silent_soon() -> None:
    door = Door(2, silent_s=15)
    door.ask("a")
    door.ask("b")
    first, second = door.waiting
    door.waiting = [replace(first, seen_ms=door.clock.at_ms), second]
    with pytest.raises(CapacityError):
        door.ask("c")
    door.waiting = [first, replace(second, seen_ms=door.clock.at_ms, away=True)]
    assert door.ask("c") == second.session_id
    door.waiting = [replace(first, seen_ms=door.clock.at_ms), door.waiting[-1]]
    door.clock.at_ms += 15_001.0
    assert door.ask("a") == first.session_id  # also of those of the same address


class Waiting:
    """Somebody in the line of a full server."""

    def __init__(self, door: Door, network: str, running: int) -> None:
        self.door, self.network, self.running = door, network, running
        self.ticket = ""

    def asks(self, *, running: int | None = None) -> int:
        """Return where one stands now; 0: let in."""
        try:
            self.door.ask(self.network, running=self.running if running is None else running, line=self.ticket)
        except CapacityError as error:
            self.ticket, position = str(error.told["line"]), error.told["position"]
            assert isinstance(position, int)
            return position
        return 0


def test_those_who_wait_are_let_in_in_their_order() -> None:
    door = Door(2)
    one, two, late = (Waiting(door, name, 2) for name in "abc")
    with pytest.raises(CapacityError) as refused:
        door.ask("d", running=2)
    assert refused.value.told == {"speaking": 2, "preparing": 0}
    assert [one.asks(), two.asks(), two.asks(), one.asks()] == [1, 2, 2, 1]
    # A place is free: it is for whoever stands first, and nobody else.
    assert [late.asks(running=1), two.asks(running=1), one.asks(running=1)] == [3, 2, 0]


def test_a_class_at_one_address_and_a_stranger_take_turns() -> None:
    door = Door(1)
    school = [Waiting(door, "school", 1) for _ in range(5)]
    assert [pupil.asks() for pupil in school] == [1, 2, 3, 4, 5]
    assert Waiting(door, "home", 1).asks() == 2
    assert [pupil.asks() for pupil in school] == [1, 3, 4, 5, 6]


def test_whoever_asks_no_more_has_left_the_line() -> None:
    door = Door(1)
    one, two = Waiting(door, "a", 1), Waiting(door, "b", 1)
    assert [one.asks(), two.asks()] == [1, 2]
    door.clock.at_ms += 9_000.0
    assert two.asks() == 2
    door.clock.at_ms += 2_000.0
    assert two.asks() == 1


def test_a_program_that_only_asks_stands_in_no_line() -> None:
    door = Door(1)
    for _ in range(3):
        with pytest.raises(CapacityError) as refused:
            door.ask("a", running=1)
        assert refused.value.told == {"speaking": 1, "preparing": 0}
    assert Waiting(door, "b", 1).asks() == 1
