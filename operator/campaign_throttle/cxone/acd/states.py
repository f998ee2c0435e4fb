"""Agents by their state: ``agents/states`` of NICE's ACD API (Real-Time Data), for the whole tenant or some teams.

IDs of states: 0 LoggedOut, 1 Available, 2 Unavailable, 3 and 4 In- and OutboundContact, 5 and 6 In- and
OutboundConsult, 7 Dialer, 8 LoggedIn; those still pending are negative. The API has no filter by state.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from campaign_throttle.cxone.acd.paging import Reading
from campaign_throttle.cxone.acd.values import ID_MAXIMUM, Row, flag, identifier, whole
from campaign_throttle.cxone.protocol import Campaign
from campaign_throttle.resources.behaviour import Agents

WHAT = "agent states"
NAME = "agentStates"
#: Without ``updatedSince`` every answer is complete. Names, phone numbers and contacts are not asked for.
PARAMETERS: Final[dict[str, str | int]] = {"fields": "agentId,agentStateId,isActive,teamId"}

_ROW = f"a row of the {WHAT}"


@dataclass(frozen=True)
class StatesHeadcount:
    """Implements :class:`~campaign_throttle.cxone.protocol.Headcount` by agents per team and state."""

    agents: Counter[tuple[int, int]]
    pages: int = 1

    def count(self, agents: Agents, campaign: Campaign | None, interval: timedelta) -> int:
        """The agents in one of the states and teams that count, the same for every campaign; see the Protocol."""
        states, teams = set(agents.state_ids), None if agents.team_ids is None else set(agents.team_ids)
        return sum(
            number
            for (team, state), number in self.agents.items()
            if state in states and (teams is None or team in teams)
        )


def agent_of(row: Row) -> int:
    """The agent that a row is about. Raises InvalidResponse."""
    return identifier(row, "agentId", _ROW)


def read_states(reading: Reading) -> StatesHeadcount:
    """The headcount from all rows; agents who are no longer employed don't count.

    Raises:
        InvalidResponse: a row isn't what it should be.
    """
    return StatesHeadcount(
        Counter(
            (
                identifier(row, "teamId", _ROW),
                whole(row, "agentStateId", _ROW, least=-ID_MAXIMUM, most=ID_MAXIMUM),
            )
            for row, _ in reading.rows
            if flag(row, "isActive", _ROW)
        ),
        reading.pages,
    )
