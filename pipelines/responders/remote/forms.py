"""The forms in which providers are asked and answer: OpenAI's chat completions and Anthropic's messages, streamed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from pipelines.responders.remote.failures import FailureCode, RemoteFailure
from pipelines.responders.remote.providers import FormName


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of a prompt."""

    role: Literal["system", "user", "assistant"]
    content: str


def as_json(messages: Sequence[ChatMessage]) -> str:
    """Return a prompt as a list of objects with `role` and `content`."""
    return json.dumps([asdict(message) for message in messages], ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Asking:
    """What is asked of a model: its name, the prompt, and how long and how freely it may answer."""

    model: str
    messages: Sequence[ChatMessage]
    max_tokens: int
    temperature: float | None = None
    limit_field: str = "max_tokens"


@dataclass(frozen=True, slots=True)
class Delta:
    """What one event of the stream brought: text, tokens as they were counted so far, and whether it is the end.

    `finished`: the model has stopped, though the stream may still tell the tokens.
    """

    text: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    last: bool = False
    finished: bool = False


class ProviderForm(Protocol):
    """One provider's way of asking and answering."""

    path: str

    def headers(self, key: str) -> dict[str, str]:
        """Return the headers that carry the key; none without one."""

    def body(self, asking: Asking) -> dict[str, Any]:
        """Return the request as plain data."""

    def read(self, data: str) -> Delta:
        """Return what the data of one server-sent event says; raises RemoteFailure."""


class OpenAiForm:
    """Chat completions, as OpenAI, Ollama, vLLM, Hugging Face and Google's compatible endpoint speak them."""

    path = "/chat/completions"

    def headers(self, key: str) -> dict[str, str]:
        """Return the bearer's header."""
        return {"Authorization": f"Bearer {key}"} if key else {}

    def body(self, asking: Asking) -> dict[str, Any]:
        """Return the request; the last event of its stream tells the tokens."""
        body: dict[str, Any] = {
            "model": asking.model,
            "messages": [asdict(message) for message in asking.messages],
            "stream": True,
            "stream_options": {"include_usage": True},
            asking.limit_field: asking.max_tokens,
        }
        return body | ({"temperature": asking.temperature} if asking.temperature is not None else {})

    def read(self, data: str) -> Delta:
        """Return what a chunk says. The end is `[DONE]`, which comes after the tokens."""
        if data.strip() == "[DONE]":
            return Delta(last=True)
        chunk = _object(data)
        if error := chunk.get("error"):
            raise _told(error)
        usage = chunk.get("usage")
        choices = chunk.get("choices")
        text, finished = "", False
        if isinstance(choices, list) and choices and isinstance(choices[0], dict):
            delta = choices[0].get("delta")
            content = delta.get("content") if isinstance(delta, dict) else None
            text = content if isinstance(content, str) else ""
            finished = isinstance(choices[0].get("finish_reason"), str)
        elif not isinstance(usage, dict) and not isinstance(choices, list):
            raise RemoteFailure("remote.broken", "a chunk has no choices")
        return Delta(text, _count(usage, "prompt_tokens"), _count(usage, "completion_tokens"), finished=finished)


class AnthropicForm:
    """Anthropic's messages."""

    path = "/messages"
    version = "2023-06-01"

    def headers(self, key: str) -> dict[str, str]:
        """Return the key's and the version's headers."""
        return {"x-api-key": key, "anthropic-version": self.version}

    def body(self, asking: Asking) -> dict[str, Any]:
        """Return the request; what the system says has a field of its own, and roles take turns."""
        system = "\n\n".join(message.content for message in asking.messages if message.role == "system")
        turns: list[dict[str, str]] = []
        for message in asking.messages:
            if message.role == "system":
                continue
            if turns and turns[-1]["role"] == message.role:
                turns[-1]["content"] += f"\n\n{message.content}"
            else:
                turns.append({"role": message.role, "content": message.content})
        if turns and turns[0]["role"] == "assistant":
            turns.insert(0, {"role": "user", "content": "(They meet.)"})
        body: dict[str, Any] = {
            "model": asking.model,
            "system": system,
            "messages": turns,
            "stream": True,
            "max_tokens": asking.max_tokens,
        }
        return body | ({"temperature": asking.temperature} if asking.temperature is not None else {})

    def read(self, data: str) -> Delta:
        """Return what an event says; pings and kinds that are not known say nothing."""
        event = _object(data)
        match event.get("type"):
            case "message_start":
                message = event.get("message")
                return Delta(
                    tokens_in=_count(message.get("usage") if isinstance(message, dict) else None, "input_tokens")
                )
            case "content_block_delta":
                delta = event.get("delta")
                text = delta.get("text") if isinstance(delta, dict) and delta.get("type") == "text_delta" else None
                return Delta(text if isinstance(text, str) else "")
            case "message_delta":
                return Delta(tokens_out=_count(event.get("usage"), "output_tokens"), finished=True)
            case "message_stop":
                return Delta(last=True)
            case "error":
                raise _told(event.get("error"))
            case str():
                return Delta()
            case _:
                raise RemoteFailure("remote.broken", "an event has no type")


FORMS: dict[FormName, ProviderForm] = {"openai": OpenAiForm(), "anthropic": AnthropicForm()}


def _object(data: str) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise RemoteFailure("remote.broken", "what came is no JSON") from None
    if not isinstance(value, dict):
        raise RemoteFailure("remote.broken", "what came is no object")
    return value


def _count(usage: object, name: str) -> int | None:
    count = usage.get(name) if isinstance(usage, dict) else None
    return count if isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= 10_000_000 else None


def _told(error: object) -> RemoteFailure:
    """Return the failure that a provider tells in its stream: its kind alone, as its words may quote the prompt."""
    kind = error.get("type") if isinstance(error, dict) else None
    known = kind if isinstance(kind, str) and kind.replace("_", "").isalnum() and len(kind) <= 40 else "error"
    code: FailureCode = "remote.busy" if known in ("rate_limit_error", "overloaded_error") else "remote.failed"
    return RemoteFailure(code, f"the provider says {known}")
