"""Each dialect of the operator at the simulated tenant, through the Protocol and nothing else."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pydantic import SecretStr, TypeAdapter

from campaign_throttle.cxone.acd import AcdSettings
from campaign_throttle.cxone.auth import Credentials
from campaign_throttle.cxone.connect import CampaignsSettings, Observers, connect
from campaign_throttle.cxone.protocol import Dialect, DialingState, Target
from campaign_throttle.resources.behaviour import Agents, AgentSource
from cxone_simulator import Scenario, Simulator
from cxone_simulator.faults import Fault
from unit.cxone.tenant_at_work import AGENT_NAME, simulators

PAUSED, RUNNING = DialingState.PAUSED, DialingState.RUNNING
SECRET, KEY, KEY_SECRET = "s3cret:of-the-client=", "KEY5XJ====", "s3cret/of+the=key=="
TENANT = "11e00000-0000-4000-8000-00000000acd0"
INTERVAL = timedelta(seconds=30)


@dataclass(frozen=True)
class Kind:
    """A dialect, and the names that the simulator has for what it asks."""

    name: str
    agents: Agents
    document: dict[str, Any]
    target: Target
    missing: Target
    #: Path classes of the simulator.
    counts: str
    reads: tuple[str, ...]
    stop: str
    start: str

    def settings(self, url, secret=SECRET, key_secret=KEY_SECRET):
        if self.name == "Campaigns":
            return CampaignsSettings(url, Credentials("throttle", SecretStr(secret)))
        return AcdSettings(
            tenant_id=TENANT,
            issuer=url,
            client_id="throttle",
            client_secret=SecretStr(secret),
            access_key_id=KEY,
            access_key_secret=SecretStr(key_secret),
        )


CAMPAIGNS = Kind(
    name="Campaigns",
    agents=Agents(),
    document={"campaigns": [{"id": "cmp-1", "name": "Spring"}]},
    target=Target("cmp-1"),
    missing=Target("cmp-9"),
    counts="agents",
    reads=("campaign-read",),
    stop="campaign-write",
    start="campaign-write",
)
ACD = {
    "document": {
        "dialects": ["ACD"],
        "acd": {"tenantId": TENANT},
        "accessKeys": {KEY: {"secret": KEY_SECRET}},
        "campaigns": [{"id": 1001, "name": "Spring", "skills": [{"id": 4001}, {"id": 4002}]}],
    },
    "target": Target("1001"),
    "missing": Target("1009"),
    "reads": ("acd-campaign", "acd-campaign-skills", "acd-skill"),
    "stop": "acd-skill-stop",
    "start": "acd-skill-start",
}
BY_ACTIVITY = Kind(name="ACD by activity", agents=Agents(), counts="acd-activity", **ACD)
#: 7 is Dialer: whoever waits for a call of a skill that runs is not in Available.
BY_STATES = Kind(
    name="ACD by states",
    agents=Agents(source=AgentSource.AGENT_STATES, state_ids=[1, 7]),
    counts="acd-agent-states",
    **ACD,
)
KINDS = [CAMPAIGNS, BY_ACTIVITY, BY_STATES]


@dataclass
class At:
    """A simulated tenant and the operator's dialect of it."""

    kind: Kind
    sim: Simulator
    dialect: Dialect
    renewals: list[str] = field(default_factory=list)

    def deadline(self, seconds=10.0):
        return asyncio.get_running_loop().time() + seconds

    async def campaign(self, seconds=10.0):
        return await self.dialect.get_campaign(self.kind.target, self.deadline(seconds))

    async def read(self, seconds=10.0):
        return await self.dialect.read_agents(self.dialect.source(self.kind.agents), self.deadline(seconds))

    async def count(self, seconds=10.0):
        campaign = await self.campaign(seconds)
        return (await self.read(seconds)).count(self.kind.agents, campaign, INTERVAL)

    async def state(self):
        return (await self.campaign()).state

    async def set_state(self, wanted, seconds=10.0, skills=None):
        """As the operator does it: what already is as wanted is not sent again."""
        if skills is None:
            campaign = await self.campaign(seconds)
            skills = frozenset(skill.id for skill in campaign.skills if skill.running is (wanted is PAUSED))
        return await self.dialect.set_state(self.kind.target, wanted, self.deadline(seconds), skills=skills)

    def fault(self, path, **rule):
        return self.sim.faults.add(TypeAdapter(Fault).validate_python({"path": path, **rule}))

    def asked(self, *paths):
        return [entry for entry in self.sim.journal.entries() if not paths or entry.path_class.value in paths]


@contextlib.asynccontextmanager
async def client_of(kind, sim, *, timeout=None, **secrets) -> AsyncIterator[At]:
    renewals = []
    dialect = connect(
        kind.settings(sim.url, **secrets),
        policy=simulators(sim.url),
        timeout=timeout,
        observers=Observers(token=renewals.append),
    )
    try:
        yield At(kind, sim, dialect, renewals)
    finally:
        await dialect.close()


@contextlib.asynccontextmanager
async def simulator(kind, agents=3, **document) -> AsyncIterator[Simulator]:
    """A tenant that stands still: so many agents who all bear one name, and a running campaign."""
    people = [{"id": f"agent-{number}", "name": AGENT_NAME} for number in range(agents)]
    found = {"mode": "manual", "speed": 0, "clients": {"throttle": {"secret": SECRET}}, "agents": people}
    async with Simulator.running(Scenario.from_document({**found, **kind.document, **document})) as sim:
        yield sim


@contextlib.asynccontextmanager
async def tenant(kind, *, timeout=None, **document) -> AsyncIterator[At]:
    async with simulator(kind, **document) as sim, client_of(kind, sim, timeout=timeout) as at:
        yield at
