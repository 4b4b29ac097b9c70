"""A remote mind: its hosts, its way out, its account, and a look at the health of hosts that failed."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

import httpx2
import structlog

from pipelines.responders.remote.attempt import named_failures, retry_after_s
from pipelines.responders.remote.egress import make_client
from pipelines.responders.remote.failures import RemoteFailure
from pipelines.responders.remote.forms import FORMS
from pipelines.responders.remote.network import Network
from pipelines.responders.remote.remote_host import Hosts, RemoteHost
from pipelines.responders.remote.remote_plan import RemotePlan
from pipelines.responders.remote.reply import Prompt, RemoteReply
from pipelines.responders.remote.spending import Spending

logger = structlog.get_logger("pipelines.remote")

_LOOK_EVERY_S = 2.0
# Every form has a list of models, which costs nothing.
_HEALTH_PATH = "/models"


@dataclass(frozen=True, slots=True)
class HostHealth:
    """How a host answered a question after its models; `fault` is empty if it is well."""

    host: str
    fault: str


class RemoteMind:
    """What all sessions' replies share."""

    def __init__(
        self, plan: RemotePlan, *, spending_file: Path | None = None, budget_setting: str = "engines.remote.budget"
    ) -> None:
        self.plan = plan
        self.spending = Spending(plan.settings.budget, spending_file, setting=budget_setting)
        self.network = Network()
        waits = plan.settings.waits
        self.hosts = Hosts(
            [RemoteHost(each, waits=waits, now_s=time.monotonic, key=plan.key) for each in plan.addresses]
        )
        self._form = FORMS[plan.provider.form]
        self._client: httpx2.AsyncClient | None = None
        self._looking: asyncio.Task[None] | None = None

    async def open(self) -> httpx2.AsyncClient:
        """Return the client, made when it is first needed; on the network's loop."""
        if self._client is None:
            origins = [address.origin for address in self.plan.addresses]
            self._client = make_client(origins, connect_s=self.plan.settings.waits.connect_s)
        return self._client

    async def ask(self, session: str, prompt: Prompt) -> RemoteReply:
        """Return a reply that is about to be asked for; on the network's loop."""
        return RemoteReply(
            self.plan,
            session=session,
            prompt=prompt,
            client=await self.open(),
            form=self._form,
            hosts=self.hosts,
            spending=self.spending,
        )

    def watch_health(self) -> None:
        """Look after the hosts that are left alone, until all are well; on the network's loop."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        while left_alone := [host for host in self.hosts.all if host.state == "open"]:
            await asyncio.sleep(_LOOK_EVERY_S)
            for host in left_alone:
                if (await self.health(host)).fault == "" and host.state == "open":
                    logger.info("remote_host_well", host=str(host))
                    host.found_well()

    async def health(self, host: RemoteHost) -> HostHealth:
        """Ask a host for its models."""
        client = await self.open()
        try:
            with named_failures():
                async with asyncio.timeout(self.plan.settings.waits.first_token_s):
                    response = await client.get(host.address.url(_HEALTH_PATH), headers=self._form.headers(host.key))
        except RemoteFailure as failure:
            return HostHealth(str(host), failure.detail)
        except TimeoutError:
            return HostHealth(str(host), "did not answer in time")
        return HostHealth(str(host), _fault(response))

    def check(self) -> list[HostHealth]:
        """Ask every host after its health and wait for the answers; for the doctor."""

        async def ask_all() -> list[HostHealth]:
            return list(await asyncio.gather(*(self.health(host) for host in self.hosts.all)))

        try:
            return self.network.run(ask_all, timeout_s=60.0)
        finally:
            self.close()

    def close(self) -> None:
        """Close the connections and end the thread."""

        async def end() -> None:
            if self._client is not None:
                await self._client.aclose()
                self._client = None

        self.network.run(end, timeout_s=5.0)
        self.network.close()


def _fault(response: httpx2.Response) -> str:
    status = response.status_code
    if status in (401, 403):
        return f"refuses the key ({status})"
    if status == 429 and retry_after_s(response.headers):
        return "is busy (429)"
    # Some servers have no list of models: what answers is well.
    return f"failed ({status})" if status >= 500 else ""
