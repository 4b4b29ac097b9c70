"""A model's own chat template, run where it can reach nothing: it comes with the model, and anybody may have made it.

Templates are programs in Jinja's language. The sandbox gives them text and the few names that templates of published
models use; what loops without end or writes without end is stopped by a limit on the text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from jinja2.exceptions import SecurityError, TemplateError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

from common.errors import EngineError

MOST_LETTERS = 200_000
"""More than any prompt has: a template that writes more is broken or means harm."""
MOST_ROUNDS = 10_000
"""More than any loop over numbers needs."""

Message = Mapping[str, str]


class TemplateFailed(Exception):
    """The template can't be read, raised, left its sandbox, or wrote without end; the message says which."""


class ChatTemplate:
    """Turns messages (role, content) into the text that the model was taught with."""

    def __init__(self, source: str, *, bos: str = "", eos: str = "") -> None:
        environment = _Sandbox(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])
        environment.globals.clear()
        environment.globals["raise_exception"] = _refuse
        environment.globals["strftime_now"] = _no_date
        environment.globals["namespace"] = Namespace
        environment.globals["range"] = self._range
        environment.filters["tojson"] = lambda value, **_: json.dumps(value, ensure_ascii=False)
        self._rounds = 0
        self._words = {"bos_token": bos, "eos_token": eos, "tools": None, "documents": None}
        try:
            self._template = environment.from_string(source)
        except (TemplateError, RecursionError, ValueError) as error:
            raise TemplateFailed(f"its chat template can't be read ({error})") from error

    def render(self, messages: Iterable[Message], *, answer: bool) -> str:
        """Return the messages as the model reads them; `answer` adds the beginning of the model's own turn.

        Raises TemplateFailed.
        """
        told: dict[str, Any] = {"messages": [dict(message) for message in messages], "add_generation_prompt": answer}
        pieces: list[str] = []
        letters = self._rounds = 0
        try:
            for piece in self._template.generate(self._words | told):
                letters += len(piece)
                if letters > MOST_LETTERS:
                    raise TemplateFailed(f"its chat template wrote more than {MOST_LETTERS:,} letters")
                pieces.append(piece)
        except TemplateFailed:
            raise
        # A template may raise whatever Python raises.
        except Exception as error:
            raise TemplateFailed(f"its chat template failed ({type(error).__name__})") from error
        return "".join(pieces)

    def _range(self, *bounds: int) -> range:
        made = range(*bounds)
        self._rounds += len(made)
        if self._rounds > MOST_ROUNDS:
            raise ValueError("it goes round and round")
        return made


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's own sandbox, without the two operations that make a small template fill the memory."""

    intercepted_binops = frozenset(("*", "**"))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" or not all(isinstance(each, int | float) for each in (left, right)):
            raise SecurityError(f"'{operator}' is not for templates")
        return super().call_binop(context, operator, left, right)


def read_template(folder: Path) -> ChatTemplate:
    """Return the chat template of a model's folder; raises EngineError (`model.format`) if it has none to be used."""
    try:
        path = folder / "tokenizer_config.json"
        settings = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        single = folder / "chat_template.jinja"
        source = single.read_text(encoding="utf-8") if single.is_file() else _named(settings.get("chat_template"))
    except (OSError, ValueError, AttributeError) as error:
        raise EngineError(
            f"{folder}: its chat template can't be read ({error}): pull it again", code="model.format"
        ) from error
    if source is None:
        raise EngineError(
            f"{folder} has no chat template, so it was not taught to answer: choose a model that was (Instruct, Chat)",
            code="model.format",
        )
    try:
        return ChatTemplate(source, bos=_token(settings.get("bos_token")), eos=_token(settings.get("eos_token")))
    except TemplateFailed as error:
        raise EngineError(f"{folder}: {error}: choose another model", code="model.format") from error


def _named(found: Any) -> str | None:
    """Return the template, of several the one that is called default."""
    if isinstance(found, list):
        found = next((each.get("template") for each in found if each.get("name") == "default"), None)
    return found if isinstance(found, str) else None


def _token(found: Any) -> str:
    found = found.get("content") if isinstance(found, dict) else found
    return found if isinstance(found, str) else ""


def _refuse(message: object = "") -> str:
    raise ValueError(str(message))


def _no_date(_form: object = "") -> str:
    # Today's date in a prompt would make the same talk another one tomorrow.
    return ""
