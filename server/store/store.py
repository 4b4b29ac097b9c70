"""The database of a running server: opened, brought to its form, written to in order, and closed."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

import structlog

from common.errors import AppError, DatabaseError
from server.settings.store import AuditSettings, DatabaseSettings
from server.store import audit, facts, migrating
from server.store.anchor_objects import anchor_objects
from server.store.anchors import write_anchor
from server.store.audit import Head
from server.store.database import Database
from server.store.ledger import Ledger
from server.store.person_seals import open_seals
from server.store.urls import database_url
from server.vault.vault import Vault

logger = structlog.get_logger("server.store")

DRAIN_S = 5.0


class Store:
    """What the routes and sessions share of the database."""

    def __init__(
        self, settings: DatabaseSettings, audit_settings: AuditSettings, data_path: Path, vault: Vault
    ) -> None:
        self._vault = vault
        self.database = Database(database_url(settings.url, data_path), busy_s=settings.busy_s)
        self.ledger = Ledger(self.database)
        self.instance = ""
        """Tells this deployment's cookies from those of others on the same host."""
        self._migrate = settings.migrate
        self._anchor = audit_settings.anchor
        self._anchor_objects = anchor_objects(audit_settings.s3)
        self._task: asyncio.Task[None] | None = None
        # How often the audit's head could not be written down elsewhere.
        self.unanchored = 0

    async def open(self) -> None:
        """Open the database and bring it to its form, or refuse another.

        Raises DatabaseError, and StorageError when its keys need another master key.
        """
        self.database.open()
        try:
            if self._migrate:
                had, has = await migrating.upgrade(self.database)
                if had != has:
                    logger.info("database_upgraded", had=had or "none", has=has)
            else:
                await migrating.check(self.database)
            self.instance = await self._made_once("instance", 4)
            await self._open_seals()
        except BaseException:
            await self.database.close()
            raise

    async def start(self) -> None:
        """Open it, and begin to write what the ledger is told; raises DatabaseError."""
        await self.open()
        await self.database.warm()
        self._task = asyncio.create_task(self.ledger.run())

    async def stop(self) -> None:
        """Write what is left, anchor the audit, and close."""
        if self._task is not None:
            await self.ledger.drained(DRAIN_S)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
            await self.anchor_quietly()
        await self.database.close()

    async def append(self, action: str, **content: object) -> Head:
        """Add a line to the audit in a transaction of its own; raises DatabaseError."""
        async with self.database.writing() as connection:
            return await audit.append(connection, action, **content)

    async def anchor(self) -> Head:
        """Write the audit's head down in a second place; raises DatabaseError or StorageError."""
        async with self.database.reading() as connection:
            head = await audit.head(connection)
        logger.info("audit_anchor", seq=head.seq, digest=head.digest)
        if self._anchor is not None:
            await asyncio.to_thread(write_anchor, self._anchor, head)
        if self._anchor_objects is not None:
            await asyncio.to_thread(self._anchor_objects.write, head)
        return head

    async def anchor_quietly(self) -> None:
        """Anchor the audit; what fails is told to the operator alone."""
        try:
            await self.anchor()
        except AppError as error:
            self.unanchored += 1
            logger.warning("audit_not_anchored", error=error.message)

    @property
    def waiting(self) -> int:
        """How many entries of role-plays wait for the database."""
        return len(self.ledger)

    @property
    def refused(self) -> int:
        """How many entries could not be written to it, since the start."""
        return self.ledger.refused

    async def healthy(self) -> str | None:
        """Return what is wrong with the database, or None."""
        try:
            async with self.database.reading() as connection:
                await facts.get(connection, "instance")
        except DatabaseError as error:
            return error.message
        return None

    async def _open_seals(self) -> None:
        async with self.database.writing() as connection:
            seals, sealed = await open_seals(connection, self._vault)
        self.database.seals = seals
        if sealed:
            # What stood there in the plain is in SQLite's log still.
            await self.database.shrink_log()
            logger.info("names_sealed", people=sealed)

    async def shared_secret(self) -> str:
        """Return what all servers of this database know and nobody else; raises DatabaseError."""
        return await self._made_once("shared_secret", 32)

    async def _made_once(self, name: str, size_bytes: int) -> str:
        """Return a fact that the first server made by chance."""
        async with self.database.writing() as connection:
            return await facts.put_first(connection, name, secrets.token_hex(size_bytes))
