"""The ``Campaigns`` dialect: the contract that the product was ordered with."""

from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from campaign_throttle.cxone.auth import Token
from campaign_throttle.cxone.errors import (
    CampaignNotFound,
    CXoneError,
    CXoneGatewayError,
    CXoneUnreachable,
    InvalidResponse,
)
from campaign_throttle.cxone.protocol import Campaign, DialingState
from campaign_throttle.cxone.session import Operation, Session
from campaign_throttle.cxone.transport import Answer

AGENTS = Operation("agents", "interactions:agents:read")
CAMPAIGN_READ = Operation("campaign-read", "campaigns:read")
CAMPAIGN_WRITE = Operation("campaign-write", "campaigns:write")
SCOPES = (AGENTS.scope, CAMPAIGN_READ.scope, CAMPAIGN_WRITE.scope)

AGENTS_PATH = "/api/v2/interactions/agents"
CAMPAIGNS_PATH = "/api/v2/campaigns/"
PAGE_SIZE = 100
PAGES_MAXIMUM = 1_000
NAME_LENGTH, WORD_LENGTH = 256, 64

_STATES: Final = {"RUNNING": DialingState.RUNNING, "PAUSED": DialingState.PAUSED}
_WORDS: Final = {state: word for word, state in _STATES.items()}


class CampaignsDialect:
    """Implements :class:`~campaign_throttle.cxone.protocol.Dialect` over one tenant's session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._page_size = PAGE_SIZE
        self._probed_with: Token | None = None
        self._probed_length = 0

    async def count_agents(self, states: frozenset[str], deadline: float) -> int:
        """The number of different agents in one of the states; see the Protocol."""
        counted: set[str] = set()
        for state in sorted(states):
            counted |= await self._agents_in(state, deadline)
        return len(counted)

    async def get_campaign(self, campaign_id: str, deadline: float) -> Campaign:
        """The campaign as it is now; see the Protocol."""
        answer = await self._session.read(CAMPAIGN_READ, _path(campaign_id), deadline=deadline)
        return read_campaign(answer, campaign_id)

    async def set_state(self, campaign_id: str, wanted: DialingState, deadline: float) -> None:
        """Pause or resume the campaign; see the Protocol.

        A request whose outcome is unknown is read back, and repeated once if it had no effect. If the second one had
        none either, and CXone had answered it, that is known of the error raised.
        """
        for last in (False, True):
            try:
                return await self._put(campaign_id, wanted, deadline)
            except CXoneError as error:
                if not error.outcome_unknown:
                    raise
                try:
                    campaign = await self.get_campaign(campaign_id, deadline)
                except CXoneError:
                    raise error from None  # the first failure is the one to tell of; its outcome stays unknown
                if campaign.state is wanted:
                    return None
                if last:
                    error.outcome_unknown = isinstance(error, (CXoneUnreachable, CXoneGatewayError))
                    raise
        return None

    async def granted_scopes(self) -> tuple[str, ...]:
        """The scopes that came with the token; empty if CXone doesn't tell. Raises a CXoneError."""
        return (await self._session.tokens.get()).scopes

    async def close(self) -> None:
        """End what is under way and let go of the connections."""
        await self._session.close()

    async def _agents_in(self, state: str, deadline: float) -> set[str]:
        seen: set[str] = set()
        counted: set[str] = set()
        offset, probing = 0, False
        for _ in range(PAGES_MAXIMUM):
            answer = await self._session.read(
                AGENTS,
                AGENTS_PATH,
                deadline=deadline,
                params={"state": state, "limit": PAGE_SIZE, "offset": offset},
            )
            rows = read_agents(answer)
            if probing:
                self._probed_with, self._probed_length = self._session.tokens.current, offset
                self._page_size, probing = offset if rows else self._page_size, False
            if not rows:
                return counted
            last = len(rows) < self._page_size
            new = {agent for agent, _ in rows} - seen
            if not new and not last:
                raise InvalidResponse("CXone repeats a page of agents whatever the offset: the count is unknown")
            seen |= new
            counted.update(agent for agent, found in rows if found == state)
            if last:
                probed = self._probed_with is self._session.tokens.current and len(rows) <= self._probed_length
                if offset or probed:
                    return counted
                # A short first page is the last one, or the server caps its pages: the next offset tells.
                # That costs a request, so it is asked once per token, and again when a page was never that long.
                probing = True
            self._page_size = max(self._page_size, min(len(rows), PAGE_SIZE))
            offset += len(rows)
        raise InvalidResponse(f"CXone has more than {PAGES_MAXIMUM} pages of agents: the count is unknown")

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
        name=_printable(name, NAME_LENGTH) if isinstance(name, str) else "",
        state=_STATES.get(word, DialingState.OTHER),
        word=_printable(word, WORD_LENGTH),
        changed_at=_timestamp(found.get("updatedTimestamp")),
    )


def _identifier(value: Any) -> str | None:
    """An ID as text; CXone gives some as numbers."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value else None


def _printable(text: str, length: int) -> str:
    """The text without control characters (line breaks, terminal sequences), cut."""
    if len(text) <= length and text.isprintable():
        return text
    return "".join(character for character in text[: 4 * length] if character.isprintable())[:length]


def _timestamp(value: Any) -> datetime | None:
    """An ISO 8601 time, in UTC unless it says otherwise; None for what isn't one."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
