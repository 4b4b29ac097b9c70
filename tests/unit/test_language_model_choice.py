"""Which settings let a language model speak, what brings it, and what the names of other deployments mean for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from common.errors import EngineError
from pipelines.choice import Lazy
from pipelines.engine_choices import choose_engines
from pipelines.engine_settings import EngineSettings
from pipelines.models.gguf_llama import convert_gguf
from pipelines.models.settings import ModelSettings
from pipelines.responders.language_model.settings import FIRST_MODEL, LanguageModelSettings
from pipelines.responders.mind_evidence import SUPPLIED_EVIDENCE, MindEvidence
from server.cli.models_setup import _wants_language_model
from server.settings.aliases import ALIASES
from tests.tiny_llama import TinyLlama


@pytest.fixture
def models(tmp_path: Path) -> ModelSettings:
    """A folder of models with a small one under the name of the first."""
    convert_gguf(TinyLlama().write(tmp_path / "tiny.gguf"), tmp_path / "models" / FIRST_MODEL)
    return ModelSettings(path=tmp_path / "models")


def test_the_local_backend_lets_the_model_speak_if_it_is_here(models: ModelSettings, tmp_path: Path) -> None:
    choice = choose_engines(EngineSettings(backend="local"), models).responder
    assert (choice.name, choice.model, choice.demonstration) == ("language-model", FIRST_MODEL, False)
    lacking = choose_engines(EngineSettings(backend="local"), ModelSettings(path=tmp_path / "none")).responder
    assert lacking.name == "scripted-patient"
    assert f"run `interlocutor models pull {FIRST_MODEL}` and start again" in lacking.reason


@pytest.mark.parametrize("backend", ["auto", "embedded"])
def test_nobody_else_gets_it_without_asking(models: ModelSettings, backend: str) -> None:
    settings = EngineSettings.model_validate({"backend": backend})
    assert choose_engines(settings, models).responder.name == "scripted-patient"
    by_name = EngineSettings.model_validate({"backend": backend, "responder": "language-model"})
    assert choose_engines(by_name, models).responder.name == "language-model"


def test_one_that_is_asked_for_and_missing_says_what_to_do_when_it_is_loaded(tmp_path: Path) -> None:
    settings = EngineSettings(responder="language-model")
    choice = choose_engines(settings, ModelSettings(path=tmp_path)).responder
    with pytest.raises(EngineError, match=f"run `interlocutor models pull {FIRST_MODEL}` and start again"):
        choice.factory()


@pytest.mark.parametrize(("model", "why"), [("tiny.en", "tiny.en is a recogniser"), ("smolm2", "did you mean smollm2")])
def test_a_model_that_can_not_speak_is_refused_by_its_setting(model: str, why: str, tmp_path: Path) -> None:
    settings = EngineSettings(responder="language-model", language_model=LanguageModelSettings(model=model))
    with pytest.raises(EngineError, match=why) as caught:
        choose_engines(settings, ModelSettings(path=tmp_path))
    assert caught.value.message.startswith("engines.language_model.model: ")


def test_the_chosen_model_loads_and_is_shared(models: ModelSettings) -> None:
    settings = EngineSettings(responder="language-model")
    guarded = choose_engines(settings, models).responder.factory
    assert isinstance(guarded, Lazy)
    first, second = guarded.arguments["inner"](), guarded.arguments["inner"]()
    first.warm()
    second.warm()
    assert first.model is second.model


def test_setup_brings_it_where_it_would_speak_and_is_not_here(models: ModelSettings, tmp_path: Path) -> None:
    local, empty = EngineSettings(backend="local"), tmp_path / "none"
    assert _wants_language_model(local, empty)
    assert _wants_language_model(EngineSettings(responder="language-model"), empty)
    assert not _wants_language_model(local, models.path)
    assert not _wants_language_model(EngineSettings(), empty)
    assert not _wants_language_model(EngineSettings(backend="local", responder="scripted-patient"), empty)
    another = EngineSettings(backend="local", language_model=LanguageModelSettings(model="qwen2.5-0.5b-instruct"))
    assert not _wants_language_model(another, empty)


@pytest.mark.parametrize(
    ("name", "value", "setting", "becomes"),
    [
        ("LLM_MODEL_NAME", "smollm2", "model", "smollm2"),
        ("LLM_DEVICE", "CUDA", "device", "cuda"),
        ("LLM_QUANTIZATION", "4bit", "compute", "int8"),
        ("LLM_QUANTIZATION", "8bit", "compute", "int8"),
        ("LLM_QUANTIZATION", "none", "compute", "auto"),
        ("LLM_QUANTIZATION", "float16", "compute", "float16"),
        ("MASTER_MAX_NEW_TOKENS", "64", "max_new_tokens", "64"),
        ("MASTER_MAX_NEW_TOKENS", "2048", "max_new_tokens", "400"),
        ("MASTER_TEMPERATURE", "0.7", "temperature", "0.7"),
    ],
)
def test_names_of_other_deployments_set_it(name: str, value: str, setting: str, becomes: str) -> None:
    (alias,) = [each for each in ALIASES if (each.name, each.setting) == (name, f"engines.language_model.{setting}")]
    converted = alias.convert(value) if alias.convert is not None else value
    assert converted == becomes
    assert LanguageModelSettings.model_validate({setting: converted})


# ------------------------------------------------------------------ what was measured decides


def evidence(folder: Path, *, better: bool, model: str = FIRST_MODEL) -> LanguageModelSettings:
    """Return settings with a file of what was found of a model, at one kind of turn."""
    score = {"faithful": 30, "on_topic": 20, "first_clause_p95_ms": 300.0}
    act = {"act": "empathy", "turns": 30, "card": score, "model": score | {"on_topic": 29}}
    act |= {"better": better, "why": "better" if better else "less faithful"}
    told = {"model": model, "date": "2026-11-30", "cards": 12, "questions": 480, "acts": [act]}
    (folder / "evidence.json").write_text(json.dumps(told))
    return LanguageModelSettings(evidence=folder / "evidence.json")


def test_auto_lets_the_model_speak_only_where_it_was_measured_to_do_better(
    models: ModelSettings, tmp_path: Path
) -> None:
    chosen = choose_engines(EngineSettings(language_model=evidence(tmp_path, better=True)), models).responder
    assert (chosen.name, chosen.model) == ("language-model", FIRST_MODEL)
    assert f"{FIRST_MODEL} does better at empathy" in chosen.reason
    assert "on topic 29, the card's 20" in chosen.reason
    made = chosen.factory()
    assert made.info.detail.startswith(f"{FIRST_MODEL} words what is off the card, at empathy")
    settings = EngineSettings(language_model=evidence(tmp_path, better=False))
    chosen = choose_engines(settings, models).responder
    assert chosen.name == "scripted-patient"
    assert "does better nowhere (empathy: of 30 faithful 30, the card's 30; on topic 29, the card's 20" in chosen.reason


def test_a_model_that_was_not_measured_or_is_not_here_does_not_speak_unasked(
    models: ModelSettings, tmp_path: Path
) -> None:
    other = EngineSettings(language_model=evidence(tmp_path, better=True, model="qwen2.5-0.5b-instruct"))
    chosen = choose_engines(other, models).responder
    assert chosen.name == "scripted-patient"
    assert f"{FIRST_MODEL} was not measured against the card's words" in chosen.reason
    better, empty = EngineSettings(language_model=evidence(tmp_path, better=True)), tmp_path / "none"
    chosen = choose_engines(better, ModelSettings(path=empty)).responder
    assert chosen.name == "scripted-patient"
    assert f"run `interlocutor models pull {FIRST_MODEL}`" in chosen.reason
    # It is brought where it would speak.
    assert _wants_language_model(better, empty)


def test_evidence_that_can_not_be_read_stops_the_start(models: ModelSettings, tmp_path: Path) -> None:
    (tmp_path / "evidence.json").write_text('{"model": 1}')
    settings = EngineSettings(language_model=LanguageModelSettings(evidence=tmp_path / "evidence.json"))
    with pytest.raises(EngineError, match="eval patient --evidence") as caught:
        choose_engines(settings, models)
    assert caught.value.code == "engine.evidence"


def test_what_was_found_of_the_supplied_model_is_of_that_model() -> None:
    found = MindEvidence.load(SUPPLIED_EVIDENCE)
    assert (found.model, found.cards, found.questions) == (FIRST_MODEL, 12, 480)
    assert sum(each.turns for each in found.acts) >= 80
