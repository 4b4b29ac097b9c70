"""What a caller truly got of the patient's words: what the server sent, frame by frame, and what a relay passed on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from audio.frames import WIRE_HZ, samples_for
from server.host import Server
from server.rtc.call import Call
from server.rtc.outbound import SentFrame
from tests.rtc.relay import Relay

PACKET = 960  # of the RTP clock
FRAME = samples_for(20.0, WIRE_HZ)


@dataclass(frozen=True, slots=True)
class Sent:
    """A frame of a reply's audio that left the server: samples of the reply, and whether it arrived."""

    reply: int
    start: int
    end: int
    arrived: bool


@dataclass
class Truth:
    """The frames of one call as they were sent; `watch` it before its audio begins."""

    relay: Relay
    frames: list[tuple[int, SentFrame]] = field(default_factory=list)  # number of the packet

    def watch(self, call: Call) -> None:
        """Note each frame that the call's track makes."""
        track, make = call.peer.track, call.peer.track.audio.frame

        def frame() -> SentFrame:
            made = make()
            self.frames.append((track._number, made))
            return made

        track.audio.frame = frame  # type: ignore[method-assign]

    def sent(self) -> Iterator[Sent]:
        """Yield what was sent of replies, in order."""
        if not self.relay.told or not self.frames:
            return
        origin, first = self.relay.told[0][0], self.frames[0][0]
        arrived = {((at - origin) % 2**32) // PACKET + first: passed for at, passed in self.relay.told}
        places: dict[int, int] = {}
        for number, frame in self.frames:
            if frame.reply is None:
                continue
            before = places.get(frame.reply, 0)
            places[frame.reply] = frame.place
            start = before if before <= frame.place <= before + FRAME else frame.place - FRAME
            if start < frame.place:
                yield Sent(frame.reply, start, frame.place, arrived.get(number, False))


def watching(server: Server, relay: Relay, known: set[str]) -> Truth:
    """Watch the server's newest call, which goes by this relay; `known` are the calls before."""
    (new,) = set(server.calls._calls) - known
    known.add(new)
    truth = Truth(relay)
    truth.watch(server.calls._calls[new][1])
    return truth


@dataclass(frozen=True, slots=True)
class Got:
    """What a caller got of one reply, in milliseconds of its audio."""

    whole: float
    lost: list[float]  # each stretch of it that never came
    twice: list[float]  # each stretch that came once more


def got(frames: list[Sent]) -> dict[int, Got]:
    """Return what came of each reply."""
    found = {}
    for reply in dict.fromkeys(one.reply for one in frames):
        own = [one for one in frames if one.reply == reply]
        end = max(one.end for one in own)
        times = [0] * end
        for one in own:
            if one.arrived:
                for place in range(one.start, one.end):
                    times[place] += 1
        found[reply] = Got(
            1000.0 * end / WIRE_HZ,
            _stretches([count == 0 for count in times]),
            _stretches([count > 1 for count in times]),
        )
    return found


def _stretches(those: list[bool]) -> list[float]:
    lengths, length = [], 0
    for one in [*those, False]:
        if one:
            length += 1
        elif length:
            lengths.append(1000.0 * length / WIRE_HZ)
            length = 0
    return lengths
