"""A provider of a language model: a real HTTP server that speaks OpenAI's and Anthropic's streams, and fails as told.

In a thread of the test (`running_provider`), or as a program to be killed: `python -m tests.fakes.provider PORT`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

ANSWER = "It started three days ago. It hurts when I breathe in. I am worried about my job. Nothing helps at all."
KEY = "sk-the-key-of-a-test-0123456789"
GO_ON = "You were cut off there."


@dataclass(frozen=True)
class Asked:
    """A request that came in."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    from_port: int = 0

    @property
    def text(self) -> str:
        """Everything of the prompt."""
        return json.dumps(self.body, ensure_ascii=False)


@dataclass
class Provider:
    """What it answers and how it fails; a test sets it, and reads what was asked.

    `behaviours` are those of the next requests, then `always`: answer, hang_before, hang, early, 429, 429-soon, 500,
    html, redirect, garbage, error, silent, endless, no_end.
    """

    answer: str = ANSWER
    # Takes the messages of a request, and returns the answer to them.
    say: Callable[[list[dict[str, Any]]], str] | None = None
    key: str = KEY
    behaviours: list[str] = field(default_factory=list)
    always: str = "answer"
    word_s: float = 0.0
    # Whether it goes on where it was cut off, as it is asked to; a poor model begins again.
    goes_on: bool = True
    redirect_to: str = ""
    asked: list[Asked] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)
    begun: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    @property
    def url(self) -> str:
        """Its base address."""
        return f"http://127.0.0.1:{self.port}/v1"

    def app(self) -> Starlette:
        """Return the server's program."""
        return Starlette(
            routes=[
                Route("/v1/chat/completions", self._chat, methods=["POST"]),
                Route("/v1/messages", self._messages, methods=["POST"]),
                Route("/v1/models", self._models),
            ]
        )

    async def _models(self, request: Request) -> Response:
        if self._key_of(request) != self.key:
            return JSONResponse({"error": {"type": "invalid_request_error"}}, status_code=401)
        status = 500 if self.always == "500" else 200
        return JSONResponse({"object": "list", "data": [{"id": "test-model"}]}, status_code=status)

    async def _chat(self, request: Request) -> Response:
        return await self._respond(request, self._openai)

    async def _messages(self, request: Request) -> Response:
        return await self._respond(request, self._anthropic)

    @staticmethod
    def _key_of(request: Request) -> str:
        return request.headers.get("x-api-key") or request.headers.get("authorization", "").removeprefix("Bearer ")

    async def _respond(self, request: Request, form: Any) -> Response:
        body = await request.json()
        from_port = request.client.port if request.client is not None else 0
        self.asked.append(Asked(request.url.path, dict(request.headers), body, from_port))
        if self._key_of(request) != self.key:
            return JSONResponse({"error": {"type": "authentication_error", "message": "no"}}, status_code=401)
        behaviour = self.behaviours.pop(0) if self.behaviours else self.always
        match behaviour:
            case "429":
                return JSONResponse({"error": {}}, status_code=429, headers={"Retry-After": "30"})
            case "429-soon":
                return JSONResponse({"error": {}}, status_code=429, headers={"Retry-After": "0.2"})
            case "500":
                return JSONResponse({"error": {"message": body["model"]}}, status_code=500)
            case "html":
                return HTMLResponse("<html><body>Sign in to the hotel's network</body></html>")
            case "redirect":
                return RedirectResponse(self.redirect_to, status_code=307)
            case "hang_before":
                self.begun.set()
                await self._wait_until_gone(request)
        return StreamingResponse(self._watched(form(body, behaviour), request), media_type="text/event-stream")

    async def _watched(self, events: AsyncIterator[str], request: Request) -> AsyncIterator[str]:
        whole = False
        try:
            async for event in events:
                yield event
                self.begun.set()
            whole = True
        finally:
            if not whole:
                self.gone.set()

    async def _wait_until_gone(self, request: Request) -> None:
        while not await request.is_disconnected():  # noqa: ASYNC110 - starlette tells nobody
            await asyncio.sleep(0.005)
        self.gone.set()

    def _words(self, messages: list[dict[str, Any]], behaviour: str) -> list[str]:
        answer = "word " * 4_000 if behaviour == "endless" else self.answer
        if self.say is not None:
            answer = self.say(messages)
        if self.goes_on and GO_ON in str(messages[-1]["content"]):
            said = str(messages[-2]["content"])
            answer = answer.removeprefix(said).strip() or "Done."
        return [f"{word} " for word in answer.split()]

    async def _said(self, words: list[str], behaviour: str) -> AsyncIterator[str]:
        for index, word in enumerate(words):
            # Eight words are one sentence and a piece of the next.
            if index == 8 and behaviour == "early":
                raise ConnectionResetError("cut by the test")
            yield word
            await asyncio.sleep(self.word_s)

    async def _openai(self, body: dict[str, Any], behaviour: str) -> AsyncIterator[str]:
        def chunk(delta: dict[str, Any], finish: str | None = None) -> str:
            choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
            return _data(self._openai_head(body) | {"choices": [choice], "usage": None})

        yield chunk({"role": "assistant", "content": ""})
        words = self._words(body["messages"], behaviour)
        match behaviour:
            case "garbage":
                yield "data: {not json\n\n"
                return
            case "error":
                yield _data({"error": {"type": "server_error", "message": f"of {body['messages'][-1]['content']}"}})
                return
            case "silent":
                words = []
        count = 0
        async for word in self._said(words, behaviour):
            text, count = chunk({"content": word}), count + 1
            if behaviour == "hang" and count == 9:
                yield text[: len(text) // 2]
                await asyncio.sleep(600)
            yield text
        yield chunk({}, "stop")
        if behaviour == "no_end":
            return
        usage = {"prompt_tokens": 210, "completion_tokens": len(words), "total_tokens": 210 + len(words)}
        yield _data(self._openai_head(body) | {"choices": [], "usage": usage})
        yield "data: [DONE]\n\n"

    @staticmethod
    def _openai_head(body: dict[str, Any]) -> dict[str, Any]:
        return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": body["model"]}

    async def _anthropic(self, body: dict[str, Any], behaviour: str) -> AsyncIterator[str]:
        def event(kind: str, **more: Any) -> str:
            return f"event: {kind}\n" + _data({"type": kind} | more)

        words = self._words(body["messages"], behaviour)
        message = {"id": "msg_1", "type": "message", "role": "assistant", "content": [], "model": body["model"]}
        yield event("message_start", message=message | {"usage": {"input_tokens": 198, "output_tokens": 1}})
        yield event("content_block_start", index=0, content_block={"type": "text", "text": ""})
        yield event("ping")
        if behaviour == "error":
            yield event("error", error={"type": "overloaded_error", "message": "Overloaded"})
            return
        async for word in self._said(words, behaviour):
            yield event("content_block_delta", index=0, delta={"type": "text_delta", "text": word})
        yield event("content_block_stop", index=0)
        yield event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": len(words)})
        yield event("message_stop")


def _data(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value)}\n\n"


@contextmanager
def running_provider(port: int = 0, **settings: Any) -> Iterator[Provider]:
    """Serve on a free port, or a given one, in a thread until the block ends."""
    provider = Provider(**settings)
    config = uvicorn.Config(provider.app(), host="127.0.0.1", port=port, log_config=None, timeout_graceful_shutdown=0)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.005)
    provider.port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield provider
    finally:
        server.should_exit = True
        thread.join()


if __name__ == "__main__":
    uvicorn.run(Provider(word_s=0.03).app(), host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
