"""The language of scripted conversations: what can't be read is refused with file and line, what fails says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.component.scripted import Anchor, ScriptError, read_script
from tests.component.scripted_judge import judge_script
from tests.component.scripted_run import run_script

TURN = 'wait always 600 ms\nsay "does it hurt" at 1 s for 0.8 s\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "some.script"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("sing loudly", "can't read 'sing loudly'"),
        ("say at 1 s", "say what?"),
        ('say "one two three" for 30 ms', "too short for 3 words"),
        ('say "one" at one second', "can't read"),
        ("mute 3 s to 2 s", "ends before it begins"),
        ('truncate "one"', "write `truncate to 700 ms"),
        ("commit to 3 s", "write `truncate to 700 ms"),
        ("echo_cancelled", "write `echo_cancelled on`"),
        ('answer "a" with "b" and "c"', "write clauses as"),
        ("expect miracles", "can't read 'expect miracles'"),
    ],
)
def test_what_cannot_be_read_is_refused_with_file_and_line(tmp_path: Path, line: str, complaint: str) -> None:
    with pytest.raises(ScriptError) as error:
        read_script(written(tmp_path, f"# A title\n\n{line}  # a comment\n"))
    assert str(error.value).startswith("some.script:3: ")
    assert complaint in str(error.value)


def test_a_script_without_expectations_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match=r"some\.script: expects nothing"):
        read_script(written(tmp_path, TURN))


def test_a_script_is_read(tmp_path: Path) -> None:
    script = read_script(
        written(
            tmp_path,
            '# A title\nsay "a # b" at 1.5 s\npause 300 ms\npause 0.2 s\ncough for 250 ms\n'
            'say "c" 1 s into reply 2\nsay "d" 10 ms after a rest\necho "e f" heard as "g"\nexpect no reply\n',
        )
    )
    assert script.title == "A title"
    assert [s.anchor for s in script.sounds] == [
        Anchor("session", 1_500.0),
        Anchor("sound", 500.0),
        Anchor("reply", 1_000.0, 2),
        Anchor("rest", 10.0),
        Anchor("sound", 0.0),
    ]
    assert [s.heard for s in script.sounds] == ["a # b", "", "c", "d", "g"]
    assert [s.for_ms for s in script.sounds] == [900.0, 250.0, 300.0, 300.0, 500.0]
    assert script.expects[0].sound == 4


@pytest.mark.parametrize(
    "expectation",
    [
        "expect reply after 599 ms",
        "expect reply within 500 ms",
        "expect reply between 1 s and 2 s",
        "expect no reply",
        "expect none before 3 s",
        "expect 2 replies",
        "expect 0 turns",
        'expect turn "does it"',
        "expect hold within 10 s",
        "expect resume within 10 s",
        "expect yield within 10 s",
        "expect ignored noise",
        'expect history patient "does it hurt"',
        'expect history candidate "does it hurt"\nexpect history candidate "does it hurt"',
        "expect told dark",
        "expect silence 2.5 s to 3 s",
        "expect end time_limit",
        "expect end ended at 3 s",
        "expect event problem",
        "expect event turn_committed turn=2",
        "expect event turn_committed 2 times",
        "expect no event turn_committed",
    ],
)
def test_an_expectation_that_is_not_met_says_so(tmp_path: Path, expectation: str) -> None:
    outcome = run_script(read_script(written(tmp_path, TURN + expectation)))
    (wrong,) = judge_script(outcome)
    assert wrong.startswith(f"some.script:{2 + len(expectation.splitlines())}: expect ")


@pytest.mark.parametrize("expectation", ["expect event miracle", "expect event turn_committed colour=red"])
def test_an_event_or_field_that_does_not_exist_is_a_mistake_of_the_script(tmp_path: Path, expectation: str) -> None:
    outcome = run_script(read_script(written(tmp_path, TURN + expectation)))
    with pytest.raises(ScriptError, match=r"some\.script:3: "):
        judge_script(outcome)


def test_an_unknown_setting_is_a_mistake_of_the_script(tmp_path: Path) -> None:
    script = read_script(written(tmp_path, TURN + "set conversation.patience_of_a_saint 1\nexpect no reply"))
    with pytest.raises(ValueError, match="patience_of_a_saint"):
        run_script(script)
