"""How fast the language model is: its first token with and without what is kept, its pace, and how soon it stops."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from statistics import median

from bench.llm.prompts import prompt_of
from bench.report_figures import Figure
from pipelines.models.model_memory import resident_bytes, trim
from pipelines.responders.language_model.model import GeneratedAnswer, LanguageModel
from pipelines.responders.language_model.prompt import Prompt

FIXED_TOKENS, REST_TOKENS = 600, 60
_PACE_TOKENS = 64
_CANCEL_AFTER = (3, 7, 12, 20, 31)
_MIB = 1 << 20

Tick = Callable[[], None]


def first_token_figures(model: LanguageModel, *, repeats: int, tick: Tick) -> list[Figure]:
    """Return the time to the first token with a beginning of 600 tokens kept, and without; taken by turns."""
    prompt = prompt_of(model, fixed_tokens=FIXED_TOKENS, rest_tokens=REST_TOKENS)
    whole = Prompt("", prompt.fixed + prompt.rest)
    model.keep(prompt.fixed)
    cached, uncached = [], []
    for _ in range(repeats):
        cached.append(_first_ms(model, prompt))
        uncached.append(_first_ms(model, whole))
        tick()
    lengths = f"{model.count(prompt.fixed)} and {model.count(prompt.rest)} tokens"
    return [
        Figure("first_token_cached_ms", median(cached), "ms", baseline=median(uncached), n=repeats, note=lengths),
        Figure("first_token_uncached_ms", median(uncached), "ms", n=repeats),
    ]


def pace_figures(model: LanguageModel, *, repeats: int, tick: Tick) -> list[Figure]:
    """Return tokens a second after the first, beside those of CTranslate2's own loop; taken by turns."""
    prompt = prompt_of(model, fixed_tokens=FIXED_TOKENS, rest_tokens=REST_TOKENS)
    model.keep(prompt.fixed)
    ours, bare = [], []
    for _ in range(repeats):
        ours.append(_pace(model, prompt))
        bare.append(_bare_pace(model, prompt))
        tick()
    return [
        Figure("tokens_per_s", median(ours), "1/s", n=repeats, note=f"{_PACE_TOKENS} tokens"),
        Figure("tokens_per_s_ratio_to_bare", median(ours), "1/s", baseline=median(bare), n=repeats),
    ]


def cancel_figures(model: LanguageModel, *, tick: Tick) -> list[Figure]:
    """Return how many tokens are still computed after the wish to stop, at worst, and how long it took."""
    prompt = prompt_of(model, fixed_tokens=FIXED_TOKENS, rest_tokens=REST_TOKENS)
    late, took_ms = [], []
    for after in _CANCEL_AFTER:
        answer, wished, computed = GeneratedAnswer(), threading.Event(), [0]

        def stop(wished: threading.Event = wished, computed: list[int] = computed) -> bool:
            computed[0] += 1
            return wished.is_set()

        pieces = model.write(prompt, answer, most_tokens=200, stop=stop)
        for _ in pieces:
            if answer.tokens_out >= after:
                break
        wished.set()
        at, began = computed[0], time.perf_counter()
        pieces.close()  # type: ignore[attr-defined]
        took_ms.append((time.perf_counter() - began) * 1000)
        late.append(computed[0] - at)
        tick()
    return [
        Figure("cancel_tokens", max(late), "tokens", n=len(late), note="the most of all"),
        Figure("cancel_ms", max(took_ms), "ms", n=len(took_ms), note="the most of all"),
    ]


def memory_figures(model: LanguageModel, *, cards: int, tick: Tick) -> list[Figure]:
    """Return what the process grows by while so many patients come one after the other, each with 600 tokens."""
    trim()
    before, most, half = resident_bytes(with_children=False), 0, 0
    kept = 0
    for number in range(cards):
        prompt = prompt_of(model, fixed_tokens=FIXED_TOKENS, rest_tokens=REST_TOKENS, card=number)
        _first_ms(model, prompt)
        trim()
        most = max(most, resident_bytes(with_children=False))
        kept = max(kept, model.kept)
        if number == cards // 2:
            half = most
        tick()
    note = f"{kept} kept at most, all forgotten {model.forgotten} times"
    return [
        Figure("memory_growth_mib", (most - before) / _MIB, "MiB", n=cards, note=note),
        Figure("memory_growth_second_half_mib", (most - half) / _MIB, "MiB", n=cards - cards // 2),
    ]


def together_figures(model: LanguageModel, sessions: Sequence[int], *, repeats: int, tick: Tick) -> list[Figure]:
    """Return the time to the first token, and tokens a second of all together, where so many ask at once."""
    prompt = prompt_of(model, fixed_tokens=FIXED_TOKENS, rest_tokens=REST_TOKENS)
    model.keep(prompt.fixed)
    figures = []
    for count in sessions:
        firsts: list[float] = []
        paces = []
        for _ in range(repeats):
            waits, tokens = [0.0] * count, [0] * count

            def ask(index: int, waits: list[float] = waits, tokens: list[int] = tokens) -> None:
                answer, began = GeneratedAnswer(), time.perf_counter()
                for _ in model.write(prompt, answer, most_tokens=_PACE_TOKENS // 2):
                    waits[index] = waits[index] or (time.perf_counter() - began) * 1000
                tokens[index] = answer.tokens_out

            threads = [threading.Thread(target=ask, args=(index,)) for index in range(count)]
            began = time.perf_counter()
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            paces.append(sum(tokens) / (time.perf_counter() - began))
            firsts += waits
            tick()
        figures += [
            Figure(f"first_token_ms/{count}_sessions", median(firsts), "ms", n=len(firsts)),
            Figure(f"first_token_max_ms/{count}_sessions", max(firsts), "ms", n=len(firsts)),
            Figure(f"tokens_per_s/{count}_sessions", median(paces), "1/s", n=repeats, note="of all together"),
        ]
    return figures


def _first_ms(model: LanguageModel, prompt: Prompt) -> float:
    answer = GeneratedAnswer()
    for _ in model.write(prompt, answer, most_tokens=1):
        pass
    return answer.first_token_ms or 0.0


def _pace(model: LanguageModel, prompt: Prompt) -> float:
    answer = GeneratedAnswer()
    for _ in model.write(prompt, answer, most_tokens=_PACE_TOKENS):
        pass
    return (answer.tokens_out - 1) / (answer.took_ms - (answer.first_token_ms or 0.0)) * 1000


def _bare_pace(model: LanguageModel, prompt: Prompt) -> float:
    first, count, began = 0.0, 0, time.perf_counter()
    for _ in model.bare_steps(prompt, most_tokens=_PACE_TOKENS):
        count += 1
        first = first or time.perf_counter()
    return (count - 1) / (time.perf_counter() - (first or began))
