"""The ``ACD`` dialect: the API that NICE publishes."""

from collections.abc import Hashable

from campaign_throttle.cxone.acd import activity, states
from campaign_throttle.cxone.acd.changes import change_skills
from campaign_throttle.cxone.acd.discovery import Discovery
from campaign_throttle.cxone.acd.operations import ACTIVITY_PATH, AGENTS_STATES, SKILLS_ACTIVITY, STATES_PATH
from campaign_throttle.cxone.acd.paging import Reading, read_all, read_page
from campaign_throttle.cxone.acd.roster import Roster
from campaign_throttle.cxone.budget import Priority
from campaign_throttle.cxone.protocol import Campaign, DialingState, Headcount, Probe, Skill, Target
from campaign_throttle.cxone.session import Session
from campaign_throttle.cxone.transport import Answer
from campaign_throttle.resources.behaviour import Agents, AgentSource


class AcdDialect:
    """Implements :class:`~campaign_throttle.cxone.protocol.Dialect` over one tenant's session."""

    def __init__(self, session: Session, discovery: Discovery) -> None:
        self._session = session
        self._discovery = discovery
        self._roster = Roster(session)

    def source(self, agents: Agents) -> Hashable:
        """All counters of all skills come with one reading, and so do all teams and states; see the Protocol."""
        return agents.source

    async def read_agents(self, source: Hashable, deadline: float) -> Headcount:
        """Every page of what ``source`` names; see the Protocol."""
        if source == AgentSource.SKILL_ACTIVITY:
            return activity.read_activity(await self._activity(deadline))
        return states.read_states(await self._states(deadline))

    async def get_campaign(
        self, target: Target, deadline: float, *, anew: bool = False, urgent: bool = False
    ) -> Campaign:
        """The campaign with its controlled skills; see the Protocol.

        Raises:
            CampaignNotFound: there is no such campaign, or the ID can't be one.
            NothingToControl: none of its skills may be started and stopped.
            CXoneError: it could not be read.
        """
        return await self._roster.campaign(target, deadline, anew=anew, urgent=urgent)

    async def set_state(
        self, target: Target, wanted: DialingState, deadline: float, *, skills: frozenset[int] = frozenset()
    ) -> tuple[Skill, ...]:
        """Stop (PAUSED) or start (RUNNING) the skills; see the Protocol. Nothing is ever stopped by force.

        A request whose outcome is unknown is read back, and repeated once if it had no effect.
        """

        async def read(skill_id: int) -> Skill:
            return (await self._roster.skill(skill_id, deadline, priority=Priority.CHECK)).skill

        return await change_skills(
            self._session,
            skills,
            wanted,
            deadline,
            read=read,
            name_of=lambda skill_id: self._roster.name_of(target, skill_id),
        )

    async def probe(self, deadline: float) -> Probe:
        """Discovery, a token and one row of skill activity, or word that there is none; see the Protocol."""
        answer = await self._session.read(
            SKILLS_ACTIVITY, ACTIVITY_PATH, deadline=deadline, params=activity.PARAMETERS | {"skip": 0, "top": 1}
        )
        read_page(answer, activity.NAME, activity.WHAT)
        assert self._discovery.known is not None  # no request without a token, and no token without discovery
        return Probe(endpoint=self._discovery.known.api_base)

    @property
    def known(self) -> Probe | None:
        """Where the API is, as it was discovered for the token in use; see the Protocol."""
        endpoints = self._discovery.known
        if endpoints is None or self._session.tokens.current is None:
            return None
        return Probe(endpoint=endpoints.api_base)

    async def close(self) -> None:
        """End what is under way and let go of the connections."""
        await self._session.close()

    async def _activity(self, deadline: float) -> Reading:
        async def ask(skip: int, top: int) -> Answer:
            params = activity.PARAMETERS | {"skip": skip, "top": top}
            return await self._session.read(
                SKILLS_ACTIVITY, ACTIVITY_PATH, deadline=deadline, params=params, priority=Priority.COUNT
            )

        return await read_all(ask, activity.NAME, activity.WHAT, activity.skill_of)

    async def _states(self, deadline: float) -> Reading:
        async def ask(skip: int, top: int) -> Answer:
            params = states.PARAMETERS | {"skip": skip, "top": top}
            return await self._session.read(
                AGENTS_STATES, STATES_PATH, deadline=deadline, params=params, priority=Priority.COUNT
            )

        return await read_all(ask, states.NAME, states.WHAT, states.agent_of)
