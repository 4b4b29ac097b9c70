"""The cache of loaded models: one load however many ask, who makes room, ceilings, failures, and what is told of it."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from common.errors import EngineError
from pipelines.models.cache import Lease, ModelCache, ModelStatus, shared_cache
from pipelines.models.model_memory import files_bytes
from pipelines.models.nvml import CardMemory
from pipelines.models.settings import ModelSettings
from tests.bench.model_memory import run_once
from tests.random_whisper import make_random_whisper

MIB = 1024**2
SERVER_BYTES = 100 * MIB
PATIENCE_S = 60.0


class Model:
    """Something to load that says when it is unloaded; what it takes is what it is said to take."""

    def __init__(self) -> None:
        self.unloaded = 0

    def unload_model(self) -> None:
        self.unloaded += 1


class House:
    """A cache with its loads and its memory in the test's hands."""

    def __init__(self, *, models: int = 10, max_mib: int = 1_000, card_mib: int | None = None) -> None:
        self.taken: dict[str, int] = {}
        self.loads: list[str] = []
        self.told: list[tuple[str, str]] = []
        self.card_used = 0
        self.cache = ModelCache(
            max_models=models,
            max_bytes=max_mib * MIB,
            gpu_fraction=0.5,
            resident=lambda: SERVER_BYTES + sum(self.taken.values()),
            own=lambda: sum(self.taken.values()),
            read_card=lambda index: CardMemory(card_mib * MIB, self.card_used) if card_mib else None,
        )
        self.cache.listeners.append(lambda happened, status: self.told.append((happened, status.key)))

    def lease(self, key: str, mib: int = 10, *, device: str = "cpu", takes_mib: int | None = None) -> Lease[Model]:
        """Lease a model that is said to take `mib`, and takes it, or `takes_mib`; on a card it takes none here."""

        def load() -> Model:
            self.loads.append(key)
            self.taken[key] = (mib if takes_mib is None else takes_mib) * MIB if device == "cpu" else 0
            if device != "cpu":
                self.card_used += mib * MIB
            return Model()

        def unload(model: Model) -> None:
            model.unload_model()
            self.taken.pop(key)

        return self.cache.lease(key, load, estimate_bytes=mib * MIB, device=device, unload=unload)

    def keys(self) -> list[str]:
        return [status.key for status in self.cache.status()]


def refused(work: Callable[[], Any]) -> str:
    with pytest.raises(EngineError) as caught:
        work()
    assert caught.value.code == "model.memory"
    return caught.value.message


# ------------------------------------------------------------------ one load


def test_eight_threads_that_ask_for_one_model_get_one_load(tmp_path: Path) -> None:
    from ctranslate2.models import Whisper

    folder = make_random_whisper(tmp_path / "small")
    cache = ModelCache(max_models=2, max_bytes=1 << 40)
    together = threading.Barrier(8, timeout=PATIENCE_S)
    loads: list[int] = []

    def load() -> Whisper:
        loads.append(threading.get_ident())
        return Whisper(str(folder), device="cpu", compute_type="int8")

    def use(_: int) -> int:
        together.wait()
        with cache.lease("small", load, estimate_bytes=files_bytes(folder)) as model:
            run_once(model)
            return id(model)

    with ThreadPoolExecutor(8) as pool:
        models = set(pool.map(use, range(8)))
    assert len(loads) == 1
    assert len(models) == 1
    (status,) = cache.status()
    assert (status.key, status.device, status.state, status.leases) == ("small", "cpu", "ready", 0)
    assert status.memory_bytes >= files_bytes(folder) // 4  # some may fit into room that stood empty
    cache.clear()
    assert cache.status() == ()


def test_threads_that_want_different_models_never_see_a_half_one_nor_more_than_allowed() -> None:
    house = House(models=3)
    together = threading.Barrier(8, timeout=PATIENCE_S)

    def use(number: int) -> None:
        together.wait()
        for turn in range(15):
            key = f"m{(number * 7 + turn) % 5}"
            try:
                lease = house.lease(key)
            except EngineError as error:
                assert error.code == "model.memory"  # noqa: PT017 - in a thread, and often it is none
                continue
            with lease as model:
                assert model.unloaded == 0
                assert len(house.keys()) <= 3

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(use, range(8)))
    assert all(status.leases == 0 for status in house.cache.status())
    house.cache.clear()
    assert house.taken == {}


def test_those_who_wait_for_a_load_that_fails_are_told_why_and_the_next_one_tries_again() -> None:
    cache = ModelCache(max_models=1, max_bytes=1 << 40)
    loading, go_on = threading.Event(), threading.Event()

    def fail() -> Model:
        loading.set()
        assert go_on.wait(PATIENCE_S)
        raise EngineError("model.bin is cut off", code="model.format")

    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(cache.lease, "x", fail, estimate_bytes=1)
        assert loading.wait(PATIENCE_S)
        assert [status.state for status in cache.status()] == ["loading"]
        others = [pool.submit(cache.lease, "x", fail, estimate_bytes=1) for _ in range(2)]
        while cache.status()[0].leases < 3:
            pass
        go_on.set()
        for asked in (first, *others):
            with pytest.raises(EngineError, match="cut off"):
                asked.result(PATIENCE_S)
    assert cache.status() == ()
    with cache.lease("x", Model, estimate_bytes=1) as model:
        assert isinstance(model, Model)


# ------------------------------------------------------------------ who makes room


def test_the_model_unused_for_longest_makes_room() -> None:
    house = House(models=2)
    first = house.lease("a")
    first.release()
    house.lease("b").release()
    house.lease("a").release()  # so b is the older one now
    kept = house.lease("c")
    assert house.keys() == ["a", "c"]
    assert house.told == [("model_loaded", "a"), ("model_loaded", "b"), ("model_unloaded", "b"), ("model_loaded", "c")]
    kept.release()
    assert house.loads == ["a", "b", "c"]


def test_a_model_in_use_never_makes_room() -> None:
    house = House(models=2)
    used = house.lease("a")
    house.lease("b").release()
    house.lease("c").release()
    assert house.keys() == ["a", "c"]
    assert used.model.unloaded == 0
    other = house.lease("c")
    assert refused(lambda: house.lease("d")) == (
        "d can't be loaded: models.cache_size is 2, and all are in use (a 10 MiB, c 10 MiB); raise models.cache_size"
    )
    other.release()


def test_memory_makes_as_many_go_as_are_needed_and_no_more() -> None:
    house = House(max_mib=400)
    for key in ("a", "b", "c"):
        house.lease(key, 90).release()
    house.lease("d", 150).release()  # 370 of 400 are in use: two must go
    assert house.keys() == ["c", "d"]


def test_a_model_counts_with_what_it_was_found_to_take() -> None:
    house = House(max_mib=400)
    house.lease("shrank", 100, takes_mib=60).release()  # float16 in its file, int8 in memory
    house.lease("grew", 50, takes_mib=80).release()
    house.lease("reused", 40, takes_mib=0).release()  # what was free before was taken for it
    assert [status.memory_bytes // MIB for status in house.cache.status()] == [60, 80, 10]


def test_what_does_not_fit_is_refused_with_the_figures_and_nothing_is_unloaded() -> None:
    house = House(max_mib=400)
    used = house.lease("a", 100)
    house.lease("b", 100).release()
    assert refused(lambda: house.lease("large", 201)) == (
        "large does not fit: it needs 201 MiB, and 300 MiB of the 400 MiB allowed to this server are in use "
        "(a 100 MiB, b 100 MiB unused); choose a smaller model, or raise models.max_memory"
    )
    assert sorted(house.keys()) == ["a", "b"]
    assert house.loads == ["a", "b"]
    house.lease("fits", 200).release()
    assert sorted(house.keys()) == ["a", "fits"]
    used.release()


def test_memory_of_the_server_and_its_workers_counts() -> None:
    house = House(max_mib=400)
    house.taken["decoders in worker processes"] = 250 * MIB
    assert "350 MiB of the 400 MiB allowed to this server are in use (no model among it)" in refused(
        lambda: house.lease("a", 51)
    )


def test_a_card_has_a_ceiling_of_its_own() -> None:
    house = House(max_mib=101, card_mib=1_000)  # half of the card is allowed
    house.card_used = 150 * MIB  # another program's
    house.lease("a", 150, device="cuda:0").release()
    told = refused(lambda: house.lease("b", 400, device="cuda:0"))
    assert "300 MiB of the 500 MiB allowed on cuda:0 are in use (a 150 MiB unused)" in told
    assert told.endswith("raise models.gpu_memory_fraction")
    house.lease("c", 200, device="cuda:0").release()
    assert house.keys() == ["a", "c"]


def test_whoever_would_be_refused_while_others_load_waits_for_them() -> None:
    loading, asked, go_on = threading.Event(), threading.Event(), threading.Event()

    def resident() -> int:
        if loading.is_set():
            asked.set()
        return SERVER_BYTES

    cache = ModelCache(max_models=9, max_bytes=300 * MIB, resident=resident)

    def slowly() -> Model:
        loading.set()
        assert go_on.wait(PATIENCE_S)
        raise EngineError("no")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(cache.lease, "a", slowly, estimate_bytes=150 * MIB)
        assert loading.wait(PATIENCE_S)
        second = pool.submit(cache.lease, "b", Model, estimate_bytes=150 * MIB)
        assert asked.wait(PATIENCE_S)  # the second was weighed, and did not fit
        go_on.set()
        assert second.result(PATIENCE_S).key == "b"
        assert first.exception(PATIENCE_S) is not None


# ------------------------------------------------------------------ leases, failures


def test_a_lease_is_given_back_once_and_also_when_it_is_forgotten() -> None:
    house = House()
    lease = house.lease("a")
    again = house.lease("a")
    lease.release()
    lease.release()
    assert [status.leases for status in house.cache.status()] == [1]
    with pytest.raises(RuntimeError, match="given back"):
        _ = lease.model
    del again
    gc.collect()
    assert [status.leases for status in house.cache.status()] == [0]


def test_clear_unloads_what_nobody_uses() -> None:
    house = House()
    used = house.lease("a")
    house.lease("b").release()
    house.cache.clear()
    assert house.keys() == ["a"]
    assert used.model.unloaded == 0


def test_a_model_that_does_not_let_go_keeps_no_other_from_loading() -> None:
    def refuse(_model: Model) -> None:
        raise RuntimeError("no")

    house = House(models=1)
    house.cache.lease("stubborn", Model, estimate_bytes=1, unload=refuse).release()
    house.lease("b").release()
    assert ("model_not_unloaded", "stubborn") in house.told
    assert house.keys() == ["b"]


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("CUDA failed with error out of memory")])
def test_memory_that_runs_out_is_told_as_that(error: Exception) -> None:
    def load() -> Model:
        raise error

    cache = ModelCache(max_models=1, max_bytes=1 << 40)
    assert "x does not fit: the memory ran out" in refused(lambda: cache.lease("x", load, estimate_bytes=1))
    assert cache.status() == ()


def test_ctrl_c_in_a_load_is_for_the_thread_that_loads() -> None:
    def load() -> Model:
        raise KeyboardInterrupt

    cache = ModelCache(max_models=1, max_bytes=1 << 40)
    with pytest.raises(KeyboardInterrupt):
        cache.lease("x", load, estimate_bytes=1)
    assert cache.status() == ()
    cache.lease("x", Model, estimate_bytes=1).release()


def test_a_broken_model_leaves_the_cache_as_it_was(tmp_path: Path) -> None:
    from ctranslate2.models import Whisper

    folder = make_random_whisper(tmp_path / "broken")
    (folder / "model.bin").write_bytes((folder / "model.bin").read_bytes()[:100_000])
    cache = ModelCache(max_models=2, max_bytes=1 << 40)
    cache.lease("good", Model, estimate_bytes=1).release()
    before = cache.status()
    with pytest.raises(RuntimeError):
        cache.lease("broken", lambda: Whisper(str(folder)), estimate_bytes=1)
    assert cache.status() == before


def test_a_real_model_is_unloaded_through_what_carries_it(tmp_path: Path) -> None:
    from faster_whisper import WhisperModel

    folder = make_random_whisper(tmp_path / "whole")
    cache = ModelCache(max_models=1, max_bytes=1 << 40)
    lease = cache.lease("whole", lambda: WhisperModel(str(folder), device="cpu"), estimate_bytes=1)
    inner = lease.model.model
    run_once(inner)
    assert inner.model_is_loaded
    lease.release()
    cache.clear()
    assert not inner.model_is_loaded


def test_one_cache_for_the_same_settings(tmp_path: Path) -> None:
    settings = ModelSettings(path=tmp_path, max_memory="2GB")
    assert shared_cache(settings) is shared_cache(ModelSettings(path=tmp_path, max_memory="2GB"))
    assert shared_cache(settings) is not shared_cache(ModelSettings(path=tmp_path, max_memory="3GB"))
    assert shared_cache(settings).status() == ()
    assert ModelStatus("a", "cpu", "ready", 1, 0, 0.5).state == "ready"
