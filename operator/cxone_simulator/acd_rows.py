"""The rows of the ACD's lists: which fields there are, and how the asked ones are filled.

The fields are NICE's published ones; those that the model knows nothing of are empty or 0.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from cxone_simulator.acd_answers import timestamp
from cxone_simulator.activity import MEDIA_NAMES, STATE_NAMES, state_of
from cxone_simulator.model import Agent, AgentState, Skill, Tenant
from cxone_simulator.simulation import Simulation

#: The business unit that all rows name.
BUSINESS_UNIT = 4_600_001

SubjectT = TypeVar("SubjectT")
Row = Callable[[SubjectT], dict[str, Any]]

_COUNTERS = frozenset(
    (
        "agentsACW",
        "agentsAvailable",
        "agentsIdle",
        "agentsLoggedIn",
        "agentsUnavailable",
        "agentsWorking",
    )
)
_ZEROS = (
    "inSLA",
    "outSLA",
    "queueCount",
    "serviceLevel",
    "serviceLevelGoal",
    "serviceLevelThreshold",
    "skillQueueCount",
    "personalQueueCount",
    "parkedCount",
)


def activity_row(fields: Collection[str] | None, simulation: Simulation) -> Row[Skill]:
    """Makes the row of a skill in ``skills/activity``, with these fields (None: all)."""
    tenant, board = simulation.tenant, simulation.activity
    server_time = timestamp(board.server_time())
    filled: dict[str, Callable[[Skill], Any]] = {
        "businessUnitId": lambda _skill: BUSINESS_UNIT,
        "campaignId": lambda skill: number_of(skill.campaign_id),
        "campaignName": lambda skill: campaign_name(skill, tenant),
        "contactsActive": lambda skill: skill.calls,
        "earliestQueueTime": lambda _skill: None,
        "emailFromAddress": lambda _skill: "",
        "isActive": lambda skill: skill.active,
        "isNaturalCalling": lambda skill: skill.can_run,
        "isOutbound": lambda skill: skill.outbound,
        "mediaTypeId": lambda skill: skill.media_type,
        "mediaTypeName": lambda skill: MEDIA_NAMES.get(skill.media_type, ""),
        "skillName": lambda skill: skill.name,
        "skillId": lambda skill: skill.id,
        **dict.fromkeys(_ZEROS, lambda _skill: 0),
    }
    if simulation.acd.server_time:
        filled["serverTime"] = lambda _skill: server_time
    fill = _filler(fields, filled)
    counters = _COUNTERS if fields is None else _COUNTERS.intersection(fields)
    if not counters:
        return fill

    def row(skill: Skill) -> dict[str, Any]:
        counts = board.counts(skill)
        return {**fill(skill), **{name: counts[name] for name in counters}}

    return row


def state_row(fields: Collection[str] | None, simulation: Simulation) -> Row[Agent]:
    """Makes the row of an agent in ``agents/states``, with these fields (None: all)."""
    tenant, now = simulation.tenant, timestamp(simulation.now())
    filled: dict[str, Callable[[Agent], Any]] = {
        "agentId": lambda agent: agent.ordinal,
        "agentStateId": lambda agent: state_of(agent, tenant),
        "agentStateName": lambda agent: STATE_NAMES.get(state_of(agent, tenant), "Pending"),
        "businessUnitId": lambda _agent: BUSINESS_UNIT,
        "isActive": lambda _agent: True,
        "isACW": lambda agent: agent.state is AgentState.WRAP_UP,
        "isOutbound": lambda agent: agent.state is AgentState.BUSY,
        "firstName": lambda agent: agent.name.partition(" ")[0],
        "lastName": lambda agent: agent.name.partition(" ")[2],
        "userName": lambda agent: f"{agent.id}@example.com",
        "stationPhoneNumber": lambda agent: f"+1202555{agent.ordinal % 10_000:04}",
        "lastUpdateTime": lambda _agent: now,
        "teamId": lambda agent: tenant.team_id(agent.team),
        "teamName": lambda agent: agent.team,
    }
    return _filler(fields, filled)


def campaign_name(skill: Skill, tenant: Tenant) -> str:
    """The name of a skill's campaign."""
    campaign = tenant.campaign(skill.campaign_id)
    return "" if campaign is None else campaign.name


def number_of(text: str) -> int | None:
    """An id as the ACD writes it, or None if it is no number."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else None


def _filler(
    fields: Collection[str] | None,
    filled: Mapping[str, Callable[[SubjectT], Any]],
) -> Row[SubjectT]:
    chosen = [(name, fill) for name, fill in filled.items() if fields is None or name in fields]
    return lambda subject: {name: fill(subject) for name, fill in chosen}
