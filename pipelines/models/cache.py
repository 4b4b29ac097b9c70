"""The models that are loaded: each once, however many ask; the unused ones make room; what does not fit is refused.

One cache serves a process. It knows no event loop: lanes' threads ask it, and a load runs in the thread that asked
first. Nothing is loaded that would not fit: ceilings are checked before, with the room that unused models would leave.
"""

from __future__ import annotations

import functools
import itertools
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from common.errors import EngineError
from pipelines.models.model_memory import (
    available_to_process,
    give_back,
    keep_one_arena,
    parse_amount,
    resident_bytes,
    show_bytes,
    trim,
)
from pipelines.models.nvml import CardMemory, CardReader
from pipelines.models.settings import ModelSettings

_UNLOAD_WITHIN_S = 2.0
_UNLOAD_AGAIN_S = 0.002
# Files of float32, computed in int8, take a quarter; a smaller difference was room that stood empty before.
_LEAST_SHARE = 4

T = TypeVar("T")
State = Literal["loading", "ready"]
Happened = Literal["model_loaded", "model_unloaded", "model_not_unloaded"]


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """A model of the cache: where it is, what it takes, how many use it, and how long it took to load."""

    key: str
    device: str
    state: State
    memory_bytes: int
    leases: int
    load_s: float


Listener = Callable[[Happened, ModelStatus], None]
"""Told of every load and unload, in the thread that did it; `model_not_unloaded` is one whose unloading failed."""


@dataclass(eq=False)
class _Entry:
    """A model in the table; `model` is a future, so that whoever asks while it loads waits for the same load."""

    key: str
    device: str
    memory_bytes: int  # an estimate while it loads
    unload: Callable[[Any], None]
    used: int
    model: Future[Any]
    leases: int = 1
    load_s: float = 0.0

    def status(self) -> ModelStatus:
        state: State = "ready" if self.model.done() else "loading"
        return ModelStatus(self.key, self.device, state, self.memory_bytes, self.leases, self.load_s)


class Lease(Generic[T]):
    """The right to use a model until `release`; a context manager. One that is forgotten is released with it."""

    def __init__(self, model: T, entry: _Entry, let_go: Callable[[_Entry], None]) -> None:
        self.key = entry.key
        self._model: T | None = model
        self._entry = entry
        self._release = weakref.finalize(self, let_go, entry)

    @property
    def model(self) -> T:
        """The model; raises RuntimeError once it was given back."""
        if self._model is None:
            raise RuntimeError(f"the lease of {self.key} was given back")
        return self._model

    @property
    def memory_bytes(self) -> int:
        """What the model was found to take."""
        return self._entry.memory_bytes

    def release(self) -> None:
        """Give the model back (idempotent); it stays loaded until its room is needed."""
        # A reference would keep the memory after the model was evicted.
        self._model = None
        self._release()

    def __enter__(self) -> T:
        return self.model

    def __exit__(self, *_: object) -> None:
        self.release()


class ModelCache:
    """Loaded models by key, with a ceiling on their number and on the memory of this server and of each card."""

    def __init__(
        self,
        *,
        max_models: int,
        max_bytes: int,
        gpu_fraction: float = 0.9,
        resident: Callable[[], int] = resident_bytes,
        own: Callable[[], int] | None = None,
        read_card: Callable[[int], CardMemory | None] | None = None,
    ) -> None:
        """Make an empty cache.

        `max_bytes` is what this process and its children may have come to with a further model; `resident` tells what
        they take, `own` what this process alone takes (the difference that a load makes is the model's), `read_card`
        the memory of a graphics card by index.
        """
        keep_one_arena()
        self.listeners: list[Listener] = []
        self._max_models = max_models
        self._max_bytes = max_bytes
        self._gpu_fraction = gpu_fraction
        self._resident = resident
        self._own = own or functools.partial(resident_bytes, with_children=False)
        self._read_card = read_card or CardReader().read
        self._entries: dict[str, _Entry] = {}
        self._changed = threading.Condition()
        # While any threads load or unload, what memory there is is not known: that shows when they are done.
        self._busy = 0
        self._begun = 0
        self._uses = itertools.count(1)

    def lease(
        self,
        key: str,
        load: Callable[[], T],
        *,
        estimate_bytes: int,
        device: str = "cpu",
        unload: Callable[[T], None] | None = None,
    ) -> Lease[T]:
        """Return a lease of the model of this key, loading it if need be; others who ask meanwhile wait for that load.

        `estimate_bytes` is reckoned with before loading (its files' size is the least it takes), `device` is `cpu` or
        `cuda:N`. `unload` frees what the model holds outside Python, by default with its own `unload_model`. Raises
        EngineError (`model.memory`) when it does not fit, and whatever `load` raises; the cache then is without it.
        """
        victims: list[_Entry] = []
        with self._changed:
            while True:
                entry = self._entries.get(key)
                mine = entry is None
                if entry is not None:
                    entry.leases += 1
                    entry.used = next(self._uses)
                    break
                found = self._make_room(key, estimate_bytes, device)
                if found is None:
                    self._changed.wait()
                    continue
                victims = found
                entry = _Entry(key, device, estimate_bytes, unload or unload_model, next(self._uses), Future())
                self._entries[key] = entry
                self._busy += 1
                self._begun += 1
                break
        if mine:
            self._fill(entry, victims, load)
        try:
            model: T = entry.model.result()
        except BaseException:
            self._let_go(entry)
            raise
        return Lease(model, entry, self._let_go)

    def status(self) -> tuple[ModelStatus, ...]:
        """Return the models there are, the longest unused first."""
        with self._changed:
            return tuple(entry.status() for entry in self._by_use())

    def clear(self) -> None:
        """Unload every model that nobody uses."""
        with self._changed:
            victims = self._unused()
            self._forget(victims)
            self._busy += 1
            self._begun += 1
        self._unload(victims)
        self._done()

    # ------------------------------------------------------------------ room

    def _by_use(self) -> list[_Entry]:
        return sorted(self._entries.values(), key=lambda entry: entry.used)

    def _unused(self) -> list[_Entry]:
        return [entry for entry in self._by_use() if not entry.leases and entry.model.done()]

    def _make_room(self, key: str, need_bytes: int, device: str) -> list[_Entry] | None:
        """Take unused models out of the table until this one fits, and return them; None: wait and ask again.

        Raises EngineError when it would not fit without all of them, and then takes none.
        """
        unused = self._unused()
        over = len(self._entries) + 1 - self._max_models
        if over > len(unused):
            self._refuse(
                f"{key} can't be loaded: models.cache_size is {self._max_models}, and all are in use "
                f"({self._holders('')}); raise models.cache_size"
            )
            return None
        victims = unused[: max(0, over)]
        ceiling, in_use, where = self._room(device)
        if ceiling is not None:
            missing = in_use + need_bytes - ceiling
            missing -= sum(entry.memory_bytes for entry in victims if entry.device == device)
            for entry in unused:
                if missing > 0 and entry not in victims and entry.device == device:
                    victims.append(entry)
                    missing -= entry.memory_bytes
            if missing > 0:
                setting = "models.max_memory" if device == "cpu" else "models.gpu_memory_fraction"
                self._refuse(
                    f"{key} does not fit: it needs {show_bytes(need_bytes)}, and {show_bytes(in_use)} of the "
                    f"{show_bytes(ceiling)} allowed {where} are in use ({self._holders(device)}); choose a smaller "
                    f"model, or raise {setting}"
                )
                return None
        self._forget(victims)
        return victims

    def _refuse(self, message: str) -> None:
        """Raise EngineError, unless others load or unload: then ask again once they are done."""
        if not self._busy:
            raise EngineError(message, code="model.memory")

    def _room(self, device: str) -> tuple[int | None, int, str]:
        """Return the ceiling in bytes (None: unknown), what is in use of it, and where that is."""
        here = [entry for entry in self._entries.values() if entry.device == device]
        held = sum(entry.memory_bytes for entry in here if entry.model.done())
        coming = sum(entry.memory_bytes for entry in here if not entry.model.done())
        if device == "cpu":
            return self._max_bytes, max(self._resident(), held) + coming, "to this server"
        card = self._read_card(int(device.partition(":")[2] or 0))
        if card is None:
            return None, held + coming, ""
        ceiling = int(card.total_bytes * self._gpu_fraction)
        return ceiling, max(card.used_bytes, held) + coming, f"on {device}"

    def _holders(self, device: str) -> str:
        names = [
            f"{entry.key} {show_bytes(entry.memory_bytes)}{'' if entry.leases else ' unused'}"
            for entry in self._by_use()
            if device in ("", entry.device)
        ]
        return ", ".join(names) or "no model among it"

    def _forget(self, victims: list[_Entry]) -> None:
        for entry in victims:
            del self._entries[entry.key]

    # ------------------------------------------------------------------ loading and letting go

    def _fill(self, entry: _Entry, victims: list[_Entry], load: Callable[[], Any]) -> None:
        """Free the victims, load the model and measure it; a failure takes the entry out again."""
        self._unload(victims)
        # Room that stands empty would not be seen in the difference.
        trim()
        with self._changed:
            alone, begun = self._busy == 1, self._begun
        before, started = self._taken(entry.device), time.perf_counter()
        try:
            model = load()
        except BaseException as error:
            with self._changed:
                del self._entries[entry.key]
            entry.model.set_exception(_explain(entry.key, error))
            give_back()
            self._done()
            if not isinstance(error, Exception):
                raise
            return
        entry.load_s = time.perf_counter() - started
        # What was read and converted on the way is given back: as much as half the model.
        trim()
        grown = self._taken(entry.device) - before
        with self._changed:
            if alone and begun == self._begun:  # else somebody else's model may be in the difference
                entry.memory_bytes = max(grown, entry.memory_bytes // _LEAST_SHARE)
            entry.model.set_result(model)
        self._done()
        self._tell("model_loaded", entry.status())

    def _taken(self, device: str) -> int:
        if device == "cpu":
            return self._own()
        card = self._read_card(int(device.partition(":")[2] or 0))
        return card.used_bytes if card is not None else 0

    def _unload(self, victims: list[_Entry]) -> None:
        """Free models that are out of the table already."""
        for entry in victims:
            status, model = entry.status(), entry.model.result()
            entry.model = Future()  # the table's last reference to it
            try:
                entry.unload(model)
            except Exception:
                # What can't be freed must not keep the next one from being loaded.
                self._tell("model_not_unloaded", status)
            else:
                self._tell("model_unloaded", status)
            del model
        if victims:
            give_back()

    def _tell(self, happened: Happened, status: ModelStatus) -> None:
        for listener in tuple(self.listeners):
            listener(happened, status)

    def _done(self) -> None:
        with self._changed:
            self._busy -= 1
            self._changed.notify_all()

    def _let_go(self, entry: _Entry) -> None:
        with self._changed:
            entry.leases -= 1
            entry.used = next(self._uses)
            self._changed.notify_all()


def unload_model(model: Any) -> None:
    """Free what a model holds outside Python: CTranslate2's own, or one that carries it as `model`.

    Raises EngineError when it is still computing after two seconds. CTranslate2 ignores the call while it counts a
    batch, which it does for a moment after having answered it.
    """
    holders: tuple[Any, ...] = (model, getattr(model, "model", None))
    for holder in holders:
        if hasattr(holder, "unload_model"):
            deadline = time.monotonic() + _UNLOAD_WITHIN_S
            holder.unload_model()
            while getattr(holder, "model_is_loaded", False):
                if time.monotonic() > deadline:
                    raise EngineError("the model is in use", code="model.memory")
                time.sleep(_UNLOAD_AGAIN_S)
                holder.unload_model()
            return


def _explain(key: str, error: BaseException) -> BaseException:
    """Return the error of a load, with running out of memory as what it is."""
    text = str(error).lower()
    if isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and ("out of memory" in text or "bad_alloc" in text)
    ):
        told = EngineError(
            f"{key} does not fit: the memory ran out while it was loaded; choose a smaller model", code="model.memory"
        )
        told.__cause__ = error
        return told
    if not isinstance(error, Exception):
        # Ctrl-C is for the thread that loads, not for those that wait.
        return EngineError(f"{key} was not loaded: the work was broken off")
    return error


@functools.lru_cache(maxsize=8)
def shared_cache(settings: ModelSettings) -> ModelCache:
    """Return this process's cache for these settings: the same one whenever it is asked for."""
    return ModelCache(
        max_models=settings.cache_size,
        max_bytes=parse_amount(settings.max_memory, of_bytes=available_to_process()),
        gpu_fraction=settings.gpu_memory_fraction,
    )
