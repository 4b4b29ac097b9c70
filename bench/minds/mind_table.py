"""The table of `eval patient`: for each kind of question, what each mind makes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bench.minds.patient_questions import KINDS
from bench.minds.weighing import KindSum, WeighedReply, sum_up
from bench.report_figures import Figure
from pipelines.responders.mind_evidence import MindEvidence

ALL = "all"


def sums_by_kind(judged: Sequence[WeighedReply]) -> dict[str, KindSum]:
    """Return the sums of each kind that was asked, then of all."""
    kinds = {kind: [each for each in judged if each.reply.kind == kind] for kind in KINDS}
    return {kind: sum_up(each) for kind, each in (*kinds.items(), (ALL, judged)) if each}


def figures_of_minds(sums: Mapping[str, Mapping[str, KindSum]]) -> Iterator[Figure]:
    """Yield every figure; `sums` are by mind (card, model, endpoint) and kind."""
    for mind, by_kind in sums.items():
        for kind, each in by_kind.items():
            name = f"patient_{mind}_{kind}"
            yield Figure(f"{name}_faithful", each.faithful, "share", n=each.count)
            yield Figure(f"{name}_on_topic", each.on_topic, "share", n=each.count)
            yield Figure(f"{name}_words", each.words, "words", n=each.count)
            yield Figure(f"{name}_first_clause_p50", each.first_ms_p50, "ms", n=each.count)
            yield Figure(f"{name}_first_clause_p95", each.first_ms_p95, "ms", n=each.count)
            yield Figure(f"{name}_worded", each.worded, "share", n=each.count, note=reasons(each))


def reasons(each: KindSum) -> str:
    """Return why the card's words stood in, the most frequent reason first."""
    return ", ".join(f"{why} {count}" for why, count in sorted(each.fell_back.items(), key=lambda item: -item[1]))


def print_minds(names: Mapping[str, str], sums: Mapping[str, Mapping[str, KindSum]]) -> None:
    """Print the table; `names` are what people call the minds."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title="who speaks for the patient", title_justify="left")
    for column in ("kind", "who", "n", "faithful", "on topic", "words", "first clause p50", "p95", "by the model"):
        table.add_column(column, justify="left" if column in ("kind", "who") else "right")
    table.add_column("else the card, because")
    for kind in (*KINDS, ALL):
        for mind, by_kind in sums.items():
            if (each := by_kind.get(kind)) is not None:
                table.add_row(
                    kind,
                    names[mind],
                    str(each.count),
                    f"{each.faithful:.1%}",
                    f"{each.on_topic:.1%}",
                    f"{each.words:.1f}",
                    f"{each.first_ms_p50:,.1f} ms",
                    f"{each.first_ms_p95:,.1f} ms",
                    f"{each.worded:.1%}",
                    reasons(each),
                )
        table.add_section()
    Console(width=None if Console().is_terminal else 170).print(table)


def told_of(evidence: MindEvidence) -> Iterator[str]:
    """Yield what `auto` goes by, a line for each kind of turn that the model was asked at."""
    yield f"where {evidence.model} was asked, by what the patient took the turn for:"
    for each in evidence.acts:
        yield f"  {each.shown}"
    better = ", ".join(each.act.value for each in evidence.acts if each.better)
    yield f"auto lets the model speak at: {better or 'nothing; the card speaks'}"
