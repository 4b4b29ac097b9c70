"""A judge of the patient behind real HTTP: what it is asked, when it is believed, what is kept and shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from common.sealed_files import is_sealed
from pipelines.events import ConsentGiven, LanguageModelAsked
from server.judging.judge_log import JudgeLog
from server.judging.judge_references import load_judge_references
from server.judging.judge_rules import JUDGE_RULES
from server.judging.session_judgement import read_judgement
from server.records.folder import JUDGEMENT, RecordFolder
from tests.app.accounts import World, world
from tests.app.asked_model import asked_command, log_of_past
from tests.fakes.provider import KEY, Asked, Provider, running_provider

pytestmark = pytest.mark.asyncio

REFERENCES = load_judge_references()
COUNT = len(REFERENCES.replies)
SPEAKER = "smollm2-135m-instruct"
DIGEST = "5a" * 32
LEAK = "I light up fifteen times a day, you know."
Messages = list[dict[str, Any]]


def verdict(*broken: str, reason: str = "So it says.") -> str:
    return json.dumps({name: name not in broken for name in JUDGE_RULES} | {"reason": reason})


def able(messages: Messages) -> str:
    """Answer as a judge that agrees with the references, and knows a leak."""
    asked = messages[1]["content"]
    for reply in REFERENCES.replies:
        if f"The reply to judge: {json.dumps(reply.reply, ensure_ascii=False)}" in asked:
            return verdict(*reply.breaks)
    return (
        verdict("no_leak", reason="It tells of the smoking.") if LEAK in asked.rpartition("judge: ")[2] else verdict()
    )


def of_sessions(provider: Provider) -> list[Asked]:
    return [asked for asked in provider.asked if "Zelda" in asked.text or "leg" in asked.text.lower()]


async def spoken(
    one: World, *, sealed: bool = False, consent: ConsentGiven | None = None, by_model: bool = True
) -> str:
    """Make a practice that is over; a language model worded two of the three replies. Return its id."""
    session_id = await one.past()
    said = (("My name is Zelda Quist.", "Morning."), ("Did you come by bus?", "I walked."), ("Go on.", LEAK))
    async with log_of_past(one, session_id, sealed=sealed, consent=consent) as log:
        for number, (question, reply) in enumerate(said, 1):
            log.candidate(question)
            if by_model and number > 1:
                times = (120, 9, 0, 100.0, 200.0, "prompt", reply)
                log.note(LanguageModelAsked(number, number, SPEAKER, DIGEST, "model", "", *times))
            log.patient(reply)
    return session_id


@pytest.fixture
def judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return `interlocutor judge` with a provider as the remote host."""
    monkeypatch.setenv("MASTER_MODEL_NAME", "large")
    return asked_command("judge", tmp_path)


async def test_what_a_model_said_is_judged_and_kept_with_who_said_it_and_shown_in_the_metrics(
    tmp_path: Path, judge: Callable[..., Any]
) -> None:
    async with world(tmp_path) as one:
        practice = await spoken(one, sealed=True)
        folder = tmp_path / "sessions" / practice
        with running_provider(say=able) as provider:
            done = await judge(practice, "--show", provider=provider)
            assert done.exit_code == 0, done.output
            assert f"{practice}: 2 of 2 replies judged, 1 of them break a rule" in done.output
            assert f'reply 3: "{LEAK}"' in done.output
            assert "no_leak: It tells of the smoking." in done.output
            assert len(provider.asked) == COUNT + 2
            bodies = [asked.body for asked in provider.asked]
            assert {(body["model"], body["temperature"], body["max_tokens"]) for body in bodies} == {
                ("large", 0.0, 300)
            }

            # Equal questions are not asked again, unless somebody wants it; the card's words only with --every.
            assert (await judge(practice, provider=provider)).exit_code == 0
            assert len(provider.asked) == COUNT + 2
            assert (await judge(practice, "--every", provider=provider)).exit_code == 0
            assert len(provider.asked) == COUNT + 3
            assert (await judge(practice, "--again", provider=provider)).exit_code == 0
            assert len(provider.asked) == COUNT + 5

        assert is_sealed(folder / JUDGEMENT)
        kept = read_judgement(folder, one.server.vault.open_session(folder))
        assert kept is not None
        assert (kept.judge, kept.digest, kept.references) == ("large", "", "1")
        assert [(each.speaker, each.speaker_digest, each.verdict.broken) for each in kept.replies] == [
            (SPEAKER, DIGEST, ()),
            (SPEAKER, DIGEST, ("no_leak",)),
        ]
        log = tmp_path / "judge" / "log.jsonl"
        lines = JudgeLog(log).lines()
        assert sum(line.cached for line in lines) == 4
        assert {line.speaker_digest for line in lines if line.session and line.reply > 1} == {DIGEST}
        assert LEAK not in log.read_text()
        # The server shows it, though another process judged.
        shown = (await one.client().get("/metrics")).text
        assert "voice_judged_replies 2.0" in shown
        assert 'voice_judged_broken{rule="no_leak"} 1.0' in shown
        report = await judge("--report")
        assert (
            f"{SPEAKER} ({DIGEST[:12]}): 2 replies judged; rules broken: faithful 0, in_role 0, no_leak 1"
            in report.output
        )
        assert json.loads((await judge("--report", "--json")).output)[0]["replies"] == 2

        # It goes with the record.
        RecordFolder(folder).erase()
        assert not (folder / JUDGEMENT).exists()


@pytest.mark.parametrize(
    ("say", "fault"),
    [
        (lambda _: verdict(), "no_leak: it finds 0 of"),
        (lambda _: verdict(*JUDGE_RULES), "faithful: it spares 0 of"),
        (lambda _: "Sure! The patient did very well.", "in_role: it finds 0 of"),
    ],
)
async def test_a_judge_that_gets_the_references_wrong_judges_nothing(
    tmp_path: Path, judge: Callable[..., Any], say: Callable[[Messages], str], fault: str
) -> None:
    async with world(tmp_path) as one:
        practice = await spoken(one)
        with running_provider(say=say) as provider:
            done = await judge(practice, provider=provider)
        assert done.exit_code == 1
        assert fault in done.output
        assert "It is not usable as a judge; nothing else was asked." in done.output
        assert not (tmp_path / "sessions" / practice / JUDGEMENT).exists()
        assert (await judge("--report")).output.strip() == "Nothing was judged yet."


async def test_an_answer_that_is_no_verdict_is_asked_for_again_and_costs_one_reply(
    tmp_path: Path, judge: Callable[..., Any]
) -> None:
    def muddled(messages: Messages) -> str:
        if LEAK in messages[1]["content"].rpartition("judge: ")[2]:
            return "I can't say."
        if "I walked." in messages[1]["content"].rpartition("judge: ")[2] and len(messages) == 2:
            return '{"faithful": "yes"}'
        return able(messages)

    async with world(tmp_path) as one:
        practice = await spoken(one)
        with running_provider(say=muddled) as provider:
            done = await judge(practice, provider=provider)
        assert done.exit_code == 1
        assert f"{practice}: 1 of 2 replies judged, 0 of them break a rule" in done.output
        lines = [line for line in JudgeLog(tmp_path / "judge" / "log.jsonl").lines() if line.session]
        assert [(line.state, line.why, line.tries) for line in lines] == [("made", "", 2), ("not_usable", "form", 2)]


async def test_hosts_that_fail_take_nothing_away_and_a_spent_budget_ends_the_run(
    tmp_path: Path, judge: Callable[..., Any]
) -> None:
    async with world(tmp_path) as one:
        practices = [await spoken(one) for _ in range(2)]
        with running_provider(say=able) as provider:
            assert (await judge(practices[0], provider=provider)).exit_code == 0
            path = tmp_path / "sessions" / practices[0] / JUDGEMENT
            before = path.read_bytes()
            provider.key = "another"
            done = await judge(practices[0], "--again", provider=provider)
            assert "the model gives no verdict" in str(done.exception)
            assert "refuses the key" in str(done.exception)
            assert path.read_bytes() == before
            provider.key = KEY
            spent = ("judge.budget.day_tokens=1000",)
            done = await judge(practices[1], provider=provider, settings=spent)
            assert "judge.budget.day_tokens is spent" in str(done.exception)
            assert "1 role-plays are left." in done.output


async def test_nothing_leaves_for_elsewhere_unless_the_consent_says_so(
    tmp_path: Path, judge: Callable[..., Any]
) -> None:
    def consent(words: str) -> ConsentGiven:
        return ConsentGiven("1", words, "an OpenAI-compatible server", "Utopia")

    async with world(tmp_path) as one:
        unasked = await spoken(one)
        marked = await spoken(one, consent=consent("An OpenAI-compatible server (Utopia) gives a second opinion."))
        agreed = await spoken(one, consent=consent("An OpenAI-compatible server (Utopia) checks the patient."))
        with running_provider(say=able) as provider:
            elsewhere = ("engines.remote.country=Utopia",)
            done = await judge(unasked, marked, agreed, provider=provider, settings=elsewhere)
            assert done.exit_code == 1
            for refused in (unasked, marked):
                assert f"{refused}: not judged: the candidate did not agree" in done.output
            assert f"{agreed}: 2 of 2 replies judged" in done.output
            assert not [asked for asked in provider.asked if "Quist" in asked.text]


async def test_where_no_model_spoke_or_none_is_named_it_says_so(tmp_path: Path, judge: Callable[..., Any]) -> None:
    async with world(tmp_path) as one:
        by_card, empty = await spoken(one, by_model=False), await one.past()
        off = await judge(by_card)
        assert off.exit_code == 1
        assert off.output.strip() == "There is no judge: it is off: no host or key of a remote one is set."
        assert "judge.by is off" in (await judge(by_card, settings=("judge.by=off",))).output
        with running_provider(say=able) as provider:
            done = await judge(by_card, empty, provider=provider)
            assert f"{by_card}: not judged: there is nothing to judge: no language model worded a reply" in done.output
            assert f"{empty}: not judged: there is nothing to judge: nobody joined it" in done.output
            assert (await judge(by_card, "--every", provider=provider)).exit_code == 0
            assert "there is no role-play 'sess_none'" in str((await judge("sess_none", provider=provider)).exception)
            assert (await judge("--all", "everything", provider=provider)).exit_code == 2
