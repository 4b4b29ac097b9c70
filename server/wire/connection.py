"""One realtime connection: a channel attached to a session; the client's messages in, the session's messages out.

However it ends, its session is told and no task is left behind.
"""

from __future__ import annotations

import asyncio

import structlog

from common.errors import AppError
from server.protocol import server_events as e
from server.protocol.binary import parse_candidate
from server.protocol.client_events import AppendAudio, parse_client_message
from server.protocol.refusal import Code, Refused
from server.protocol.wire_session import SessionInfo
from server.settings.tree import ServerSettings
from server.wire.channel import Channel, ChannelClosed, WebSocketChannel
from server.wire.client_messages import error_event
from server.wire.endings import CLOSE_CODES
from server.wire.live import LiveSession
from server.wire.outbox import CLOSE_S
from server.wire.ticket import Ticket
from server.wire.voice_output import BinaryVoice, MessageVoice, VoiceOutput

__all__ = ["CLOSE_CODES", "RealtimeConnection", "SessionInfo", "WebSocketChannel"]

logger = structlog.get_logger("server.wire.connection")

# A live client sends 50 frames and 10 acknowledgements a second.
MESSAGES_PER_S = 200.0
MESSAGES_BURST = 400.0  # what gathers in two seconds of a stalled network
# A client that sends more messages that can't be understood is broken.
MAX_BAD = 20
MAX_BINARY = 3
# A client sends something every second at least: after so long its network is gone, though nobody said so.
QUIET_S = 5.0
CLOSED_S = 0.5  # for a closed socket's reader to be told so
GOODBYE = 1000  # what a client closes with that does not come back
TAKEN = 4409


class RealtimeConnection:
    """A channel attached to a session; `voice` is how the patient's audio leaves on it, as messages unless given.

    With `binary`, audio goes both ways as binary messages (`server/protocol/binary.py`). A client that comes back is
    given up when it sent nothing for `quiet_s`.
    """

    def __init__(
        self,
        live: LiveSession,
        channel: Channel,
        *,
        settings: ServerSettings,
        idle_s: float = 120.0,
        quiet_s: float = QUIET_S,
        voice: VoiceOutput | None = None,
        ticket: Ticket | None = None,
        binary: bool = False,
    ) -> None:
        self.transport = channel.transport
        self.voice: VoiceOutput = voice or (BinaryVoice(live.link) if binary else MessageVoice(live.link))
        self._takes_binary = binary
        self._live = live
        self._channel = channel
        self._settings = settings
        self._idle_s = idle_s
        self._quiet_s = quiet_s
        self._ticket = ticket
        self._dismissed = asyncio.Event()
        self._tokens = MESSAGES_BURST
        self._tokens_at_s: float | None = None
        self._bad = 0
        self._binary = 0

    async def run(self) -> int:
        """Serve until the session is over or the connection gone; return the close code."""
        self._live.attach(self, self._ticket)
        writer = asyncio.create_task(self._live.link.outbox.run(self._channel), name="realtime-writer")
        reader = asyncio.create_task(self._read(), name="realtime-reader")
        dismissal = asyncio.create_task(self._dismissed.wait(), name="realtime-dismissal")
        code = 1006
        try:
            await asyncio.wait((writer, reader, dismissal), return_when=asyncio.FIRST_COMPLETED)
            if writer.done() and isinstance(writer.exception(), ChannelClosed):
                await asyncio.wait((reader,), timeout=CLOSED_S)
            if not self._dismissed.is_set():
                code = self._over(writer, reader)
        finally:
            for task in (writer, reader, dismissal):
                task.cancel()
            self._live.detach(self, goodbye=code == GOODBYE)
            await asyncio.gather(writer, reader, dismissal, return_exceptions=True)
        return await self._say_taken() if self._dismissed.is_set() else code

    def dismiss(self) -> None:
        """Tell the client that another connection has the session now, and close."""
        self._dismissed.set()

    async def _say_taken(self) -> int:
        problem = e.ProblemMessage(
            code="session.taken", message="this session was taken up in another window; go on there"
        )
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._channel.send_text(problem.model_dump_json())
                await self._channel.close(TAKEN, problem.code)
        except (TimeoutError, ChannelClosed):
            self._channel.abort()
        return TAKEN

    def _over(self, writer: asyncio.Task[None], reader: asyncio.Task[None]) -> int:
        """Return the close code once one of the tasks is done."""
        # Whoever reads is told with which code the other end closed; whoever writes is only told that it did.
        known = reader if reader.done() and reader.exception() is not None else writer
        error, code = (known if known.done() else reader).exception(), self._live.code
        match error:
            case None if code is not None:
                return code
            case ChannelClosed(code=theirs):
                return code or theirs
            case TimeoutError():
                logger.warning("client_too_slow", session=self._live.id)
            case None:
                logger.info("client_quiet", session=self._live.id)
            case _:
                logger.error("connection_failed", session=self._live.id, exc_info=error)
        self._channel.abort()
        return code or 1006

    # -------------------------------------------------------------- messages in

    async def _read(self) -> None:
        """Take messages until the channel is closed; after our own close they are read and dropped.

        Returns when a client that always has something to send has sent nothing for too long.
        """
        live, taken_at_s = self._live, _now_s()
        while True:
            # On a call audio does not come this way: that it is to come always may be known after the last message.
            step_s = min(self._quiet_s, self._idle_s) if live.comes_back else self._idle_s
            try:
                async with asyncio.timeout(step_s):
                    message = await self._channel.receive_message()
            except TimeoutError:
                if live.code is not None or live.quiet_s() <= step_s / 2:  # or audio comes by another way
                    continue
                if live.comes_back and live.driver is not None:
                    return
                if _now_s() - taken_at_s >= self._idle_s:
                    live.end("idle")
                continue
            taken_at_s = _now_s()
            if live.code is None:
                self._receive(message)

    def _receive(self, message: str | bytes) -> None:
        if not self._allowed():
            self._give_up(4429, Code.TOO_MANY_MESSAGES, f"more than {MESSAGES_PER_S:.0f} messages a second; send fewer")
            return
        try:
            if isinstance(message, bytes):
                self._take_binary(message)
            else:
                self._take(message)
        except AppError as error:
            # An engine is gone, or a folder can't be written.
            self._live.put(e.ProblemMessage(code=error.code, message=error.message))
            self._abandon(error.close_code, error.code)
        except Exception:
            logger.exception("message_failed", session=self._live.id)
            self._live.put(e.ProblemMessage(code="internal", message="something went wrong on our side; start again"))
            self._abandon(1011, "internal")

    def _take(self, text: str) -> None:
        try:
            message = parse_client_message(
                text, max_bytes=self._settings.message_max_bytes, encoding=self._live.wire.input_encoding
            )
        except Refused as refused:
            self._misunderstood(refused)
            return
        try:
            self._live.take_message(message)
        except Refused as refused:
            self._live.put(error_event(refused))

    def _take_binary(self, data: bytes) -> None:
        if self._takes_binary:
            self._take_audio(data)
            return
        self._binary += 1
        refused = Refused("messages are text frames of JSON; send sound as base64 in them", code=Code.BINARY)
        self._live.put(error_event(refused))
        if self._binary >= MAX_BINARY:
            self._abandon(1003, Code.BINARY.value)

    def _take_audio(self, data: bytes) -> None:
        try:
            audio = parse_candidate(data)
            if audio.reply and self._live.link.acks:
                self._live.played(audio.reply, audio.played_ms)
            self._live.take_message(
                AppendAudio.model_construct(
                    type="input_audio_buffer.append", event_id=None, audio=audio.pcm, late_ms=audio.late_ms
                )
            )
        except Refused as refused:
            self._misunderstood(refused)

    def _misunderstood(self, refused: Refused) -> None:
        self._bad += 1
        self._live.put(error_event(refused))
        if self._bad > MAX_BAD:
            self._give_up(1008, Code.TOO_MANY_ERRORS, f"more than {MAX_BAD} messages were not understood")

    def _allowed(self) -> bool:
        """Take a token of the bucket, or say that there is none."""
        now_s = _now_s()
        since_s = now_s - self._tokens_at_s if self._tokens_at_s is not None else 0.0
        self._tokens = min(MESSAGES_BURST, self._tokens + since_s * MESSAGES_PER_S)
        self._tokens_at_s = now_s
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def _give_up(self, close_code: int, code: Code, message: str) -> None:
        self._live.put(error_event(Refused(message, code=code)))
        self._abandon(close_code, code.value)

    def _abandon(self, close_code: int, text: str) -> None:
        """Close with a code of our own and end the session."""
        self._live.abandon(close_code, text)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
