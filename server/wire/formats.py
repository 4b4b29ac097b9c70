"""Which formats of audio a client may not have: those that are none, and others once there was audio."""

from __future__ import annotations

from collections.abc import Iterator

from audio.frames import ACCEPTED_HZ
from server.protocol.client_events import AudioFormatUpdate, SessionUpdate
from server.protocol.encodings import Encoding, rates_of
from server.protocol.refusal import Code, Refused
from server.protocol.wire_session import WireSession


def unfit_formats(message: SessionUpdate, wire: WireSession, *, begun: bool) -> list[Refused]:
    """Return why fields of the formats in these settings can't be taken; `begun`: the role-play has started."""
    audio = message.session.audio
    found: list[Refused] = []
    if audio is not None and audio.input is not None and (heard := audio.input.format) is not None:
        known = (wire.input_encoding, wire.input_hz)
        found += _unfit("input", heard, wire.input_with(heard), known if begun else None, others=ACCEPTED_HZ)
    if audio is not None and audio.output is not None and (spoken := audio.output.format) is not None:
        known = (wire.output_encoding, rates_of(wire.output_encoding)[0])
        found += _unfit("output", spoken, wire.output_with(spoken), known if begun else None)
    for refused in found:
        refused.client_event_id = message.event_id
    return found


def _unfit(
    way: str,
    wanted: AudioFormatUpdate,
    meant: tuple[Encoding, int],
    fixed: tuple[Encoding, int] | None,
    *,
    others: tuple[int, ...] = (),
) -> Iterator[Refused]:
    path, (encoding, rate_hz) = f"session.audio.{way}.format", meant
    if fixed is not None and meant != fixed:
        for name, before, after in zip(("type", "rate"), fixed, meant, strict=True):
            if before != after and name in wanted.model_fields_set:
                yield Refused(
                    f"the {name} can't be changed once the role-play has started; set it before the first sound",
                    code=Code.TOO_LATE,
                    param=f"{path}.{name}",
                )
    elif rate_hz not in rates_of(encoding, *others):
        known = " or ".join(map(str, rates_of(encoding, *others)))
        yield Refused(
            f"{encoding} has {known} samples a second here; leave the rate out",
            code=Code.UNSUPPORTED,
            param=f"{path}.rate",
        )
