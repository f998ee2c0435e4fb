"""The ``Campaigns`` dialect: the contract that the product was ordered with."""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from campaign_throttle.cxone.auth import Token
from campaign_throttle.cxone.budget import Priority
from campaign_throttle.cxone.errors import (
    CampaignNotFound,
    CXoneError,
    CXoneGatewayError,
    CXoneUnreachable,
    InvalidResponse,
)
from campaign_throttle.cxone.protocol import Campaign, DialingState, Probe, Skill, Target
from campaign_throttle.cxone.session import Operation, Session
from campaign_throttle.cxone.text import printable
from campaign_throttle.cxone.transport import Answer
from campaign_throttle.resources.behaviour import Agents

AGENTS = Operation("agents", "interactions:agents:read")
CAMPAIGN_READ = Operation("campaign-read", "campaigns:read")
CAMPAIGN_WRITE = Operation("campaign-write", "campaigns:write")
SCOPES = (AGENTS.scope, CAMPAIGN_READ.scope, CAMPAIGN_WRITE.scope)

AGENTS_PATH = "/api/v2/interactions/agents"
CAMPAIGNS_PATH = "/api/v2/campaigns/"
PAGE_SIZE = 100
PAGES_MAXIMUM = 1_000
WORD_LENGTH = 64

_STATES: Final = {"RUNNING": DialingState.RUNNING, "PAUSED": DialingState.PAUSED}
_WORDS: Final = {state: word for word, state in _STATES.items()}


@dataclass(frozen=True)
class AgentCount:
    """Implements :class:`~campaign_throttle.cxone.protocol.Headcount`: one number, for every campaign."""

    number: int
    pages: int = 1

    def count(self, agents: Agents, campaign: Campaign | None, interval: timedelta) -> int:
        """The number; CXone doesn't tell agents of different campaigns apart."""
        return self.number


class CampaignsDialect:
    """Implements :class:`~campaign_throttle.cxone.protocol.Dialect` over one tenant's session.

    Args:
        session: of the tenant; closed with this.
        base_url: where its API is, as it is shown.
    """

    def __init__(self, session: Session, base_url: str) -> None:
        self._session = session
        self._base_url = base_url
        self._page_size = PAGE_SIZE
        self._probed_with: Token | None = None
        self._probed_length = 0

    def source(self, agents: Agents) -> frozenset[str]:
        """The states that count; see the Protocol."""
        return frozenset(state.value for state in agents.states)

    async def read_agents(self, source: Hashable, deadline: float) -> AgentCount:
        """The number of different agents in one of the states; see the Protocol."""
        assert isinstance(source, frozenset)
        counted: set[str] = set()
        pages = 0
        for state in sorted(source):
            found, read = await self._agents_in(state, deadline)
            counted |= found
            pages += read
        return AgentCount(len(counted), pages)

    async def get_campaign(
        self, target: Target, deadline: float, *, anew: bool = False, urgent: bool = False
    ) -> Campaign:
        """The campaign as it is now, always; see the Protocol."""
        return await self._campaign(target.campaign_id, deadline, Priority.CHECK if urgent else Priority.READ)

    async def set_state(
        self, target: Target, wanted: DialingState, deadline: float, *, skills: frozenset[int] = frozenset()
    ) -> tuple[Skill, ...]:
        """Pause or resume the campaign; see the Protocol.

        A request whose outcome is unknown is read back, and repeated once if it had no effect. If the second one had
        none either, and CXone had answered it, that is known of the error raised.
        """
        campaign_id = target.campaign_id
        under_way = False  # what was given up between here and CXone may yet be done
        for last in (False, True):
            try:
                await self._put(campaign_id, wanted, deadline)
            except CXoneError as error:
                if not error.outcome_unknown:
                    error.outcome_unknown = under_way
                    raise
                under_way = under_way or isinstance(error, CXoneUnreachable | CXoneGatewayError)
                try:
                    campaign = await self._campaign(campaign_id, deadline, Priority.CHECK)
                except CXoneError:
                    raise error from None  # the first failure is the one to tell of; its outcome stays unknown
                if campaign.state is wanted:
                    break
                if last:
                    error.outcome_unknown = under_way
                    raise
            else:
                break
        return ()

    async def probe(self, deadline: float) -> Probe:
        """Ask for a token and one page of agents; see the Protocol."""
        answer = await self._session.read(
            AGENTS, AGENTS_PATH, deadline=deadline, params={"state": "available", "limit": 1, "offset": 0}
        )
        read_agents(answer)
        return Probe(self._base_url, (await self._session.token(deadline)).scopes)

    @property
    def known(self) -> Probe | None:
        """The base URL, and the scopes of the token in use; see the Protocol."""
        token = self._session.tokens.current
        return Probe(self._base_url, token.scopes) if token else None

    async def close(self) -> None:
        """End what is under way and let go of the connections."""
        await self._session.close()

    async def _agents_in(self, state: str, deadline: float) -> tuple[set[str], int]:
        """The agents in a state, and how many pages that took."""
        seen: set[str] = set()
        counted: set[str] = set()
        offset, probing = 0, False
        for page in range(1, PAGES_MAXIMUM + 1):
            answer = await self._session.read(
                AGENTS,
                AGENTS_PATH,
                deadline=deadline,
                params={"state": state, "limit": PAGE_SIZE, "offset": offset},
                priority=Priority.COUNT,
            )
            rows = read_agents(answer)
            if probing:
                self._probed_with, self._probed_length = self._session.tokens.current, offset
                self._page_size, probing = offset if rows else self._page_size, False
            if not rows:
                return counted, page
            last = len(rows) < self._page_size
            new = {agent for agent, _ in rows} - seen
            if not new and not last:
                raise InvalidResponse("CXone repeats a page of agents whatever the offset: the count is unknown")
            seen |= new
            counted.update(agent for agent, found in rows if found == state)
            if last:
                probed = self._probed_with is self._session.tokens.current and len(rows) <= self._probed_length
                if offset or probed:
                    return counted, page
                # A short first page is the last one, or the server caps its pages: the next offset tells.
                # That costs a request, so it is asked once per token, and again when a page was never that long.
                probing = True
            self._page_size = max(self._page_size, min(len(rows), PAGE_SIZE))
            offset += len(rows)
        raise InvalidResponse(f"CXone has more than {PAGES_MAXIMUM} pages of agents: the count is unknown")

    async def _campaign(self, campaign_id: str, deadline: float, priority: Priority = Priority.READ) -> Campaign:
        answer = await self._session.read(CAMPAIGN_READ, _path(campaign_id), deadline=deadline, priority=priority)
        return read_campaign(answer, campaign_id)

    async def _put(self, campaign_id: str, wanted: DialingState, deadline: float) -> None:
        answer = await self._session.write(
            CAMPAIGN_WRITE, _path(campaign_id), deadline=deadline, json_body={"status": _WORDS[wanted]}
        )
        if answer.status == 204:
            return
        campaign = read_campaign(answer, campaign_id)
        if campaign.state not in (wanted, DialingState.OTHER):
            raise InvalidResponse(
                f"CXone accepted the change and answered that campaign {campaign_id} is still {campaign.word}"
            )


def _path(campaign_id: str) -> str:
    return CAMPAIGNS_PATH + quote(campaign_id, safe="")


def read_agents(answer: Answer) -> list[tuple[str, str]]:
    """ID and state of each agent on a page; nothing else of an agent is ever kept.

    Raises:
        InvalidResponse: the page, or one row of it, isn't what it should be.
    """
    if answer.status != 200:
        raise InvalidResponse(f"there are no agents at this base URL ({answer.status}): check the base URL")
    items = answer.json_object().get("items")
    if not isinstance(items, list):
        raise InvalidResponse("the page of agents has no list of items: the count is unknown")
    rows = []
    for item in items:
        agent = _identifier(item.get("id")) if isinstance(item, dict) else None
        if agent is None or not isinstance(item.get("state"), str):
            raise InvalidResponse("a row of the page of agents has no id or no state: the count is unknown")
        rows.append((agent, item["state"]))
    return rows


def read_campaign(answer: Answer, campaign_id: str) -> Campaign:
    """The campaign in an answer.

    Raises:
        CampaignNotFound: 404.
        InvalidResponse: it is another campaign, or has no status.
    """
    if answer.status == 404:
        raise CampaignNotFound(f"campaign {campaign_id} was not found (404): check spec.campaignID and the tenant")
    if answer.status != 200:
        raise InvalidResponse(f"CXone answered {answer.status} where campaign {campaign_id} was expected")
    found = answer.json_object()
    if _identifier(found.get("id")) != campaign_id:
        raise InvalidResponse(f"CXone answered with another campaign than {campaign_id}")
    word, name = found.get("status"), found.get("name")
    if not isinstance(word, str) or not word:
        raise InvalidResponse(f"CXone gave no status of campaign {campaign_id}")
    return Campaign(
        id=campaign_id,
        name=printable(name) if isinstance(name, str) else "",
        state=_STATES.get(word, DialingState.OTHER),
        word=printable(word, WORD_LENGTH),
        changed_at=_timestamp(found.get("updatedTimestamp")),
    )


def _identifier(value: Any) -> str | None:
    """An ID as text; CXone gives some as numbers."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value else None


def _timestamp(value: Any) -> datetime | None:
    """An ISO 8601 time, in UTC unless it says otherwise; None for what isn't one."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
