"""Cards: the ones in the repository, and every fault the library must name."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from common.errors import CardError
from pipelines.intent.words import tokens
from pipelines.patient.card import Card, Profession, public_view
from pipelines.patient.card_library import MAX_CARD_BYTES, CardLibrary, check

CARDS = Path(__file__).parents[2] / "configs" / "cards"


def make_card(**changes: Any) -> dict[str, Any]:
    """Return the data of a small valid card, with top-level keys replaced."""
    card: dict[str, Any] = {
        "id": "sore-knee",
        "version": 1,
        "title": "A sore knee",
        "profession": "physiotherapy",
        "setting": "Clinic",
        "candidate": {"role": "You are the physiotherapist.", "background": "A runner.", "tasks": ["a", "b", "c"]},
        "patient": {
            "name": "Ann Hill",
            "age": 30,
            "sex": "female",
            "mood": "calm",
            "history": "Ran a race.",
            "persona": "Runner.",
        },
        "cues": [
            {"id": "cause", "topic": "Cause", "kind": "asked", "triggers": ["what happened"], "says": ["I fell."]},
            {"id": "swelling", "topic": "Swelling", "kind": "asked", "triggers": ["is it swollen"], "says": ["A bit."]},
            {"id": "race", "topic": "A race", "kind": "volunteered", "after": ["cause"], "says": ["I have a race."]},
        ],
        "lines": {
            "greeting": ["Hello."],
            "acknowledge": ["Okay.", "I see."],
            "closing": ["Bye."],
            "say_again": ["Sorry?"],
            "silence": ["Hello?"],
            "not_on_card": ["I don't know.", "No idea."],
        },
    }
    card.update(changes)
    return card


def write(folder: Path, data: dict[str, Any], name: str | None = None) -> Path:
    path = folder / (name or f"{data['id']}.yaml")
    path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    cards = tmp_path / "cards"
    cards.mkdir()
    return cards


def test_repository_has_a_card_for_each_profession() -> None:
    assert check(CARDS) == []
    professions = [card.profession for card in CardLibrary.load(CARDS).values()]
    assert sorted(professions) == sorted(get_args(Profession))


@pytest.mark.parametrize("path", sorted(CARDS.glob("*.yaml")), ids=lambda path: path.stem)
def test_repository_cards_are_rich_and_spoken(path: Path) -> None:
    card = CardLibrary.load(CARDS)[path.stem]
    for cue in card.cues:
        assert 2 <= len(cue.says) <= 3
        assert all(len(text.split()) <= 25 for text in cue.says), cue.id
        if cue.kind == "asked":
            assert len(cue.triggers) >= 2, cue.id
        assert len(set(cue.triggers)) == len(cue.triggers)
    triggers = [trigger for cue in card.cues for trigger in cue.triggers]
    assert len(set(triggers)) == len(triggers), "a trigger stands at two cues"
    assert len(card.patient.hidden_facts) >= 6
    assert len(card.facts) >= 12
    for fact in card.facts:
        assert all(len(text.split()) <= 25 for text in fact.says), fact.id


@pytest.mark.parametrize("path", sorted(CARDS.glob("*.yaml")), ids=lambda path: path.stem)
def test_candidate_sees_nothing_of_what_the_patient_hides(path: Path) -> None:
    card = CardLibrary.load(CARDS)[path.stem]
    public = public_view(card).model_dump_json()
    for text in (*card.patient.hidden_facts, *(text for cue in card.cues for text in cue.says)):
        assert text not in public
    assert card.patient.mood not in public
    shown = set(tokens(public))
    secrets = {
        "nursing-leg-wound": {"diabetes", "metformin", "father", "fifteen"},
        "medicine-headaches": {"tumor", "colleague", "mother", "coffee"},
        "pharmacy-new-inhaler": {"cat", "penicillin", "basketball"},
        "veterinary-itchy-dog": {"cats", "kibble", "shampoo", "money"},
        "radiography-scan-tunnel": {"splinter", "stent", "lift", "aspirin", "allotment"},
    }
    assert not shown & secrets.get(card.id, set())


def test_library_is_a_mapping_with_digests(folder: Path) -> None:
    path = write(folder, make_card())
    library = CardLibrary.load(folder)
    assert dict(library) == {"sore-knee": Card.model_validate(make_card())}
    assert library.digest("sore-knee") == hashlib.sha256(path.read_bytes()).hexdigest()
    assert library.get_card("sore-knee").title == "A sore knee"
    with pytest.raises(CardError, match=r"no card 'x'; choose one of: sore-knee") as caught:
        library.get_card("x")
    assert caught.value.code == "card.unknown"


def test_lines_added_later_have_defaults(folder: Path) -> None:
    write(folder, make_card())
    lines = CardLibrary.load(folder)["sore-knee"].lines
    assert lines.permit
    assert lines.nothing_more


def _cues(**changes: Any) -> list[dict[str, Any]]:
    first, second, third = make_card()["cues"]
    return [first, second, {**third, **changes}]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"titel": "x"}, "cards/sore-knee.yaml: titel: unknown key"),
        ({"cues": _cues(says=[])}, "cards/sore-knee.yaml: cues.2.says: "),
        ({"cues": _cues(kind="asked")}, "cards/sore-knee.yaml: cues.2: cue 'race' is asked for but has no triggers"),
        ({"cues": _cues(colour="red")}, "cards/sore-knee.yaml: cues.2.colour: unknown key"),
        ({"cues": _cues(id="cause", after=[])}, "cards/sore-knee.yaml: cue id 'cause' is used twice"),
        ({"cues": _cues(after=["nothing"])}, "comes after 'nothing', which is not on this card"),
        ({"cues": _cues(after=["race"])}, "in a circle: race -> race"),
        ({"profession": "magic"}, "cards/sore-knee.yaml: profession: "),
        ({"version": "one"}, "cards/sore-knee.yaml: version: "),
        ({"lines": {"greeting": ["Hi."]}}, "cards/sore-knee.yaml: lines.closing: is missing"),
    ],
)
def test_fault_names_file_and_place(folder: Path, changes: dict[str, Any], expected: str) -> None:
    write(folder, make_card(**changes))
    faults = check(folder)
    assert any(expected in fault for fault in faults), faults
    assert all("\n" not in fault for fault in faults)
    with pytest.raises(CardError):
        CardLibrary.load(folder)


def test_circle_over_two_cues_is_found(folder: Path) -> None:
    cues = make_card()["cues"]
    cues[0]["after"] = ["race"]
    write(folder, make_card(cues=cues))
    assert check(folder) == ["cards/sore-knee.yaml: cues wait for each other in a circle: cause -> race -> cause"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"id: sore-knee\ncues: [1, 2\nlines: 3\n", "line 3"),
        (b"id: sore-knee\nid: other\n", "line 2, column 1: key 'id' occurs twice"),
        (b"a: &a [1]\nb: [*a, *a]\n", "aliases"),
        (b"id: \xff\xfe\n", "is not UTF-8"),
        (b"- a\n- b\n", "must be a mapping"),
        (b"", "must be a mapping"),
        (b"id: !!python/object/apply:os.getcwd []\n", "line 1"),
        (b"[" * 3000, "nested too deeply"),
        (b"? [a]\n: b\n", "line 1"),
        (b"day: 2024-02-31\n", "put the value in quotes"),
        (b"#" * (MAX_CARD_BYTES + 1), "larger than 256 KiB"),
    ],
)
def test_file_that_is_no_card(folder: Path, content: bytes, expected: str) -> None:
    (folder / "sore-knee.yaml").write_bytes(content)
    (fault,) = check(folder)
    assert fault.startswith("cards/sore-knee.yaml: ")
    assert expected in fault
    assert "\n" not in fault


def test_ids_must_be_unique_and_match_the_file(folder: Path) -> None:
    write(folder, make_card())
    write(folder, make_card(), name="other.yml")
    assert check(folder) == [
        "cards/other.yml: id: 'sore-knee' differs from the file's name; rename one of them",
        "cards/sore-knee.yaml: id: 'sore-knee' is already used by cards/other.yml; ids must be unique",
    ]


def test_all_faults_are_collected_and_counted(folder: Path) -> None:
    write(folder, make_card(titel="x", version=0))
    write(folder, make_card(id="second", setting=""), name="second.yaml")
    assert len(check(folder)) == 3
    with pytest.raises(CardError, match=r"and 2 more"):
        CardLibrary.load(folder)


def test_empty_or_missing_folder(folder: Path) -> None:
    with pytest.raises(CardError, match=r"holds no cards"):
        CardLibrary.load(folder)
    with pytest.raises(CardError, match=r"is not a folder"):
        CardLibrary.load(folder / "nowhere")
