"""The parts of a remote mind that need no network: addresses, forms, hosts, sentences, the prompt, the plan."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from common.errors import EngineError
from pipelines.engines import HistoryItem, RespondRequest
from pipelines.responders.remote.allowed_addresses import is_private, read_address
from pipelines.responders.remote.attempt import retry_after_s
from pipelines.responders.remote.chat_messages import MOST_ITEMS, chat_messages
from pipelines.responders.remote.failures import RemoteFailure
from pipelines.responders.remote.forms import AnthropicForm, Asking, ChatMessage, OpenAiForm
from pipelines.responders.remote.remote_host import Hosts, RemoteHost
from pipelines.responders.remote.remote_plan import RemotePlan, plan_remote
from pipelines.responders.remote.reply_sentences import SentenceCutter, is_said, speakable, without_said
from pipelines.responders.remote.server_sent import EventReader
from pipelines.responders.remote.settings import RemoteKeys, RemoteSettings, RemoteWaits
from tests.fakes.remote import CARD_WORDS, request

# ------------------------------------------------------------------ addresses


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("10.0.0.5", "http://10.0.0.5:11434"),
        ("ollama:8080", "http://ollama:8080"),
        ("http://ollama", "http://ollama:80"),
        ("http://[::1]:9000/v1", "http://[::1]:9000"),
        ("https://llm.example.org/v1/", "https://llm.example.org:443"),
        ("http://gpu.internal:1234", "http://gpu.internal:1234"),
    ],
)
def test_addresses_are_read(text: str, shown: str) -> None:
    address = read_address(text, setting="hosts", path="/v1")
    assert str(address.origin) == shown
    assert address.url("/x") == f"{shown}/v1/x"


@pytest.mark.parametrize(
    "text",
    [
        "http://llm.example.org",
        "http://93.184.216.34",
        "http://0.0.0.0",
        "ftp://10.0.0.5",
        "https://user:pass@llm.example.org",
        "https://llm.example.org/v1?key=secret",
        "https://",
        "http://10.0.0.5:99999",
        "",
    ],
)
def test_addresses_that_may_not_be_used_are_refused_with_what_to_do(text: str) -> None:
    with pytest.raises(EngineError, match=r"^engines\.remote\.hosts: .*(write|must be|give)") as caught:
        read_address(text, setting="engines.remote.hosts")
    assert "pass" not in caught.value.message
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    ("address", "private"),
    [
        ("127.0.0.1", True),
        ("192.168.1.9", True),
        ("fd00::1", True),
        ("::ffff:10.0.0.1", True),
        ("::ffff:8.8.8.8", False),
        ("8.8.8.8", False),
        ("0.0.0.0", False),
    ],
)
def test_private_addresses_are_told_from_public_ones(address: str, private: bool) -> None:
    assert is_private(address) is private


# ------------------------------------------------------------------ forms


@given(st.binary(max_size=400), st.integers(1, 7))
def test_events_are_the_same_in_whatever_pieces_they_come(noise: bytes, step: int) -> None:
    stream = b"data: one\r\n\r\n: ping\n\ndata: t\xc3\xa9\ndata: two\n\n" + noise
    whole = EventReader().feed(stream)
    reader = EventReader()
    pieces = [data for at in range(0, len(stream), step) for data in reader.feed(stream[at : at + step])]
    assert whole[:2] == ["one", "té\ntwo"]
    assert pieces == whole


def test_an_event_without_end_is_refused() -> None:
    reader = EventReader()
    for _ in range(64):
        reader.feed(b"x" * 1_000)
    with pytest.raises(RemoteFailure, match="64 KiB"):
        reader.feed(b"x" * 2_000)


@pytest.mark.parametrize("form", [OpenAiForm(), AnthropicForm()])
@pytest.mark.parametrize("data", ["", "{", "[]", "null", "3", "{}", '{"choices": 3}', "[" * 5_000])
def test_what_is_no_event_is_a_failure_or_says_nothing(form: OpenAiForm | AnthropicForm, data: str) -> None:
    assert read(form, data) in ("", "remote.broken")


def read(form: OpenAiForm | AnthropicForm, data: str) -> str:
    """Return the text of an event, or the code of its failure."""
    try:
        return form.read(data).text
    except RemoteFailure as failure:
        return failure.code


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["type", "choices", "delta", "content", "usage", "message", "text", "error", "prompt_tokens"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=8,
    )
)
def test_no_event_breaks_a_form(value: object) -> None:
    for form in (OpenAiForm(), AnthropicForm()):
        assert isinstance(read(form, json.dumps(value)), str)


def test_what_a_provider_says_of_an_error_is_not_repeated() -> None:
    with pytest.raises(RemoteFailure) as caught:
        OpenAiForm().read(json.dumps({"error": {"type": "server_error", "message": "of 'my name is Sarah'"}}))
    assert "Sarah" not in caught.value.detail
    assert "server_error" in caught.value.detail


def test_anthropic_gets_its_system_apart_and_roles_by_turns() -> None:
    said = [
        ChatMessage("system", "S"),
        ChatMessage("assistant", "A"),
        ChatMessage("user", "1"),
        ChatMessage("user", "2"),
    ]
    body = AnthropicForm().body(Asking("m", said, 50, 0.5))
    assert body["system"] == "S"
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]
    assert body["messages"][-1]["content"] == "1\n\n2"
    assert (body["max_tokens"], body["temperature"], body["stream"]) == (50, 0.5, True)


@pytest.mark.parametrize(("text", "seconds"), [("3", 3.0), ("-1", 0.0), ("nan", None), ("", None), ("soon", None)])
def test_retry_after_is_read(text: str, seconds: float | None) -> None:
    assert retry_after_s({"Retry-After": text}) == seconds
    assert retry_after_s({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0.0


# ------------------------------------------------------------------ hosts


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def make_hosts(clock: Clock, count: int = 2) -> Hosts:
    waits = RemoteWaits(open_after=2, open_s=10.0)
    return Hosts(
        [
            RemoteHost(read_address(f"10.0.0.{n}", setting="hosts"), waits=waits, now_s=clock)
            for n in range(1, count + 1)
        ]
    )


def test_the_breaker_opens_lets_one_through_and_closes() -> None:
    clock = Clock()
    hosts = make_hosts(clock, 1)
    (host,) = hosts.all
    for _ in range(2):
        assert hosts.choose() is host
        host.failed(RemoteFailure("remote.failed", ""))
    assert (host.state, hosts.choose()) == ("open", None)
    clock.now_s = 10.0
    assert host.state == "half-open"
    with host.request():
        assert hosts.choose() is None  # one is enough to know
    host.failed(RemoteFailure("remote.failed", ""))
    clock.now_s = 20.0
    assert host.state == "open"  # for longer each time
    clock.now_s = 31.0
    with host.request():
        host.succeeded()
    assert (host.state, hosts.choose()) == ("closed", host)


def test_the_least_busy_is_asked_and_equals_by_turns() -> None:
    hosts = make_hosts(Clock(), 3)
    one, two, three = hosts.all
    with one.request(), one.request(), two.request():
        assert {hosts.choose() for _ in range(4)} == {three}
        assert hosts.choose(avoid=[three]) is two
    assert {hosts.choose() for _ in range(3)} == {one, two, three}


def test_a_host_that_is_left_alone_is_tried_before_a_reply_is_given_up() -> None:
    hosts = make_hosts(Clock())
    one, two = hosts.all
    for _ in range(2):
        two.failed(RemoteFailure("remote.broken", ""))
    assert hosts.choose() is one
    assert hosts.choose(avoid=[one]) is two
    two.failed(RemoteFailure("remote.key", ""))
    assert hosts.choose(avoid=[one]) is one


# ------------------------------------------------------------------ sentences


def cut(text: str, step: int = 1) -> list[str]:
    cutter = SentenceCutter()
    found = [sentence for at in range(0, len(text), step) for sentence in cutter.feed(text[at : at + step])]
    return found + cutter.flush()


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("It hurts. I can't sleep! Can you help?", ["It hurts.", "I can't sleep!", "Can you help?"]),
        ("Dr. Lee gave me 2.5 mg of it. Twice.", ["Dr. Lee gave me 2.5 mg of it.", "Twice."]),
        ("**Well** *sighs* it _hurts_ 😢 here.", ["Well it hurts here."]),
        ("<think>She asks. I lie.</think>Since Monday. Really.", ["Since Monday.", "Really."]),
        ("<think>never closed. at all.", []),
        ("# Pain\n\n- It burns.\n- It aches.", ["Pain", "It burns.", "It aches."]),
        ("[name] Hello [name], it is bad.", ["Hello, it is bad."]),
        ("", []),
        ("...", []),
    ],
)
@pytest.mark.parametrize("step", [1, 3, 1000])
def test_an_answer_is_cut_into_sentences_that_can_be_said(text: str, sentences: list[str], step: int) -> None:
    assert cut(text, step) == sentences


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Well, it started three days ago, after dinner. It hurts.", "Well, it started three days ago,"),
        ("It started three days ago. It hurts, badly, at night.", "It started three days ago."),
        ("*sighs*, it started yesterday, after lunch. It hurts.", "it started yesterday, after lunch."),
        ("I took 1,000 milligrams of it, twice a day.", "I took 1,000 milligrams of it,"),
    ],
)
@pytest.mark.parametrize("step", [1, 4])
def test_the_first_clause_is_not_held_back_for_its_sentence(text: str, first: str, step: int) -> None:
    cutter = SentenceCutter(eager=True)
    found = [piece for at in range(0, len(text), step) for piece in cutter.feed(text[at : at + step])]
    whole = " ".join(found + cutter.flush())
    # In larger pieces the end of the sentence comes with that of the clause.
    assert found[0] == first if step == 1 else found[0].startswith(first)
    assert whole.split() == speakable(text).split()
    assert without_said("Well, it started three days ago, after dinner.", ["Well, it started three days ago,"]) == (
        "after dinner."
    )


def test_text_without_a_mark_is_cut_all_the_same() -> None:
    found = cut("and so on " * 100, 5)
    assert max(len(sentence.split()) for sentence in found) <= 40
    assert sum(len(sentence.split()) for sentence in found) == 300


@given(st.text(max_size=300), st.integers(1, 20))
def test_whatever_a_model_writes_can_be_said(text: str, step: int) -> None:
    for sentence in cut(text, step):
        assert sentence == speakable(sentence) or speakable(sentence)
        assert not set("*`#<>[]{}") & set(sentence)


def test_what_was_said_is_known_again() -> None:
    said = ["It started three days ago.", "No, it doesn't hurt."]
    assert is_said("it started three days ago", said, nearly=False)
    assert is_said("It started just three days ago.", said, nearly=True)
    assert not is_said("It started just three days ago.", said, nearly=False)
    assert not is_said("It hurts when I breathe in.", said, nearly=True)


# ------------------------------------------------------------------ the prompt


def test_the_prompt_has_persona_history_release_and_nothing_else() -> None:
    asked = request()
    text = "\n".join(message.content for message in chat_messages(asked))
    for part in (asked.persona.name, str(asked.persona.age), asked.persona.mood, CARD_WORDS, asked.text):
        assert part in text
    # What a request holds is all that there is to tell: a card is not among its types.
    assert "card" not in {field.name for field in dataclasses.fields(RespondRequest)}


def test_a_long_history_is_cut_at_its_beginning_and_a_name_told_there_stays_here() -> None:
    from pipelines.responders.remote.scrub import Scrubber

    first = HistoryItem("candidate", "My name is Priya.")
    long = [first, *(HistoryItem("patient", f"Line {n}.") for n in range(40))]
    messages = chat_messages(request("Priya again. How are you?", history=long), scrub=Scrubber())
    assert len(messages) == MOST_ITEMS + 2
    assert messages[1].content == f"Line {40 - MOST_ITEMS}."
    assert "Priya" not in str(messages)


# ------------------------------------------------------------------ the plan


def plan(**settings: object) -> RemotePlan:
    return plan_remote(RemoteSettings.model_validate(settings))


def test_the_only_provider_that_is_set_is_taken() -> None:
    made = plan(keys=RemoteKeys(openai=SecretStr("sk-a-key")), model="gpt-x")
    assert (made.name, made.country) == ("openai", "the United States")
    assert str(made.addresses[0].origin) == "https://api.openai.com:443"
    assert "sk-a-key" not in repr(made)
    assert plan(keys=RemoteKeys(google=SecretStr("k")), model="gemini-x").name == "gemini"
    assert plan(ollama_hosts=["a", "b", "a"], model="m").country == "the operator's own network"
    assert len(plan(ollama_hosts=["a", "b", "a"], model="m").addresses) == 2


@pytest.mark.parametrize(
    ("settings", "start"),
    [
        ({}, "engines.remote: "),
        ({"ollama_hosts": ["a"]}, "engines.remote.model: "),
        ({"provider": "openai", "model": "m"}, "engines.remote.keys.openai: "),
        ({"provider": "ollama", "model": "m"}, "engines.remote.ollama_hosts: "),
        ({"provider": "compatible", "model": "m"}, "engines.remote.hosts: "),
        ({"ollama_hosts": ["a"], "hosts": ["b"], "model": "m"}, "engines.remote.provider: ollama and compatible"),
        ({"hosts": ["https://llm.example.org/v1"], "model": "m"}, "engines.remote.country: "),
        ({"provider": "openai", "model": "m", "keys": {"openai": "sk-\u00e9"}}, "engines.remote.keys.openai: holds"),
    ],
)
def test_what_is_missing_is_named(settings: dict[str, object], start: str) -> None:
    with pytest.raises(EngineError) as caught:
        plan(**settings)
    assert caught.value.message.startswith(start)
