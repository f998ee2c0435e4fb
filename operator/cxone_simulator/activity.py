"""What the ACD counts: agents per skill, and the state of each agent, in NICE's words."""

from collections.abc import Callable, Mapping

from cxone_simulator.acd_setup import AcdSettings
from cxone_simulator.model import Agent, AgentState, Skill, Tenant

#: NICE's numbers and names of agent states (cxone.md §2).
STATE_NAMES: Mapping[int, str] = {
    0: "LoggedOut",
    1: "Available",
    2: "Unavailable",
    3: "InboundContact",
    4: "OutboundContact",
    5: "InboundConsult",
    6: "OutboundConsult",
    7: "Dialer",
    8: "LoggedIn",
}
#: NICE's names of media types.
MEDIA_NAMES: Mapping[int, str] = {
    1: "E-Mail",
    3: "Chat",
    4: "Phone Call",
    5: "Voice Mail",
    6: "Work Item",
    7: "SMS",
    8: "Social",
    9: "Digital",
}
AVAILABLE, OUTBOUND_CONTACT, DIALER, UNAVAILABLE = 1, 4, 7, 2


def counts_of(
    skill: Skill,
    tenant: Tenant,
    second: float,
    dialer_is_available: bool,
) -> dict[str, int]:
    """The agents of a skill by what they do, at this second of the simulation's clock. An agent with
    several skills is counted in each.

    Ours, because NICE says it nowhere: ``agentsIdle`` are all who wait, in Available or in Dialer;
    whether ``agentsAvailable`` counts those in Dialer is up to ``dialer_is_available``;
    ``agentsWorking`` are on a contact, wrap-up is only in ``agentsACW``; ``agentsLoggedIn`` is the sum.
    """
    idle = working = acw = unavailable = 0
    for tally in tenant.qualifications.tallies(skill.name):
        idle += tally.in_state[AgentState.AVAILABLE]
        working += tally.in_state[AgentState.BUSY]
        acw += tally.in_state[AgentState.WRAP_UP]
        unavailable += tally.elsewhere
    counts = {
        "agentsACW": acw,
        "agentsAvailable": idle if dialer_is_available else idle - _in_dialer(skill, tenant, idle),
        "agentsIdle": idle,
        "agentsLoggedIn": idle + working + acw + unavailable,
        "agentsUnavailable": unavailable,
        "agentsWorking": working,
    }
    if skill.activity_at is None and not skill.activity:
        return counts
    scripted = {} if skill.activity_at is None else skill.activity_at(second)
    return {**counts, **scripted, **skill.activity}


def _in_dialer(skill: Skill, tenant: Tenant, idle: int) -> int:
    skills = tenant.skills.in_dialer
    if skill.name in skills or not skills:
        return idle if skills else 0
    # They may sit there because of another skill of theirs.
    return sum(
        agents.tally.in_state[AgentState.AVAILABLE]
        for agents in tenant.qualifications.at_acd(skill.name)
        if agents.has_any(skills)
    )


def state_of(agent: Agent, tenant: Tenant) -> int:
    """The number of an agent's state.

    Idle agents of a Personal Connection skill that runs without priority blending are in Dialer.
    Ours: whoever wraps up is Unavailable, with ``isACW``.
    """
    if agent.acd_state is not None:
        return agent.acd_state
    match agent.state:
        case AgentState.AVAILABLE:
            waits = tenant.qualifications.of(agent.skills).has_any(tenant.skills.in_dialer)
            return DIALER if waits else AVAILABLE
        case AgentState.BUSY:
            return OUTBOUND_CONTACT
        case AgentState.WRAP_UP:
            return UNAVAILABLE
        case _:
            return 0


class ActivityBoard:
    """The counters of all skills as the ACD shows them: live, or frozen at some moment.

    ``settings``, ``now`` (wall-clock seconds since 1970) and ``second`` (the simulation's clock) are
    asked each time.
    """

    def __init__(
        self,
        tenant: Tenant,
        settings: Callable[[], AcdSettings],
        now: Callable[[], float],
        second: Callable[[], float],
    ) -> None:
        self._tenant = tenant
        self._settings = settings
        self._now = now
        self._second = second
        self._frozen: dict[int, dict[str, int]] | None = None
        self._frozen_at = 0.0

    def freeze(self, frozen: bool) -> None:
        """Keep the counters and their time as they are from now on, or let them go on."""
        if not frozen:
            self._frozen = None
        elif self._frozen is None:
            self._frozen_at = self._now()
            self._frozen = {skill.id: self._count(skill) for skill in self._tenant.skills}

    def counts(self, skill: Skill) -> dict[str, int]:
        """The agents of a skill by what they do."""
        frozen = None if self._frozen is None else self._frozen.get(skill.id)
        return self._count(skill) if frozen is None else frozen

    def server_time(self) -> float:
        """When the counters were taken, in wall-clock seconds since 1970."""
        taken = self._now() if self._frozen is None else self._frozen_at
        return taken - self._settings().server_time_age

    def _count(self, skill: Skill) -> dict[str, int]:
        available = self._settings().dialer_is_available
        return counts_of(skill, self._tenant, self._second(), available)
