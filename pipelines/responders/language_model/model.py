"""The language model itself: loaded once for all patients of a process, asked for text piece by piece.

CTranslate2 keeps the computed state of a fixed beginning (a static prompt) until the model is unloaded, one for each
beginning, some 140 KB a token for the smallest model. So a beginning is kept for so many patients and no more; the next
one is answered without, or all are forgotten together once nobody has needed one of them for a while.
"""

from __future__ import annotations

import gc
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.errors import EngineError
from pipelines.models.devices import Device
from pipelines.models.model_memory import trim
from pipelines.models.model_store import Provenance, sha256_of
from pipelines.responders.language_model.chat_template import read_template
from pipelines.responders.language_model.prompt import PATIENTS, Prompt, Prompts

FORGET_AFTER_S = 300.0
"""A patient whom nobody has talked to for so long makes room for another."""

TOP_TOKENS = 40
_REPETITION_PENALTY = 1.1
_ENDS = ("<|im_end|>", "<|eot_id|>", "<|end_of_turn|>", "<end_of_turn>", "<|endoftext|>", "</s>")
_CONTEXT_TOKENS = 2_048


@dataclass(slots=True)
class GeneratedAnswer:
    """What came of one call, filled in as it comes."""

    tokens_in: int = 0
    cached_tokens: int = 0
    tokens_out: int = 0
    first_token_ms: float | None = None
    ended: bool = False  # by the model itself
    text: str = ""
    began: float = field(default_factory=time.perf_counter)

    @property
    def took_ms(self) -> float:
        """How long ago it began."""
        return (time.perf_counter() - self.began) * 1000.0


class LanguageModel:
    """A CTranslate2 generator, its tokenizer and its template; may be used by several threads."""

    def __init__(
        self,
        folder: Path,
        *,
        device: Device,
        parallel: int = 1,
        cached_cards: int = 4,
        forget_after_s: float = FORGET_AFTER_S,
    ) -> None:
        import tokenizers

        try:
            self._tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # the library raises nothing more special
            raise EngineError(
                f"{folder / 'tokenizer.json'} can't be used ({error}): pull it again", code="model.tokenizer"
            ) from error
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self.prompts = Prompts(read_template(folder), specials=self._specials())
        self.id = folder.name
        self.digest = _digest(folder)
        self.context_tokens = _context_tokens(folder)
        self._ends = self._end_tokens(folder)
        self._folder, self._device, self._parallel = folder, device, parallel
        self._most_cards, self._forget_after_s = cached_cards, forget_after_s
        # The beginnings whose state is kept, and when each was needed last.
        self._kept: dict[str, float] = {}
        self._beginnings: dict[str, list[str]] = {}
        self._state = threading.Condition()
        self._running = 0
        self.forgotten = 0  # how often all were forgotten
        self._generator: Any = self._load()

    def _load(self) -> Any:
        import ctranslate2

        return ctranslate2.Generator(
            str(self._folder),
            device=self._device.name,
            device_index=self._device.index,
            compute_type=self._device.compute_type,
            inter_threads=self._parallel,
            # More threads for one reply are slower where others compute as well.
            intra_threads=1,
        )

    def unload_model(self) -> None:
        """Let go of the weights and all that is kept; nobody may use it afterwards."""
        with self._state:
            self._generator = None
        gc.collect()

    # ------------------------------------------------------------------ text and tokens

    def count(self, text: str) -> int:
        """Return how many tokens a text has."""
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def count_beginning(self, text: str) -> int:
        """Return how many tokens a beginning has, which stands before every turn of a patient."""
        return len(self._tokens_of_beginning(text))

    def last_tokens(self, text: str, most: int) -> str:
        """Return the end of a text, of so many tokens at most."""
        ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        return text if len(ids) <= most else str(self._tokenizer.decode(ids[len(ids) - most :])).strip()

    def _specials(self) -> tuple[str, ...]:
        added = self._tokenizer.get_added_tokens_decoder()
        return tuple(sorted((token.content for token in added.values() if token.special), key=len, reverse=True))

    def _end_tokens(self, folder: Path) -> list[str]:
        settings = _json(folder / "tokenizer_config.json")
        named = settings.get("eos_token")
        named = named.get("content") if isinstance(named, dict) else named
        listed = _json(folder / "generation_config.json").get("eos_token_id", [])
        ids = listed if isinstance(listed, list) else [listed]
        tokens = [self._tokenizer.id_to_token(number) for number in ids if isinstance(number, int)]
        tokens += [token for token in (named, *_ENDS) if isinstance(token, str)]
        return [token for token in dict.fromkeys(tokens) if token and self._tokenizer.token_to_id(token) is not None]

    # ------------------------------------------------------------------ what is kept

    @property
    def kept(self) -> int:
        """How many beginnings are kept computed."""
        return len(self._kept)

    def keep(self, fixed: str) -> None:
        """Compute a patient's beginning now, so that the first turn is as fast as the later ones."""
        with self._running_with(fixed) as cached:
            if cached:
                tokens = self._tokens_of_beginning(fixed)
                # Something must follow what is kept, whatever it is.
                for _ in self._generator.generate_tokens(tokens[:1], max_length=1, static_prompt=tokens):
                    pass

    @contextmanager
    def _running_with(self, fixed: str) -> Iterator[bool]:
        """Hold the generator while something is computed; tells whether this beginning's state is kept."""
        with self._state:
            if self._generator is None:
                raise EngineError("the language model is unloaded")
            cached = self._claim(fixed) if fixed else False
            self._running += 1
        try:
            yield cached
        finally:
            with self._state:
                self._running -= 1
                self._state.notify_all()

    def _claim(self, fixed: str) -> bool:
        now = time.monotonic()
        if fixed not in self._kept:
            if len(self._kept) >= self._most_cards:
                idle = [when for when in self._kept.values() if now - when >= self._forget_after_s]
                if not idle or self._running or not self._most_cards:
                    return False
                self._forget()
            self._kept[fixed] = now
        self._kept[fixed] = now
        return True

    def _forget(self) -> None:
        """Forget all states: the weights are read again, which takes some tenths of a second."""
        self._kept.clear()
        self.forgotten += 1
        self._generator = None
        gc.collect()
        trim()
        self._generator = self._load()

    def _tokens_of_beginning(self, text: str) -> list[str]:
        known = self._beginnings.get(text)
        if known is None:
            known = self._beginnings[text] = self._tokens(text)
            while len(self._beginnings) > PATIENTS:
                self._beginnings.pop(next(iter(self._beginnings)), None)
        return known

    def _tokens(self, text: str) -> list[str]:
        return list(self._tokenizer.encode(text, add_special_tokens=False).tokens)

    # ------------------------------------------------------------------ writing

    def write(
        self,
        prompt: Prompt,
        answer: GeneratedAnswer,
        *,
        most_tokens: int,
        temperature: float = 0.0,
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[str]:
        """Yield the text that follows a prompt as it comes; closing the iterator, or `stop`, ends it within a token.

        `answer` tells meanwhile what it took. Raises EngineError where the model can't compute it.
        """
        from tokenizers.decoders import DecodeStream

        with self._running_with(prompt.fixed) as cached:
            fixed, rest = self._tokens_of_beginning(prompt.fixed), self._tokens(prompt.rest)
            answer.tokens_in = len(fixed) + len(rest)
            answer.cached_tokens = len(fixed) if cached else 0
            options: dict[str, Any] = {"static_prompt": fixed} if cached else {}
            decoder = DecodeStream(skip_special_tokens=True)
            steps = self._generator.generate_tokens(
                rest if cached else fixed + rest,
                max_length=most_tokens,
                sampling_topk=TOP_TOKENS if temperature else 1,
                sampling_temperature=temperature or 1.0,
                repetition_penalty=_REPETITION_PENALTY,
                end_token=self._ends,
                callback=lambda _step: stop(),
                **options,
            )
            answer.began = time.perf_counter()
            try:
                for step in steps:
                    if answer.first_token_ms is None:
                        answer.first_token_ms = answer.took_ms
                    answer.tokens_out += 1
                    answer.ended = step.is_last and answer.tokens_out < most_tokens and not stop()
                    piece = decoder.step(self._tokenizer, step.token_id)
                    if piece:
                        answer.text += piece
                        yield piece
            except RuntimeError as error:  # what CTranslate2 raises
                raise EngineError(f"the language model can't go on ({error})") from error
            finally:
                steps.close()

    def bare_steps(self, prompt: Prompt, *, most_tokens: int) -> Iterator[Any]:
        """Yield CTranslate2's own steps for a prompt, and do nothing else: what the pace is compared with."""
        with self._running_with(prompt.fixed) as cached:
            fixed, rest = self._tokens_of_beginning(prompt.fixed), self._tokens(prompt.rest)
            yield from self._generator.generate_tokens(
                rest if cached else fixed + rest,
                max_length=most_tokens,
                repetition_penalty=_REPETITION_PENALTY,
                end_token=self._ends,
                **({"static_prompt": fixed} if cached else {}),
            )


def _digest(folder: Path) -> str:
    """Return the sha256 of the weights: as it was written down when they came, or read anew."""
    came = Provenance.read(folder)
    known = next((record.sha256 for record in came.files if record.path == "model.bin"), "") if came else ""
    return known or sha256_of(folder / "model.bin")


def _context_tokens(folder: Path) -> int:
    found = _json(folder / "tokenizer_config.json").get("model_max_length")
    # Some models say "no limit" by a number with thirty digits.
    return found if isinstance(found, int) and 0 < found < 1 << 20 else _CONTEXT_TOKENS


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
