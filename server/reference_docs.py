"""The pages of docs that are made from the code: `python -m server.reference_docs docs`."""

from __future__ import annotations

import json
import sys
import types
import typing
from pathlib import Path
from typing import Any

import annotated_types
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from pipelines.assessment.measure import DEFINITIONS
from server.metrics import LABEL_VALUES, Metrics
from server.settings import layers
from server.settings.aliases import ALIASES
from server.settings.profiles import PROFILES
from server.settings.tree import DESCRIPTIONS, LEAVES

_MADE = "<!-- Made by `python -m server.reference_docs docs`; change the code, not this page. -->"
_TYPE_NAMES: dict[Any, str] = {int: "whole number", float: "number", bool: "true or false", str: "text", Path: "path"}


def settings_markdown() -> str:
    """Return docs/settings.md: every setting, and every name that is understood besides."""
    lines = [
        "# Settings",
        "",
        _MADE,
        "",
        "Settings come from six layers. Later layers win: defaults in the code, a profile, `configs/base.yaml`,",
        "`configs/<environment>.yaml`, environment variables (and a file `.env` where a command is",
        "started, or the one that `INTERLOCUTOR_ENV_FILE` names; a variable that is set wins), `--set a.b=value` on",
        "the command line.",
        "",
        "To get the environment variable of a setting, write its path in capitals, with `__` for each dot and",
        f"`INTERLOCUTOR__` in front: `server.port` becomes `{layers.variable_name('server.port')}`. An empty variable",
        "sets nothing. Write lists as `a, b` or `[a, b]`. `null` unsets a setting that may be unset. An unknown name",
        "in any layer is an error. `interlocutor config show` shows every value and where it came from.",
        "`interlocutor config check` tells whether the server would start.",
        "",
        "Outside `dev` and `test`, the server refuses a secret that is empty, a placeholder or shorter than 32 bytes.",
        "It also refuses a secret in a file that everyone may read, in a YAML file, or on the command line. Production",
        "needs a `SECRET_KEY`, refuses mock and scripted engines, and accepts the embedded ones only with",
        "`server.allow_embedded_in_production`.",
        "",
        "## Every setting",
        "",
        "| Setting | Default | Values | Meaning |",
        "|---|---|---|---|",
    ]
    for path, field in LEAVES.items():
        default = f"`{_default(field)}`" if _default(field) else "-"
        meaning = field.description or DESCRIPTIONS[path]
        lines.append(f"| `{path}` | {default} | {_values(field)} | {meaning} |")
    lines += [
        "",
        "## Profiles",
        "",
        "`engines.profile` names a set of defaults for a kind of machine. You can set it in any layer. Its values lie",
        "below the files, so it never overrides a value that you set anywhere. `config show` names the profile as the",
        "origin of its values.",
        "",
        "| Profile | For | Sets |",
        "|---|---|---|",
    ]
    for name, profile in PROFILES.items():
        values = ", ".join(f"`{path}={value}`" for path, value in profile.values.items())
        lines.append(f"| `{name}` | {profile.meaning} | {values or '-'} |")
    lines += [
        "",
        "## Names of variables in use elsewhere",
        "",
        "Deployments already use these names. Each one sets something, or the server accepts it and logs that it has",
        "no effect. `INTERLOCUTOR__...` wins over them. If two names set the same setting, the one higher up wins.",
        "",
        "| Variable | Sets | |",
        "|---|---|---|",
    ]
    for alias in ALIASES:
        if alias.setting:
            lines.append(f"| `{alias.name}` | `{alias.setting}` | {alias.note} |")
        else:
            lines.append(f"| `{alias.name}` | - | No effect here, because {alias.note}. |")
    return "\n".join(lines) + "\n"


def metrics_markdown() -> str:
    """Return docs/metrics.md: every metric with its type, labels and meaning."""
    lines = [
        "# Metrics",
        "",
        _MADE,
        "",
        "`GET /metrics` answers in Prometheus' text format, unless `server.metrics_enabled` is false. Times are in",
        "seconds, except `prediction_latency_ms`, a name that deployments already use. Labels are closed sets; any",
        "other value counts as `other`.",
        "",
        "| Metric | Type | Labels | Meaning |",
        "|---|---|---|---|",
    ]
    for metric in Metrics(gpu_utilization=dict).registry.collect():
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        labels = LABEL_VALUES.get(name) or dict.fromkeys(_OPEN_LABELS.get(name, ()), ())
        shown = "; ".join(
            f"`{label}`" + (f": {', '.join(values)}" if values else "") for label, values in labels.items()
        )
        lines.append(f"| `{name}` | {metric.type} | {shown or '-'} | {metric.documentation} |")
    return "\n".join(lines) + "\n"


def measures_markdown() -> str:
    """Return docs/measures.md: every measure of a role-play with its definition and its limits."""
    lines = [
        "# Measures",
        "",
        _MADE,
        "",
        "After a role-play the server counts what can be counted. Each value comes with the stretches of the recording",
        "that it was taken from. A measure is never a mark and never a band: an examiner judges, and the numbers are",
        "evidence. Candidates see the measures of their own practice, never those of an exam.",
        "",
        "A measure has no value where too little was said (`too_little`), where the recogniser was unsure of more than",
        "a quarter of the words or can't tell (`unsure`), and where nothing called for it (`not_due`): no worry was",
        "told, nothing was explained.",
        "",
        "Turns and pauses are timed by the sound of the candidate's track, once it is there. How true these times and",
        "the rates are, and how many fillers a recogniser leaves out, is measured by `interlocutor eval measures`:",
        "see [benchmarks](benchmarks.md).",
        "",
        "What the candidate's sentences do is what [the patient's understanding](engines.md) takes them for, asked",
        "sentence by sentence once the role-play is over.",
        "",
        "| Measure | Unit | What is counted | Limits |",
        "|---|---|---|---|",
    ]
    lines += [f"| `{of}` | {each.unit} | {each.text} | {each.limits} |" for of, each in DEFINITIONS.items()]
    lines += [
        "",
        "## Tasks of the card",
        "",
        "A task is *heard* where there is ample sign of all that it asks for, *perhaps* where there is some of one",
        "part. Otherwise it is *not heard*, which is not the same as not done.",
        "",
        "- To find something out: the patient told at least half of the cues that belong to the task, and two or more.",
        "- To respond to a worry: the patient told it, and the next turn shows understanding or reassures.",
        "- To explain: two sentences and 25 words or more that are near in meaning to the task.",
        "- To advise: 20 words or more that are near to it, about two of the things that the task names.",
        "",
        "The text encoder finds what is near. Without one, nothing is said of tasks. How often a task that is called",
        "heard was done: [benchmarks](benchmarks.md), measured by `interlocutor eval tasks`.",
    ]
    return "\n".join(lines) + "\n"


_OPEN_LABELS = {
    "ai_model_memory_usage_bytes": ("model",),
    "ai_gpu_utilization_percent": ("gpu_id",),
    "voice_build_info": ("version",),
}


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is None or value is PydanticUndefined:
        return ""
    if isinstance(value, str | Path):
        return str(value)
    return json.dumps(value)


def _values(field: FieldInfo) -> str:
    kinds = [field.annotation]
    if typing.get_origin(field.annotation) in (typing.Union, types.UnionType):
        kinds = [kind for kind in typing.get_args(field.annotation) if kind is not types.NoneType]
    kind = kinds[0]
    if typing.get_origin(kind) is typing.Literal:
        return ", ".join(f"`{value}`" for value in typing.get_args(kind))
    if kind is SecretStr:
        return "secret"
    name = "list of texts" if typing.get_origin(kind) in (list, tuple) else _TYPE_NAMES[kind]
    return " ".join([name, *_bounds(field)])


def _bounds(field: FieldInfo) -> list[str]:
    words = []
    for bound in field.metadata:
        match bound:
            case annotated_types.Ge(ge=limit):
                words.append(f"from {limit}")
            case annotated_types.Gt(gt=limit):
                words.append(f"above {limit}")
            case annotated_types.Le(le=limit):
                words.append(f"to {limit}")
            case annotated_types.Lt(lt=limit):
                words.append(f"below {limit}")
    return words


PAGES = {"settings.md": settings_markdown, "metrics.md": metrics_markdown, "measures.md": measures_markdown}


def main(folder: Path) -> None:
    """Write the pages into `folder`."""
    for name, make in PAGES.items():
        (folder / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
