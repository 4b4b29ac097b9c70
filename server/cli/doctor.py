"""`interlocutor doctor`: does this machine have what the server needs, and if not, what to do."""

from __future__ import annotations

import asyncio
import errno
import json
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from audio.clock import LoopClock
from common.errors import AppError, CardError, EngineError
from pipelines.models.model_memory import available_to_process, show_bytes
from server.cli.config import startup_faults
from server.cli.options import AsJson, ConfigFolder, Overrides

if TYPE_CHECKING:
    from pipelines.choice import Choice
    from server.capacity import Places
    from server.settings.tree import Settings

Status = Literal["ok", "warn", "fail"]

OLDEST_PYTHON = (3, 11)
# This is about a hundred role-plays: five minutes of two tracks take 10 to 20 MB.
LOW_DISK_BYTES = 2 * 1024**3
NO_DISK_BYTES = 200 * 1024**2
# These are the server itself, its voice detector and one synthesiser.
SERVER_BYTES = 600 * 1024**2
# A PocketSphinx decoder takes 90 MB, and each session has its own.
SESSION_BYTES = 100 * 1024**2
# A session has a socket, the segments being recorded, the log, and as much again for headroom.
SESSION_FILES = 8
SERVER_FILES = 128
_MIB = 1024**2


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report: what was looked at, how it is, what was found and, unless ok, what to do."""

    name: str
    status: Status
    found: str
    advice: str = ""


def register(app: typer.Typer) -> None:
    """Add `doctor`."""
    app.command()(doctor)


def doctor(overrides: Overrides = None, config: ConfigFolder = None, as_json: AsJson = False) -> None:
    """Check this machine: Python, packages, engines, folders, port, memory; exit 1 if the server could not work.

    Loads every embedded engine once, which takes a few seconds. `warn` means that it works, but not at its best.
    """
    from server.settings.tree import load_settings

    checks = examine(load_settings(config_folder=config, overrides=overrides or ()))
    if as_json:
        typer.echo(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        _print(checks)
    if any(check.status == "fail" for check in checks):
        raise typer.Exit(1)


def examine(settings: Settings) -> list[Check]:
    """Return all checks, in the order they are shown."""
    from pipelines.models.devices import usable_cores

    engines = check_engines(settings)
    held = check_places(settings, may_run=all(check.status != "fail" for check in engines))
    sessions = settings.server.max_sessions or held.sessions
    return [
        check_python(sys.version_info[:3]),
        check_packages(metadata.requires("interlocutor") or []),
        *engines,
        check_settings(settings),
        check_data_folder(settings.data_path),
        check_space(settings.data_path),
        *check_models(settings),
        check_port(settings.server.host, settings.server.port),
        check_cores(usable_cores()),
        held.check,
        check_memory(available_to_process(), sessions),
        check_files(open_files_limit(), sessions),
    ]


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many sessions this machine holds, and the line that says so."""

    check: Check
    sessions: int = 1


def check_places(settings: Settings, *, may_run: bool) -> Capacity:
    """Have one sentence spoken and heard with the chosen engines, as the server does at its start; weigh the places."""
    if not may_run:
        return Capacity(Check("Places", "warn", "not tried, as an engine fails", "mend that first"))
    try:
        places = asyncio.run(_measure(settings))
    except (AppError, OSError) as error:
        found = error.message if isinstance(error, AppError) else str(error)
        return Capacity(Check("Places", "warn", f"not found: {found}", "mend the engines, then run this again"))
    return Capacity(judge_places(settings.server.max_sessions, places), places.count)


async def _measure(settings: Settings) -> Places:
    from pipelines.engine_choices import choose_engines
    from pipelines.engine_lanes import build_lanes, start_lanes, stop_lanes
    from pipelines.patient.card_library import CardLibrary
    from pipelines.tts.manner import voice_of
    from pipelines.voice_choice import speaking_for
    from server.capacity import measure_places

    choices = choose_engines(settings.engines, settings.models)
    patients = [voice_of(card) for card in CardLibrary.load(settings.cards_folder).values()]
    engines = build_lanes(choices, settings.engines, LoopClock())
    try:
        await start_lanes(engines)
        return await measure_places(engines, LoopClock(), speaking_for(patients, choices.synthesiser))
    finally:
        await stop_lanes(engines)


def judge_places(wanted: int, places: Places) -> Check:
    """Judge the places that are set (0: none) against those that there is room for."""
    if wanted <= places.count:
        return Check("Places", "ok", str(places) if not wanted else f"{wanted} set, of {places}")
    return Check("Places", "warn", f"{wanted} set, but {places}", f"set server.max_sessions to {places.count}, or to 0")


def check_python(version: tuple[int, int, int]) -> Check:
    """Judge the interpreter."""
    found = ".".join(map(str, version))
    if version[:2] < OLDEST_PYTHON:
        return Check("Python", "fail", found, "install Python 3.11 or later and make the environment anew")
    return Check("Python", "ok", found)


def check_packages(requirements: list[str]) -> Check:
    """Look for the packages that the product requires, extras aside."""
    names = [re.split(r"[\s\[<>=!~;(]", line, maxsplit=1)[0] for line in requirements if "extra ==" not in line]
    missing = []
    for name in names:
        try:
            metadata.version(name)
        except metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        return Check("Packages", "fail", f"missing: {', '.join(missing)}", "install the product again with pip")
    return Check("Packages", "ok", f"{len(names)} installed")


def check_engines(settings: Settings) -> list[Check]:
    """Load and run each embedded engine once; one that the settings name must work."""
    from audio.vad import make_vad
    from pipelines.stt.pocketsphinx import PocketSphinxRecogniser
    from pipelines.tts import flite
    from pipelines.tts.espeak import EspeakSynthesiser

    def run_silero() -> None:
        from audio.frames import ANALYSIS_HZ, silence

        make_vad("silero").vad.process(silence(100, ANALYSIS_HZ))

    def run_flite() -> None:
        if not flite.available():
            raise EngineError("flite is not installed; on Debian or Ubuntu run `apt install flite`")
        flite.FliteSynthesiser().warm()

    whisper = whisper_choice(settings)
    elsewhere = settings.engines.recogniser == "served"
    speaker = settings.engines.synthesiser
    with_flite = check_engine("flite", run_flite, needed=speaker == "flite")
    with_espeak = check_engine(
        "espeak-ng", EspeakSynthesiser().warm, needed=speaker == "espeak" or with_flite.status != "ok"
    )
    checks = [
        check_engine("Silero (onnxruntime)", run_silero, needed=settings.vad == "silero"),
        check_engine("PocketSphinx", PocketSphinxRecogniser().warm, needed=whisper is None and not elsewhere),
        with_espeak,
        with_flite,
    ]
    if elsewhere:
        checks.append(check_served(settings))
    if whisper is not None:
        hearing = check_engine(f"Whisper {whisper.model}", lambda: whisper.factory().warm(), needed=True)
        checks.append(check_tried(hearing, whisper, settings) if hearing.status == "ok" else hearing)
        checks.append(check_turn_detector(settings))
    if settings.engines.interpreter in ("auto", "encoder"):
        checks.append(check_interpreter(settings))
    if settings.engines.synthesiser in ("auto", "neural"):
        checks.append(check_voices(settings))
    return checks + check_remote_mind(settings)


def check_served(settings: Settings) -> Check:
    """Ask the recogniser on another machine what it is, and have it read once."""
    from pipelines.stt.served_decoder import ServedDecoder, check_address

    engines = settings.engines

    def run() -> None:
        address = check_address(engines.recogniser_address)
        decoder = ServedDecoder(address=address, timeout_s=engines.recogniser_within_s)
        try:
            decoder.warm()
        finally:
            decoder.close()

    return check_engine("Served recogniser", run, needed=True)


def check_tried(hearing: Check, whisper: Choice, settings: Settings) -> Check:
    """Warn of a model that works and was never tried on short audio: it is given half a minute each time."""
    from pipelines.stt.qualification import read_qualification

    tried = whisper.place is None or read_qualification(whisper.place.folder) is not None
    if tried or settings.engines.whisper.true_length != "qualified":
        return hearing
    found = f"{hearing.found}, but never tried on short audio: a text takes several times as long as it may"
    return Check(hearing.name, "warn", found, f"run `interlocutor models qualify {whisper.model}`")


def check_interpreter(settings: Settings) -> Check:
    """Understand one sentence; where only spellings are compared, say so."""
    from pipelines.engine_choices import choose_engines

    pull = f"run `interlocutor models pull {settings.engines.interpreter_model}`"
    try:
        interpreter = choose_engines(settings.engines, settings.models).interpreter
    except EngineError as error:
        return Check("Understanding", "fail", error.message, pull)
    if interpreter.demonstration:
        needed = settings.engines.backend in ("auto", "local")
        found = f"by spelling alone ({interpreter.reason.partition(';')[0]})"
        return Check("Understanding", "warn" if needed else "ok", found, pull if needed else "")
    return check_engine("Understanding", lambda: interpreter.factory().warm(), needed=True)


def check_voices(settings: Settings) -> Check:
    """Speak with the voices that patients have; where a card's patient has only a plain one, say so."""
    from pipelines.engine_choices import choose_engines
    from pipelines.patient.card_library import CardLibrary
    from pipelines.voice_choice import PULL_VOICE, PULL_VOICES, plainly_voiced

    try:
        voice = choose_engines(settings.engines, settings.models).synthesiser
        plain = plainly_voiced(CardLibrary.load(settings.cards_folder).values(), voice)
    except EngineError as error:
        return Check("Voices", "fail", error.message, f"run {PULL_VOICES}")
    except CardError:  # told of with the settings
        plain = []
    if plain:
        needed = settings.engines.backend in ("auto", "local")
        pulls = " and ".join(sorted({PULL_VOICE[card.patient.sex] for card in plain}))
        return Check("Voices", "warn" if needed else "ok", voice.reason, f"run {pulls}" if needed else "")
    return check_engine("Voices", lambda: voice.factory().warm(), needed=True)


def check_turn_detector(settings: Settings) -> Check:
    """Run the turn detector once; where there is none, say what that means."""
    from pipelines.engine_choices import SMART_TURN, choose_engines

    needed = settings.engines.turn_detector == "smart-turn"
    try:
        choices = choose_engines(settings.engines, settings.models)
    except EngineError as error:
        return Check("Turn detector", "fail", error.message, f"run `interlocutor models pull {SMART_TURN}`")
    detector = choices.turn_detector
    if detector is not None:
        return check_engine("Turn detector", lambda: detector.factory().warm(), needed=needed)
    found = f"none, so the text alone tells the end of a turn ({choices.no_turn_detector.partition(';')[0]})"
    if settings.engines.turn_detector == "off":
        return Check("Turn detector", "ok", found)
    return Check("Turn detector", "warn", found, f"run `interlocutor models pull {SMART_TURN}`")


def check_remote_mind(settings: Settings) -> list[Check]:
    """Ask each host of the remote mind for its models, if a remote mind is to answer; nothing of a person is sent."""
    from pipelines.engine_choices import choose_engines

    try:
        mind = choose_engines(settings.engines, settings.models).mind
    except EngineError:  # told of with the settings
        return []
    if mind is None:
        return []
    faults = [f"{health.host} {health.fault}" for health in mind.check() if health.fault]
    found = f"{mind.plan.shown}; candidates are asked for their consent"
    if not faults:
        return [Check("Remote mind", "ok", found)]
    # The card's words stand in, so the server works without it.
    advice = "mend engines.remote; until then the patient answers with the card's words"
    return [Check("Remote mind", "warn", f"{found}; {', '.join(faults)}", advice)]


def whisper_choice(settings: Settings) -> Choice | None:
    """Return the choice of Whisper, if the settings stand for it."""
    from pipelines.engine_choices import choose_engines

    try:
        recogniser = choose_engines(settings.engines, settings.models).recogniser
    except EngineError:  # told of with the settings
        return None
    return recogniser if recogniser.place is not None else None


def check_engine(name: str, run: Callable[[], None], *, needed: bool) -> Check:
    """Run an engine once; a failure is only a warning where another one stands in."""
    try:
        run()
    except AppError as error:
        found, _, advice = error.message.partition("; ")
        return Check(name, "fail" if needed else "warn", found, advice or "install the product again with pip")
    except Exception as error:
        # A broken library raises anything; the report must go on.
        first_line = str(error).partition("\n")[0]
        found = f"can't be loaded ({type(error).__name__}: {first_line})"
        return Check(name, "fail" if needed else "warn", found, "install the product again with pip")
    return Check(name, "ok", "loaded and run once")


def check_settings(settings: Settings) -> Check:
    """Judge whether the server would start with these settings, engines and cards."""
    faults = startup_faults(settings)
    if faults:
        names = dict.fromkeys(fault.partition(":")[0] for fault in faults)
        return Check("Settings", "fail", ", ".join(names), "\n".join(faults))
    return Check("Settings", "ok", f"for {settings.environment}; cards in {settings.cards_folder}")


def check_data_folder(folder: Path) -> Check:
    """Try to write to the data folder, or judge whether it could be made."""
    place = _nearest(folder)
    advice = f"give the server's user the right to write to {place}, or set data_path"
    if not place.is_dir():
        return Check("Data folder", "fail", f"{place} is not a folder", "set data_path to a folder")
    try:
        with tempfile.TemporaryFile(dir=place) as trial:
            trial.write(b"doctor")
    except OSError as error:
        return Check("Data folder", "fail", f"{place} can't be written ({error.strerror})", advice)
    return Check("Data folder", "ok", f"{folder} can be written" if place == folder else f"{folder} can be made")


def check_space(folder: Path) -> Check:
    """Judge the free space where the data folder is."""
    return judge_space(shutil.disk_usage(_nearest(folder)).free)


def judge_space(free_bytes: int) -> Check:
    """Judge free space in bytes."""
    found = f"{free_bytes // _MIB} MiB free"
    if free_bytes < NO_DISK_BYTES:
        return Check("Disk", "fail", found, "free some, or set data_path to another disk")
    if free_bytes < LOW_DISK_BYTES:
        return Check(
            "Disk", "warn", found, "enough for few recordings: free some, or set retention.practice_days lower"
        )
    return Check("Disk", "ok", found)


def check_models(settings: Settings) -> list[Check]:
    """Look at the models that are installed, the device that they would compute on, and what memory they may take."""
    from pipelines.models.model_folders import installed_models

    wanted = whisper_choice(settings)
    path = settings.models.path
    free = show_bytes(shutil.disk_usage(_nearest(path)).free)
    names = ", ".join(name for name, _ in installed_models(path)) or "none"
    taken = f"; {wanted.reason}" if wanted is not None else ""
    installed = Check("Models", "ok", f"{names} in {path} ({free} free){taken}")
    if wanted is not None and wanted.place is not None:
        try:
            wanted.place.require()
        except EngineError as error:
            found, _, advice = error.message.rpartition("; ")
            installed = Check("Models", "fail", f"{installed.found}: {found}", advice)
    return [
        installed,
        check_device(settings, needed=wanted is not None),
        check_ceiling(settings),
    ]


def check_device(settings: Settings, *, needed: bool) -> Check:
    """Say where Whisper would compute; a wish that can't be met fails only if it is to be used."""
    from pipelines.models.devices import choose_device, choose_threads

    whisper = settings.engines.whisper
    try:
        device = choose_device(whisper.device, whisper.compute)
    except AppError as error:
        found, _, advice = error.message.partition("; ")
        return Check("Device", "fail" if needed else "warn", found, advice)
    threads = f", {choose_threads(settings.models.cpu_threads)} threads" if device.name == "cpu" else ""
    return Check("Device", "ok", f"{device.label}, {device.compute_type}{threads} ({device.reason})")


def check_ceiling(settings: Settings) -> Check:
    """Say what models may take of the memory, here and on a graphics card."""
    from pipelines.models.model_memory import parse_amount
    from pipelines.models.nvml import CardReader

    ceiling = parse_amount(settings.models.max_memory, of_bytes=available_to_process())
    found = f"models are refused beyond {show_bytes(ceiling)} for the whole server ({settings.models.max_memory})"
    card = CardReader().read(0)
    if card is not None:
        most = int(card.total_bytes * settings.models.gpu_memory_fraction)
        found += f"; on the first card beyond {show_bytes(most)}, of which {show_bytes(card.free_bytes)} are free"
    return Check("Memory for models", "ok", found)


def check_port(host: str, port: int) -> Check:
    """Try to listen where the server will."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does after a restart
            trial.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return Check("Port", "fail", f"{host}:{port} is in use", "stop what uses it, or set server.port")
        if error.errno == errno.EACCES:
            return Check("Port", "fail", f"{host}:{port} needs more rights", "set server.port to 1024 or higher")
        return Check(
            "Port", "fail", f"{host}:{port}: {error.strerror}", "set server.host to an address of this machine"
        )
    return Check("Port", "ok", f"{host}:{port} is free" if port else f"a free one on {host}")


def check_cores(cores: int) -> Check:
    """Judge the cores this process may use."""
    if cores < 2:
        return Check("Cores", "warn", str(cores), "recognition will hold up the rest: give the server two or more")
    return Check("Cores", "ok", str(cores))


def check_memory(total_bytes: int, max_sessions: int) -> Check:
    """Judge memory against the sessions that are let in."""
    needed = SERVER_BYTES + max_sessions * SESSION_BYTES
    found = f"{total_bytes // _MIB} MiB, {max_sessions} sessions want {needed // _MIB} MiB"
    if total_bytes >= needed:
        return Check("Memory", "ok", found)
    room = (total_bytes - SERVER_BYTES) // SESSION_BYTES
    if room < 1:
        return Check("Memory", "fail", found, f"give the server {(SERVER_BYTES + SESSION_BYTES) // _MIB} MiB or more")
    return Check("Memory", "warn", found, f"set server.max_sessions to {room}, or add memory")


def open_files_limit() -> int | None:
    """Return how many files and sockets this process may have open; None where there is no such limit."""
    try:
        import resource
    except ImportError:  # not a Unix
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def check_files(limit: int | None, max_sessions: int) -> Check:
    """Judge the limit of open files against the sessions that are let in."""
    needed = SERVER_FILES + max_sessions * SESSION_FILES
    if limit is None or limit >= needed:
        return Check("Open files", "ok", "no limit" if limit is None else f"limit {limit}, {needed} wanted")
    return Check("Open files", "warn", f"limit {limit}, {needed} wanted", f"raise it: `ulimit -n {needed}`")


def _nearest(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that is there."""
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    return folder if place == folder.absolute() else place


def _print(checks: list[Check]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    styles = {"ok": "green", "warn": "yellow", "fail": "bold red"}
    table = Table(box=None, pad_edge=False)
    for title in ("", "Check", "Found", "What to do"):
        table.add_column(title, overflow="fold", no_wrap=title in ("", "Check"))
    for check in checks:
        table.add_row(Text(check.status, styles[check.status]), check.name, Text(check.found), Text(check.advice))
    Console().print(table)
    failed = sum(check.status == "fail" for check in checks)
    warned = sum(check.status == "warn" for check in checks)
    typer.echo(f"{len(checks)} checks: {failed} failed, {warned} to look at")
