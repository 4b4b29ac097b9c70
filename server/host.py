"""What a running server holds: cards, engines, sessions, metrics, and whether it is ready."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import time
from dataclasses import replace
from functools import partial
from importlib.metadata import version

import structlog

from audio.clock import Clock, LoopClock
from common.errors import AppError, SettingsError
from pipelines.assessment.assessor import Assessor
from pipelines.choice import Choice
from pipelines.engine_choices import Choices, choose_engines
from pipelines.engine_lanes import build_lanes, stop_lanes, synthesiser_lane
from pipelines.lanes.base import Lane
from pipelines.lanes.speech_lane import SpeechLane
from pipelines.log.disk import DiskThread
from pipelines.models.cache import Happened, ModelCache, ModelStatus, shared_cache
from pipelines.models.model_digest import model_digests
from pipelines.models.model_memory import resident_bytes
from pipelines.patient.card_library import CardLibrary
from pipelines.session.driver import Engines
from pipelines.tts.manner import voice_of
from pipelines.voice_choice import Speaks, speaking_for
from server.accounts.accounts import Accounts
from server.accounts.key_ring import KeyRing
from server.accounts.single_sign_on import SingleSignOn
from server.background import Background
from server.capacity import CALL_PLACES, measure_places
from server.desk.desk import Desk
from server.desk.listening_call import ListenerCalls
from server.engine_trials import EngineTrials, TrialPatient
from server.exams.schedule import Schedule
from server.exams.sittings import Sittings
from server.gpu import GpuReader
from server.house_keeping import HouseKeeping
from server.instances.directory import Directory
from server.instances.membership import Membership
from server.instances.peer_relay import PeerRelay
from server.instances.taking_up import TakingUp, left_to
from server.judging.judge_scores import FOLDER as JUDGE_FOLDER
from server.lab_key import LabKey
from server.loading import load_engines, reason_of
from server.metrics import Metrics
from server.model_phrases import Phrases
from server.principal import Principal
from server.production_engines import engine_faults
from server.protocol.wire_session import SessionInfo
from server.records.export_places import ExportPlaces
from server.records.holder import Holder, SharedHolder
from server.records.keeping_health import KeepingHealth
from server.records.records import open_records
from server.rtc.calls import Calls
from server.rtc.turn_server import IceServer, ice_servers
from server.sessions.access import Access
from server.sessions.admission import Admission
from server.sessions.asking_limits import AskingLimits
from server.sessions.assessments import Assessments
from server.sessions.checkpoints import Checkpoints, keep_for_ever
from server.sessions.disk_watch import DiskWatch
from server.sessions.draining import Drain
from server.sessions.erasing import Eraser
from server.sessions.factory import DriverFactory
from server.sessions.folders import SessionFolders
from server.sessions.join_tokens import JoinTokens
from server.sessions.live_restoring import Restorer
from server.sessions.past_sessions import PastSessions
from server.sessions.rate_limit import RateLimit
from server.sessions.registry import SessionRegistry
from server.sessions.retention_job import sweep_for_ever
from server.sessions.session import Session
from server.sessions.session_index import SessionIndex
from server.settings.reservations import ReservationSettings
from server.settings.tree import CONFIG_FOLDER, Settings
from server.spoken_ahead import SpokenAhead
from server.store.instances import READY, Instance
from server.store.store import Store
from server.trace_sending import Tracing
from server.vault.opening import protection
from server.voice_arrivals import watch_voices
from server.wire.live import LiveSession

logger = structlog.get_logger("server.host")

LAG_EVERY_S = 0.5
REPORTS = ReservationSettings(burst=10, per_minute=6)
# What an interlocutor asks before the role-plays of an exam.
EXAM_CARDS = CONFIG_FOLDER / "exam"
# In the data folder: what a remote mind has cost today.
SPENDING_FILE = "remote-spending.json"
SPENDING_FILE_OF = "remote-spending@{name}.json"


class Server:
    """What the routes share: settings, cards, engines, sessions, metrics, and whether it is ready."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.version = version("interlocutor")
        self.cards = CardLibrary.load(settings.cards_folder).with_beside(CardLibrary.load(EXAM_CARDS)).with_free()
        # Those to choose from; a planned exam may have any.
        self.practice_cards = self.cards.without(settings.exam.reserved_cards)
        name = settings.instances.name
        spending = SPENDING_FILE if name is None else SPENDING_FILE_OF.format(name=name)
        self.choices: Choices = choose_engines(
            settings.engines, settings.models, spending_file=settings.data_path / spending
        )
        if faults := engine_faults(settings, self.choices, self.cards):
            raise SettingsError("\n".join(faults))
        self.gpu = GpuReader()
        self.metrics = Metrics(self.version, gpu_utilization=self.gpu.read)
        self.metrics.judged.folder = settings.data_path / JUDGE_FOLDER
        if self.choices.mind is not None:
            self.metrics.watch_spending(self.choices.mind.spending)
        self.tracing = Tracing(settings.tracing, self.metrics, version=self.version, environment=settings.environment)
        self.models: ModelCache = shared_cache(settings.models)
        self.not_ready: str | None = "engines are loading"
        # It writes logs and audio as they come: what a crash must not lose.
        self.disk: DiskThread
        # It does what may take a while: joining recordings, deleting folders.
        self.chores: DiskThread
        self.engines: Engines
        self.clock: Clock = LoopClock()
        self.access = Access(settings.developer_key)
        self.lab_key = LabKey(settings)
        self.join_tokens = JoinTokens(now_s=lambda: self.clock.now_ms() / 1000.0)
        self.records = open_records(settings)
        self.vault = self.records.vault
        self.store = Store(settings.database, settings.audit, settings.data_path, self.vault)
        self.past = PastSessions(self.store, settings.data_path / "sessions", self.cards)
        self.accounts = Accounts(self.store, settings.auth, now_s=lambda: self.clock.now_ms() / 1000.0)
        self.sign_on = (
            SingleSignOn(settings.auth.oidc, self.store, now_s=lambda: self.clock.now_ms() / 1000.0)
            if settings.auth.oidc.enabled
            else None
        )
        self.key_ring = KeyRing(self.store)
        self.admission = Admission(
            settings.server, prepare_s=settings.session.prepare_s, clock=self.clock, metrics=self.metrics
        )

        def now_s() -> float:
            return self.clock.now_ms() / 1000.0

        # By session: whoever has something to tell does so now and then.
        self.reports = RateLimit(REPORTS, now_s=now_s)
        # By session and by network, each of them.
        self.offer_limits = AskingLimits("calls", now_s=now_s)
        self.token_limits = AskingLimits("tokens to connect with", now_s=now_s)
        self.assessments = Assessments(Assessor(self.choices.interpreter.factory), self.records)
        self.phrases = Phrases(lambda: self.engines.synthesiser)
        self.schedule = Schedule(self.store, self.cards)
        self.sittings: Sittings
        self.index: SessionIndex
        self.disk_watch: DiskWatch
        self.registry: SessionRegistry
        self.checkpoints: Checkpoints
        self.restorer: Restorer
        self.draining: Drain
        self.eraser: Eraser
        self.drivers: DriverFactory
        self.taking_up: TakingUp
        self.calls = Calls()
        # What this server is among others, if it is one of several.
        self.holder = Holder()
        self.address = ""
        self.membership: Membership | None = None
        self.desk = Desk(
            self.store,
            now_ms=self.clock.now_ms,
            session_s=settings.session.session_s,
            deadline_s=settings.server.send_deadline_s,
            calls=ListenerCalls(settings.rtc, self.ice_servers),
        )
        self.trials = EngineTrials(
            lambda: self.engines,
            self._trial_patient,
            metrics=self.metrics,
            every_s=settings.server.try_engines_every_s,
            is_idle=lambda: self.not_ready is None and not self.registry.running(),
        )
        self.spoken_ahead = SpokenAhead(
            self.cards.values(),
            lane=lambda: self.engines.synthesiser,
            wanted=lambda: {session.card.id for session in self.registry.reserved()},
            is_idle=lambda: self.not_ready is None and not self.registry.running(),
        )
        self.keeping = KeepingHealth()
        self.metrics.keeping.watch(store=self.store, health=self.keeping)
        self.exports = ExportPlaces()
        self._background = Background()
        self.house_keeping: HouseKeeping
        # Voices that better ones took the place of; a session that has one keeps it.
        self._former_voices: list[SpeechLane] = []

    def ice_servers(self, session_id: str) -> tuple[IceServer, ...]:
        """Return the ICE servers of a session's calls, with credentials for a while."""
        secret = self.settings.turn_secret
        plain = secret.get_secret_value() if secret is not None else None
        return ice_servers(self.settings.rtc, plain, session_id, now_s=time.time())

    async def start(self) -> None:
        """Open the database, start the disk threads and the housekeeping; engines load in the background.

        Raises DatabaseError, and StorageError when the database was sealed by another master key.
        """
        logger.info("vault_open", key=self.vault.keys.current, protects=protection(self.settings))
        await self.store.start()
        self.disk = DiskThread("disk")
        self.chores = DiskThread("chores")
        self.index = SessionIndex(self.store, self.chores, self.records)
        self.engines = build_lanes(self.choices, self.settings.engines, self.clock)
        self.models.listeners.append(_log_model)
        for lane in self.engines.lanes:
            self._listen_to(lane)
        self.engines.synthesiser.on_kept.append(self.metrics.clauses_kept.inc)
        folders = self._put_sessions_together()
        await self._join_others()
        leads = self.membership is None or self.membership.leads
        await self.taking_up.take_up(*await asyncio.to_thread(left_to, self.holder, self.records.root, leads=leads))
        if leads:
            self.house_keeping.begin()
        for work in (
            self._load(),
            sweep_for_ever(self.registry, folders, self.clock),
            keep_for_ever(self.checkpoints, self.registry.running),
            self.sittings.keep_for_ever(),
            self.sittings.learn_for_ever(),
            self._watch_lag(),
            self.disk_watch.measure_for_ever(),
            self.trials.try_for_ever(),
            self.spoken_ahead.speak_for_ever(),
        ):
            self._background.begin(work)
        if self.membership is not None:
            await self.membership.directory.beat()
            self._background.begin(self.membership.beat_for_ever())
            self._background.begin(self.membership.watch_for_ever())

    async def _join_others(self) -> None:
        """Work together with the other servers of this data folder, if this is one of several."""
        if not isinstance(self.holder, SharedHolder):
            return
        instances = self.settings.instances
        directory = Directory(self.store, name=self.holder.name, me=self._me, lost_after_s=instances.lost_after_s)
        self.membership = Membership(
            self.holder,
            directory,
            PeerRelay(await self.store.shared_secret()),
            data_path=self.settings.data_path,
            adopt=self._adopt,
            lead=self.house_keeping.begin,
            takes=lambda: not self.admission.draining,
            adopted=self.metrics.instances.adopted,
        )
        self.membership.stand_for_leader()
        self.metrics.instances.watch(self.membership)

    def _me(self) -> Instance:
        membership = self.membership
        fault = self.standing_still or self.not_ready or self.trials.reason
        state = "draining" if self.admission.draining else fault or READY
        return Instance(
            self.holder.name or "",
            self.address,
            self.version,
            state,
            membership is not None and membership.leads,
            self.admission.places,
            self.room(),
            json.dumps(self.choices.names),
        )

    @property
    def standing_still(self) -> str | None:
        """Which engines stand still for good, so that sessions should not begin here; None while none does."""
        still = [f"the {lane.name} stands still" for lane in self.engines.lanes if lane.stands_still]
        return f"{'; '.join(still)}: restart the server" if still else None

    def room(self) -> int:
        """Return how many more sessions this server would let in now."""
        return 0 if self.not_ready is not None else self.registry.room()

    def holds(self, what: str) -> bool:
        """Return whether a session or an exam is in this server's memory."""
        return self.registry.find(what) is not None or self.sittings.holds(what)

    async def _adopt(self, held: set[str]) -> None:
        """Go on with what a server held that died."""
        await self.taking_up.adopt(held)
        if self.not_ready is None:
            self.taking_up.go_on(self.new_live)

    def _put_sessions_together(self) -> SessionFolders:
        """Make the registry and the factory of drivers; return the folders of sessions."""
        settings = self.settings
        self.disk_watch = DiskWatch(settings.data_path, self.disk, self.metrics)
        folders = SessionFolders(
            settings.data_path / "sessions",
            vault=self.vault,
            disk=self.disk,
            chores=self.chores,
            failed=self.disk_watch.failed,
            recorded=self.index.recorded,
            holder=self.holder,
        )
        self.checkpoints = Checkpoints(self.access, self.disk)
        self.registry = SessionRegistry(
            settings.session,
            cards=self.practice_cards,
            admission=self.admission,
            access=self.access,
            folders=folders,
            clock=self.clock,
            metrics=self.metrics,
            index=self.index,
            checkpoints=self.checkpoints,
        )
        self.restorer = Restorer(
            self.registry,
            cards=self.cards,
            settings=settings.session,
            clock=self.clock,
            disk=self.disk,
            vault=self.vault,
        )
        self.sittings = Sittings(
            settings,
            schedule=self.schedule,
            store=self.store,
            registry=self.registry,
            admission=self.admission,
            cards=self.cards,
            disk=self.disk,
            holder=self.holder,
        )
        self.taking_up = TakingUp(
            store=self.store,
            records=self.records,
            cards=self.cards,
            registry=self.registry,
            restorer=self.restorer,
            sittings=self.sittings,
            folders=folders,
        )
        self.house_keeping = HouseKeeping(
            settings,
            store=self.store,
            records=self.records,
            holder=self.holder,
            health=self.keeping,
            metrics=self.metrics.keeping,
            background=self._background,
        )
        deadline_s = settings.server.drain_deadline_s
        self.draining = Drain(self.registry, self.admission, deadline_s=deadline_s, begins=self.sittings.hold)
        self.eraser = Eraser(self.store, self.records.recordings, disk=self.disk, chores=self.chores)
        self.drivers = DriverFactory(
            settings,
            cards=self.cards,
            engines=self.engines,
            choices=self.choices,
            clock=self.clock,
            disk=self.disk,
            chores=self.chores,
            metrics=self.metrics,
            tracing=self.tracing,
            vault=self.vault,
            disk_watch=self.disk_watch,
        )
        return folders

    def new_live(self, session: Session, principal: Principal) -> LiveSession:
        """Make the part of a joined session that connections attach to."""
        session.live = LiveSession(
            principal=principal,
            session_info=SessionInfo(
                id=session.id,
                card_id=session.card.id,
                expires_at_s=round(time.time()) + self.settings.session.session_s,
                wordless=session.talk_s is not None,
                free=session.card.is_free,
            ),
            make_driver=lambda input_hz, sink: self.drivers.make(session, input_hz, sink),
            settings=self.settings.server,
            resume_s=self.settings.session.resume_s,
            start_within_s=self.settings.session.start_within_s,
            over=lambda: self.registry.finish(session),
            offered=lambda: self.registry.keep(session),
        )
        if session.wished is not None:
            session.live.wire.update(session.wished)
        return session.live

    async def stop(self) -> None:
        """End the sessions, the engines and the disk threads, in that order."""
        self.draining.hurry()
        await self.draining.run()
        await self.sittings.stop()
        await self.calls.close()
        await self._background.stop()
        await stop_lanes(self.engines)
        await asyncio.gather(*(lane.stop() for lane in self._former_voices))
        if self.choices.mind is not None:
            await asyncio.to_thread(self.choices.mind.close)
        await asyncio.to_thread(self.models.clear)
        self.models.listeners.remove(_log_model)
        await self.disk_watch.close()
        await asyncio.to_thread(self.disk.close)  # gives the chores its last
        await self.index.settled()
        await asyncio.to_thread(self.chores.close)
        if self.membership is not None:
            await self.membership.directory.leave(self.membership.directory.name)
            self.membership.resign()
            await self.membership.relay.close()
        await asyncio.to_thread(self.tracing.close)
        await self.store.stop()
        # Last, since another server goes on from here with what could not come to its end.
        self.holder.release()

    def _listen_to(self, lane: Lane) -> None:
        lane.on_incident.append(partial(self._incident, lane.name))
        lane.on_request.append(partial(self._requested, lane.name))
        self.metrics.threads_given_up.labels(lane.name).set_function(lambda: lane.threads_given_up)

    def _incident(self, engine: str, what: str, _detail: str) -> None:
        self.metrics.count_incident(engine, what)

    def _requested(self, engine: str, ok: bool, duration_ms: float) -> None:
        self.metrics.observe_request(engine, "ok" if ok else "failed", duration_s=duration_ms / 1000.0)

    async def _load(self) -> None:
        try:
            not_ready = await self._get_ready()
        except (AppError, OSError) as error:
            not_ready = reason_of(error)
        except Exception as error:
            # A fault of ours: it must not leave a server that says for ever that its engines are loading.
            not_ready = reason_of(error)
            logger.exception("work_failed", work="load")
        self.not_ready = not_ready
        if not_ready is not None:
            logger.error("engines_not_loaded", error=not_ready)
            return
        logger.info("ready", memory_bytes=await asyncio.to_thread(resident_bytes))
        await watch_voices(
            self.settings,
            self.choices.synthesiser,
            make_lane=self._voice_lane,
            is_busy=lambda: bool(self.registry.running()),
            take=self._take_voice,
        )

    async def _get_ready(self) -> str | None:
        """Load the engines, and go on with what an earlier server held; return why that can't be."""
        not_ready, digests = await asyncio.gather(
            load_engines(self.engines, self.choices, settings=self.settings, models=self.models, clock=self.clock),
            asyncio.to_thread(model_digests, self.choices.places),
        )
        if not_ready is not None:
            return not_ready
        self.drivers = replace(self.drivers, model_digests=digests)
        await self._find_places()
        # What is loaded by now stays: the garbage collector need not walk it again in the middle of somebody's turn.
        gc.collect()
        gc.freeze()
        self.taking_up.go_on(self.new_live)
        return None

    def _voice_lane(self, choice: Choice) -> SpeechLane:
        lane = synthesiser_lane(choice, self.settings.engines, self.clock)
        self._listen_to(lane)
        lane.on_kept.append(self.metrics.clauses_kept.inc)
        return lane

    async def _take_voice(self, choice: Choice, lane: SpeechLane) -> None:
        """Have the sessions that begin from now on speak with a voice that has come."""
        choices = replace(self.choices, synthesiser=choice)
        digests = await asyncio.to_thread(model_digests, choices.places, self.drivers.model_digests)
        # All at once: a session that begins meanwhile has the old voice or the new one.
        self._former_voices.append(self.engines.synthesiser)
        self.engines, self.choices = replace(self.engines, synthesiser=lane), choices
        self.drivers = replace(self.drivers, engines=self.engines, choices=self.choices, model_digests=digests)
        logger.info("engine_chosen", engine=choice.name, reason=choice.reason, isolation=choice.isolation)
        try:
            await self._find_places()
        except (AppError, OSError) as error:
            logger.warning("places_not_found", reason=reason_of(error))

    async def _find_places(self) -> None:
        """Let in as many sessions as are set, or else as many as the engines serve in time on this machine."""
        places = await measure_places(self.engines, self.clock, self._speaking())
        wanted = self.settings.server.max_sessions
        self.admission.places = wanted or places.count
        if not wanted:
            self.admission.taken_besides = lambda: (CALL_PLACES - 1) * len(self.calls)
        logger.log(
            logging.WARNING if wanted > places.count else logging.INFO,
            "places_found",
            places=self.admission.places,
            held=places.count,
            reason=places.reason,
        )

    def _speaking(self) -> list[Speaks]:
        """Return the voices that the patients of all cards have."""
        return speaking_for([voice_of(card) for card in self.cards.values()], self.choices.synthesiser)

    def _trial_patient(self) -> TrialPatient:
        """Return for whom the engines are tried."""
        return TrialPatient(next(iter(self.cards.values())), tuple(one.patient for one in self._speaking()))

    async def _watch_lag(self) -> None:
        while True:
            due_ms = self.clock.now_ms() + LAG_EVERY_S * 1000.0
            await asyncio.sleep(LAG_EVERY_S)
            self.metrics.event_loop_lag.observe(max(0.0, self.clock.now_ms() - due_ms) / 1000.0)
            self.metrics.show_models(self._memory_of_models())

    def _memory_of_models(self) -> dict[str, int]:
        """Return the memory of worker processes by their engine, and of the models in this process by their id."""
        used = {lane.info.name: lane.memory_bytes() for lane in self.engines.lanes if lane.info is not None}
        held = {status.key: status.memory_bytes for status in self.models.status() if status.state == "ready"}
        return {name: size for name, size in (used | held).items() if size}


def _log_model(happened: Happened, status: ModelStatus) -> None:
    level = logging.WARNING if happened == "model_not_unloaded" else logging.INFO
    logger.log(
        level,
        happened,
        model=status.key,
        device=status.device,
        seconds=round(status.load_s, 2),
        memory_bytes=status.memory_bytes,
    )
