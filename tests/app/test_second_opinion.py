"""A second opinion by a language model behind real HTTP: who is asked what, what is kept, and who sees it when."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from common.sealed_files import is_sealed
from pipelines.events import ConsentGiven
from server.opinions.opinion_log import OpinionLog
from server.opinions.references import load_references
from server.records.folder import OPINION, RecordFolder
from tests.app.accounts import World, world
from tests.app.asked_model import asked_command, log_of_past
from tests.app.inside import KEY as DEVELOPER
from tests.app.test_marking import save
from tests.fakes.provider import KEY, Asked, Provider, running_provider

pytestmark = pytest.mark.asyncio

EXAMINERS = ("eva@example.org", "finn@example.org")
CRITERIA = len(load_references().criteria)
PASSAGES = len(list(load_references().passages()))
REASON = "The question is open and leaves room for the patient's own words."
Messages = list[dict[str, Any]]


def answer(mark: int, turn: int = 1, reason: str = REASON) -> str:
    return json.dumps({"mark": mark, "reason": reason, "turns": [turn]})


def able(messages: Messages) -> str:
    """Answer as a model that agrees with the references; whatever else is said deserves a 2."""
    for _, passage in load_references().passages():
        if json.dumps(passage.said[0].text, ensure_ascii=False) in messages[1]["content"]:
            own = next(number for number, line in enumerate(passage.said, 1) if line.who == "candidate")
            return answer(passage.mark, own)
    return answer(2)


def of_sessions(provider: Provider) -> list[Asked]:
    return [asked for asked in provider.asked if "leg wound" in asked.text]


async def spoken(
    one: World,
    *,
    mode: str = "exam",
    examiners: tuple[str, ...] = (),
    sealed: bool = False,
    consent: ConsentGiven | None = None,
) -> str:
    """Make a role-play that is over, in which the candidate said three things; return its id."""
    session_id = await one.past(mode=mode, examiners=examiners)
    async with log_of_past(one, session_id, sealed=sealed, consent=consent) as log:
        for text in (
            "My name is Zelda Quist, tell me about your leg wound.",
            "How did it happen?",
            "I see, thank you.",
        ):
            log.candidate(text)
            log.patient("On a shelf.")
    return session_id


@pytest.fixture
def assess(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return `interlocutor assess` with a provider as the remote host."""
    monkeypatch.setenv("MASTER_MODEL_NAME", "judge")
    return asked_command("assess", tmp_path)


async def test_it_is_kept_apart_and_shown_to_examiners_who_have_signed(
    tmp_path: Path, assess: Callable[..., Any]
) -> None:
    async with world(tmp_path) as one:
        eva, finn = [await one.person(login, "examiner") for login in EXAMINERS]
        ana = await one.person("ana@example.org")
        exam = await spoken(one, examiners=EXAMINERS, sealed=True)
        path = f"/api/sessions/{exam}/opinion"
        with running_provider(say=able) as provider:
            done = await assess(exam, provider=provider)
            assert done.exit_code == 0, done.output
            assert f"{PASSAGES} of {PASSAGES} reference passages" in done.output
            assert f"{exam}: {CRITERIA} of {CRITERIA} criteria" in done.output
            # Marks are for those who have signed, not for whoever runs the command.
            assert REASON not in done.output
            assert len(provider.asked) == PASSAGES + CRITERIA
            bodies = [asked.body for asked in provider.asked]
            assert {(body["model"], body["temperature"], body["max_tokens"]) for body in bodies} == {
                ("judge", 0.0, 400)
            }

            # Equal questions are not asked again, unless somebody wants it.
            assert (await assess(exam, provider=provider)).exit_code == 0
            assert len(provider.asked) == PASSAGES + CRITERIA
            assert (await assess(exam, "--again", provider=provider)).exit_code == 0
            assert len(provider.asked) == PASSAGES + 2 * CRITERIA
        assert is_sealed(tmp_path / "sessions" / exam / OPINION)

        await save(eva, exam, "signed", 0)
        for client in (eva, finn, one.client(Authorization=f"Bearer {DEVELOPER}")):
            refused = await client.get(path)
            assert (refused.status_code, refused.json()["error"]["code"]) == (409, "marking.blind")
        await save(finn, exam, "signed", 0)
        told = (await eva.get(path)).json()
        assert (told["state"], told["model"]) == ("made", "judge")
        assert set(told["not_judged"]) == {"intelligibility", "fluency"}
        first = told["evaluations"][0]
        assert first["name"] == "Appropriateness of language"
        assert (first["mark"], first["most"], first["reason"]) == (2, 6, REASON)
        assert first["evidence"][0]["text"].startswith("My name is")
        assert first["evidence"][0]["from_ms"] == 1000
        # Marks are what they were, and whoever was judged is told nothing.
        outcome = (await eva.get(f"/api/sessions/{exam}/marks")).json()["outcome"]
        assert outcome["decided"]["appropriateness"] == 4.0
        assert (await ana.get(path)).status_code == 403
        lines = OpinionLog(tmp_path / "opinions" / "log.jsonl").lines()
        assert [sum(line.cached for line in lines), len(lines)] == [CRITERIA, PASSAGES + 3 * CRITERIA]
        assert {line.tokens_in for line in lines if not line.cached} == {210}
        assert "Zelda" not in (tmp_path / "opinions" / "log.jsonl").read_text()

        # It goes with the record.
        RecordFolder(tmp_path / "sessions" / exam).erase()
        assert not (tmp_path / "sessions" / exam / OPINION).exists()
        assert (await eva.get(path)).json()["state"] != "made"
        report = await assess("--report")
        assert f"{PASSAGES + 3 * CRITERIA} evaluations" in report.output


async def test_a_model_that_misses_the_references_is_not_usable_and_judges_nobody(
    tmp_path: Path, assess: Callable[..., Any]
) -> None:
    async with world(tmp_path) as one:
        exam = await spoken(one)
        for say in (lambda _: answer(2), lambda _: "Sure! I would be happy to help you with that."):
            with running_provider(say=say) as provider:
                done = await assess(exam, "--check", provider=provider)
                assert done.exit_code == 1
                assert "not usable" in done.output
                assert of_sessions(provider) == []
        assert not (tmp_path / "sessions" / exam / OPINION).exists()
        states = {line.state for line in OpinionLog(tmp_path / "opinions" / "log.jsonl").lines()}
        assert states == {"made", "not_usable"}


async def test_another_model_behind_the_same_name_is_noticed(tmp_path: Path, assess: Callable[..., Any]) -> None:
    def moved(messages: Messages) -> str:
        found = json.loads(able(messages))
        return answer(2, found["turns"][0]) if "You pain where?" in messages[1]["content"] else json.dumps(found)

    with running_provider(say=able) as provider:
        assert (await assess(provider=provider)).exit_code == 0
        assert (await assess(provider=provider)).exit_code == 0
        assert len(provider.asked) == PASSAGES
        provider.say = moved
        done = await assess("--check", provider=provider)
    assert done.exit_code == 0
    assert "It marks 1 of them otherwise than before, so it is another model: grammar-low." in done.output


async def test_without_a_model_it_is_off_and_says_so(tmp_path: Path, assess: Callable[..., Any]) -> None:
    async with world(tmp_path) as one:
        practice = await spoken(one, mode="practice")
        done = await assess(practice)
        assert done.exit_code == 1
        assert done.output.strip() == "There is no second opinion: it is off: no host or key of a remote one is set."
        told = (await one.client(Authorization=f"Bearer {DEVELOPER}").get(f"/api/sessions/{practice}/opinion")).json()
        assert (told["state"], told["say"]) == ("off", "it is off: no model is named (MASTER_MODEL_NAME)")


async def test_a_reason_that_hurts_is_asked_for_again_and_then_not_taken(
    tmp_path: Path, assess: Callable[..., Any]
) -> None:
    async with world(tmp_path) as one:
        eva, finn = [await one.person(login, "examiner") for login in EXAMINERS]
        exam = await spoken(one, examiners=EXAMINERS)

        def rude(messages: Messages) -> str:
            if "leg wound" not in messages[1]["content"]:
                return able(messages)
            if "Relationship building" in messages[1]["content"] or len(messages) == 2:
                return answer(2, reason="A terrible and stupid way to talk to a patient.")
            assert "the reason is harsh" in messages[-1]["content"]
            return answer(3)

        with running_provider(say=rude) as provider:
            done = await assess(exam, provider=provider)
            assert done.exit_code == 1
            assert f"{exam}: {CRITERIA - 1} of {CRITERIA} criteria" in done.output
        for client in (eva, finn):
            await save(client, exam, "signed", 0)
        told = {
            each["criterion"]: each for each in (await eva.get(f"/api/sessions/{exam}/opinion")).json()["evaluations"]
        }
        assert (told["giving"]["mark"], told["giving"]["reason"]) == (3, REASON)
        assert (told["relationship"]["state"], told["relationship"]["mark"]) == ("not_usable", None)
        lines = [line for line in OpinionLog(tmp_path / "opinions" / "log.jsonl").lines() if line.session]
        assert {line.tone for line in lines} == {("harsh",), ("harsh", "harsh")}
        assert {line.tries for line in lines} == {2}


async def test_a_spent_budget_ends_the_run_and_says_what_is_left(tmp_path: Path, assess: Callable[..., Any]) -> None:
    async with world(tmp_path) as one:
        exams = [await spoken(one) for _ in range(3)]
        with running_provider(say=able) as provider:
            assert (await assess(provider=provider)).exit_code == 0
            spent = json.loads((tmp_path / "opinions" / "spending.json").read_text())
            # A question is held back with what it may cost, some 1,800 tokens, and costs 230.
            most = spent["tokens_in"] + spent["tokens_out"] + 5_000
            limits = (f"second_opinion.budget.day_tokens={most}", "second_opinion.budget.price_in=2")
            done = await assess("--all", "exam", provider=provider, settings=limits)
            assert done.exit_code == 1
            assert isinstance(done.exception, Exception)
            assert "second_opinion.budget.day_tokens is spent" in str(done.exception)
            assert "role-plays are left." in done.output
            asked = len(of_sessions(provider))
            assert 0 < asked < 3 * CRITERIA
            # The next day goes on where it stopped.
            (tmp_path / "opinions" / "spending.json").unlink()
            done = await assess("--all", "exam", provider=provider)
            assert done.exit_code == 0, done.output
            assert all(f"{exam}: {CRITERIA} of {CRITERIA}" in done.output for exam in exams)


async def test_hosts_that_fail_cost_nothing_that_was_there(tmp_path: Path, assess: Callable[..., Any]) -> None:
    async with world(tmp_path) as one:
        exam = await spoken(one)
        with running_provider(say=able) as provider:
            assert (await assess(exam, provider=provider)).exit_code == 0
            before = (tmp_path / "sessions" / exam / OPINION).read_bytes()
            provider.key = "another"
            done = await assess(exam, "--again", provider=provider)
            assert done.exit_code == 1
            assert "refuses the key" in str(done.exception)
            assert (tmp_path / "sessions" / exam / OPINION).read_bytes() == before
            # Three tries for a question, and another question after it. What was there of the first stays.
            provider.key, provider.behaviours = KEY, ["500", "garbage", "early"]
            done = await assess(exam, "--again", provider=provider, settings=("engines.remote.waits.open_s=0.2",))
            assert f"{exam}: {CRITERIA} of {CRITERIA} criteria" in done.output
            states = [line.state for line in OpinionLog(tmp_path / "opinions" / "log.jsonl").lines()]
            assert states[-CRITERIA:] == ["failed", *["made"] * (CRITERIA - 1)]


async def test_nothing_leaves_for_elsewhere_without_consent_and_names_never(
    tmp_path: Path, assess: Callable[..., Any]
) -> None:
    words = "I agree that an OpenAI-compatible server (Utopia) gets the text, and gives a second opinion."
    consent = ConsentGiven("1", words, "an OpenAI-compatible server", "Utopia")
    async with world(tmp_path) as one:
        refused, agreed = await spoken(one), await spoken(one, consent=consent)
        with running_provider(say=able) as provider:
            elsewhere = ("engines.remote.country=Utopia",)
            done = await assess(refused, agreed, provider=provider, settings=elsewhere)
            assert f"{refused}: not judged: the candidate did not agree to a second opinion" in done.output
            assert f"{agreed}: {CRITERIA} of {CRITERIA}" in done.output
            assert len(of_sessions(provider)) == CRITERIA
            assert not [asked for asked in provider.asked if "Zelda" in asked.text or "Quist" in asked.text]
            assert "My name is [name]" in of_sessions(provider)[0].text


async def test_what_can_not_be_judged_is_named_and_the_rest_is(tmp_path: Path, assess: Callable[..., Any]) -> None:
    async with world(tmp_path) as one:
        empty, erased, exam = await one.past(mode="exam"), await spoken(one), await spoken(one)
        RecordFolder(tmp_path / "sessions" / erased).erase()
        with running_provider(say=able) as provider:
            done = await assess(empty, erased, exam, provider=provider)
            assert done.exit_code == 1
            assert done.output.count("not judged: there is nothing to judge") == 2
            assert f"{exam}: {CRITERIA} of {CRITERIA}" in done.output
            gone = await assess("sess_none", provider=provider)
            assert "there is no role-play 'sess_none'" in str(gone.exception)
            assert (await assess("--all", "everything", provider=provider)).exit_code == 2
