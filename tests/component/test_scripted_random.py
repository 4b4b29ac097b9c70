"""Conversations nobody wrote: random talk, random clients and engines; what must hold in every conversation holds."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.component.scripted import Act, Anchor, Answer, Script, Sound, Stretch
from tests.component.scripted_judge import always
from tests.component.scripted_run import run_script
from tests.nightly import NIGHTLY

TEXTS = [
    "",
    "mhm",
    "okay",
    "sorry",
    "um",
    "does it hurt",
    "and then i would",
    "please keep the leg up and rest it well",
]
ANSWERS = [
    Answer("reply", "", (("It began three weeks ago,", "began"), ("when I fell down the stairs at home.", "fall"))),
    Answer("reply", "does it hurt", (("Yes.", None),)),
]

anchors = st.one_of(
    st.builds(Anchor, st.just("sound"), st.sampled_from([60.0, 150.0, 310.0, 450.0, 630.0, 900.0, 1_400.0])),
    st.builds(Anchor, st.just("last_reply"), st.sampled_from([10.0, 130.0, 770.0, 1_510.0, 2_400.0])),
    st.builds(Anchor, st.just("rest"), st.sampled_from([20.0, 500.0])),
)
sounds = st.builds(
    lambda anchor, text, word_ms: Sound(0, anchor, word_ms * max(1, len(text.split())), text or "noise", text),
    anchors,
    st.sampled_from(TEXTS),
    st.sampled_from([90.0, 250.0, 600.0]),
)
acts = st.builds(
    lambda what, at_ms: Act(0, what, Anchor("session", at_ms), text="off", ms=300.0),
    st.sampled_from(["commit", "clear", "cancel", "ask", "type", "truncate", "echo_cancelled"]),
    st.integers(0, 600).map(lambda n: n * 20.0),
)
stretches = st.builds(
    lambda what, from_ms, for_ms: Stretch(what, from_ms, from_ms + for_ms),
    st.sampled_from(["mute", "late", "lost"]),
    st.integers(0, 400).map(lambda n: n * 20.0),
    st.sampled_from([60.0, 240.0, 1_000.0, 3_000.0]),
)
options = st.fixed_dictionaries(
    {
        "conversation.fixed_wait_ms": st.sampled_from([None, 200.0, 400.0, 800.0]),
        "conversation.drafts.enabled": st.booleans(),
        "recogniser.feed_ms": st.sampled_from([0.0, 2.0, 250.0]),
        "recogniser.finish_ms": st.sampled_from([0.0, 15.0, 700.0]),
        "responder.cost_ms": st.sampled_from([0.0, 30.0, 900.0]),
        "responder.clause_cost_ms": st.sampled_from([0.0, 200.0]),
        "synthesiser.cost_ms": st.sampled_from([0.0, 20.0, 400.0]),
        "synthesiser.pace": st.sampled_from([0.0, 0.3, 1.4]),
        "session.length_s": st.sampled_from([6, 1_200]),
    }
)


@given(
    sounds=st.lists(sounds, min_size=1, max_size=6),
    acts=st.lists(acts, max_size=2),
    stretches=st.lists(stretches, max_size=1),
    options=options,
    acknowledges=st.sampled_from(["exactly", "exactly", "backwards", "too fast", "stock"]),
)
@settings(
    max_examples=1_000 if NIGHTLY else 15,
    derandomize=not NIGHTLY,
    print_blob=NIGHTLY,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
def test_random_conversations_keep_their_invariants(
    sounds: list[Sound],
    acts: list[Act],
    stretches: list[Stretch],
    options: dict[str, object],
    acknowledges: str,
) -> None:
    script = Script(
        Path("random"),
        sounds=sounds,
        acts=acts,
        stretches=stretches,
        answers=ANSWERS,
        settings=options,
        acknowledges=acknowledges,
    )
    wrong = always(run_script(script))
    assert not wrong, "\n".join(wrong)
