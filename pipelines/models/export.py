"""Convert a model that was pulled into the form the server loads, in an environment of its own that has torch.

The server itself never imports torch: the environment lies beside the models, is made from pinned requirements when it
is first needed, and can be deleted afterwards. Its programs run as processes; all they say goes to a log file.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from common.errors import EngineError
from pipelines.models.catalogue import CatalogueEntry
from pipelines.models.catalogue import Export as Form
from pipelines.models.model_store import FileRecord, ModelStore, Provenance, sha256_of, writing
from pipelines.models.verify import verify_folder

HERE = Path(__file__).resolve().parent
QUANTIZATIONS = ("int8", "int8_float32", "int8_float16", "int8_bfloat16", "int16", "float16", "bfloat16", "float32")
ROOM_BYTES: dict[Form, int] = {"ctranslate2": 6 << 30, "onnx": 8 << 30}
"""What an environment takes where pip gives the builds of torch for GPUs, the largest ones."""
_COPIED = (
    "tokenizer.json",
    "tokenizer_config.json",
    "generation_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
)
_STAMP = ".made-from"


def export(
    entry: CatalogueEntry,
    store: ModelStore,
    say: Callable[[str], None],
    *,
    quantization: str = "int8_float32",
    requirements: Path | None = None,
) -> Path:
    """Convert a pulled model and return its folder; raises EngineError (`model.export_failed` and others).

    Args:
        entry: What to convert; it must have been pulled.
        store: Where it lies, and where the result goes.
        say: Told what is being done, a line at a time.
        quantization: How a language model's weights are kept; `int8_float32` serves CPUs and GPUs alike.
        requirements: Another list of packages than the pinned one.
    """
    if entry.export is None:
        raise EngineError(f"{entry.id} needs no conversion: pull it and it can be used", code="model.export_failed")
    source = store.source(entry.id)
    if not source.is_dir():
        raise EngineError(
            f"{entry.id} is not here yet: run `interlocutor models pull {entry.id}` first", code="model.not_installed"
        )
    with store.lock(entry.id, on_wait=lambda: say(f"somebody else is working on {entry.id}; waiting for them")):
        python = make_environment(store, entry.export, say, requirements=requirements)
        target = store.partial(entry.id) / "export"
        log = store.root / ".export-env" / f"{entry.id}.log"
        with writing(target):
            shutil.rmtree(target, ignore_errors=True)
            target.parent.mkdir(parents=True, exist_ok=True)
        say(f"converting {entry.id}; this takes minutes and some GiB of memory")
        _run(conversion(entry.export, python, source, target, quantization=quantization), log, say)
        faults = verify_folder(target, entry.kind)
        if faults:
            raise EngineError(
                f"the conversion of {entry.id} went wrong, see {log}: {faults[0].message}", code="model.export_failed"
            )
        _record(entry, source, target, quantization)
        store.install(target, store.folder(entry.id))
        shutil.rmtree(store.partial(entry.id), ignore_errors=True)
    return store.folder(entry.id)


def make_environment(
    store: ModelStore, form: Form, say: Callable[[str], None], *, requirements: Path | None = None
) -> Path:
    """Return the Python of the environment for this kind of conversion; makes it, or goes on making it, if need be."""
    requirements = requirements or HERE / f"export_{form}.txt"
    stamp = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    folder = store.root / ".export-env" / form
    python = folder / "bin" / "python"
    log = store.root / ".export-env" / f"{form}.log"
    with store.lock(f"export-env-{form}", on_wait=lambda: say("somebody else is making the environment; waiting")):
        made = folder / _STAMP
        if made.is_file() and made.read_text(encoding="utf-8") == stamp and python.exists():
            return python
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        _require_room(folder, form)
        say(f"making an environment with torch in {folder}; the first time this fetches some GiB")
        if not python.exists():
            _run([sys.executable, "-m", "venv", "--clear", str(folder)], log, say)
        _run(
            [str(python), "-m", "pip", "install", "--no-input", "--progress-bar=off", "-r", str(requirements)], log, say
        )
        with writing(made):
            made.write_text(stamp, encoding="utf-8")
    return python


def conversion(form: Form, python: Path, source: Path, target: Path, *, quantization: str) -> list[str]:
    """Return the command that converts `source` into the folder `target`."""
    if form == "onnx":
        return [str(python), "-I", "-u", "-W", "ignore", str(HERE / "export_coqui.py"), str(source), str(target)]
    copied = [name for name in _COPIED if (source / name).is_file()]
    command = [str(python), "-I", "-u", "-m", "ctranslate2.converters.transformers", "--model", str(source)]
    command += ["--output_dir", str(target), "--quantization", quantization, "--low_cpu_mem_usage", "--force"]
    return command + (["--copy_files", *copied] if copied else [])


def quiet_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables for these programs: nothing is looked up on a hub, nobody is told, no GPU is taken."""
    kept = {name: value for name, value in environ.items() if name not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}
    return kept | {
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "DO_NOT_TRACK": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "PYTHONUNBUFFERED": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }


def _run(command: Sequence[str], log: Path, say: Callable[[str], None]) -> None:
    """Run a program to its end, with all it says in the log and each line told; raises EngineError with its last."""
    last = ""
    with writing(log):
        log.parent.mkdir(parents=True, exist_ok=True)
        file = log.open("a", encoding="utf-8")
    with file:
        file.write(f"$ {' '.join(command)}\n")
        file.flush()
        environment = quiet_environment(os.environ)
        with subprocess.Popen(  # noqa: S603  (our own commands, without a shell)
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            text=True,
            errors="replace",
        ) as process:
            assert process.stdout is not None  # noqa: S101  (for the type checker)
            try:
                for line in process.stdout:
                    file.write(line)
                    if line.strip():
                        last = line.strip()
                        say(f"  {last[:160]}")
            except BaseException:
                process.terminate()
                raise
        if process.returncode == 0:
            return
    hint = _hint(log)
    raise EngineError(f"{Path(command[0]).name} failed: {last[:200]}; {hint}", code="model.export_failed")


def _hint(log: Path) -> str:
    text = log.read_text(encoding="utf-8", errors="replace")[-20_000:].lower()
    if "ensurepip" in text:
        return "install Python's venv (`apt-get install python3-venv`) and try again"
    if "no space left" in text:
        return "free some room on that disk, or set MODEL_PATH to another, and try again"
    if any(
        sign in text for sign in ("connection broken", "failed to establish", "name resolution", "no matching distrib")
    ):
        return f"check the network and pip's settings (PIP_INDEX_URL), and try again; all of it is in {log}"
    if "killed" in text or "memoryerror" in text or "cannot allocate" in text:
        return "there was too little memory; convert it on a larger machine and copy the folder"
    return f"all it said is in {log}"


def _require_room(folder: Path, form: Form) -> None:
    free = shutil.disk_usage(folder).free
    if free < ROOM_BYTES[form]:
        raise EngineError(
            f"an environment with torch needs up to {ROOM_BYTES[form] >> 20} MiB in {folder}, where {free >> 20} MiB "
            f"are free: free some, or set MODEL_PATH to another disk",
            code="model.disk_full",
        )


def _record(entry: CatalogueEntry, source: Path, target: Path, quantization: str) -> None:
    came = Provenance.read(source)
    names = sorted(path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file())
    with writing(target):
        Provenance(
            entry.id,
            entry.kind,
            came.source if came else str(source),
            came.revision if came else "unknown",
            tuple(FileRecord(name, (target / name).stat().st_size, sha256_of(target / name)) for name in names),
            made_by="export" if entry.export == "onnx" else f"export, {quantization}",
            origin=came.origin if came else "folder",
        ).write(target)
