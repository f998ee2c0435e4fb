"""Which agents can take which calls, and how many of them do what: counted as they move, so that
nobody who asks has to go through the agents.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class AgentState(StrEnum):
    """The states of an agent, in the words of the Campaigns dialect."""

    AVAILABLE = "available"
    BUSY = "busy"
    WRAP_UP = "wrap-up"
    OFFLINE = "offline"


@dataclass(slots=True, eq=False)
class Tally:
    """How many agents are in each state.

    ``elsewhere`` counts those among the offline ones who are logged in at the ACD all the same
    (unavailable, in a pending state …).
    """

    in_state: dict[AgentState, int] = field(default_factory=lambda: dict.fromkeys(AgentState, 0))
    elsewhere: int = 0


@dataclass(slots=True, eq=False)
class Qualification:
    """The agents who have exactly these skills. ``free`` holds the ordinals of the available ones,
    longest first, and when each became so.
    """

    skills: frozenset[str]
    tally: Tally = field(default_factory=Tally)
    free: OrderedDict[int, int] = field(default_factory=OrderedDict)

    @property
    def is_general(self) -> bool:
        """Whether these agents were given no skills at all: at the ACD they have every skill."""
        return not self.skills

    def has_any(self, skills: Collection[str]) -> bool:
        """Whether these agents have one of these skills, as the ACD sees it."""
        return bool(skills) if self.is_general else not self.skills.isdisjoint(skills)


class Qualifications:
    """All sets of skills that agents of a tenant have."""

    def __init__(self) -> None:
        self._by_skills: dict[frozenset[str], Qualification] = {}
        self._with_skill: dict[str, list[Qualification]] = {}
        self._tallies: dict[str, Tally] = {}
        self._general = self.of(frozenset())
        self._turn = 0

    def of(self, skills: frozenset[str]) -> Qualification:
        """The agents with exactly these skills."""
        found = self._by_skills.get(skills)
        if found is None:
            found = self._by_skills[skills] = Qualification(skills)
            for skill in skills:
                self._with_skill.setdefault(skill, []).append(found)
        return found

    def naming(self, skill: str) -> Sequence[Qualification]:
        """The agents who were given this skill by name."""
        return self._with_skill.get(skill, ())

    def at_acd(self, skill: str) -> Sequence[Qualification]:
        """The agents whom the ACD sends this skill's calls: those who were given it, and those
        without any.
        """
        return (*self.naming(skill), self._general)

    def tallies(self, skill: str) -> Sequence[Tally]:
        """The agents whom the ACD sends this skill's calls; their sum is how many they are."""
        given = self._tallies.get(skill)
        return (self._general.tally,) if given is None else (given, self._general.tally)

    def count(self, skills: frozenset[str], state: AgentState, change: int) -> None:
        """Note that there are so many more agents with these skills in a state."""
        for tally in self._tallies_of(skills):
            tally.in_state[state] += change

    def count_elsewhere(self, skills: frozenset[str], change: int) -> None:
        """Note that so many more of the offline agents with these skills are logged in at the
        ACD.
        """
        for tally in self._tallies_of(skills):
            tally.elsewhere += change

    def _tallies_of(self, skills: frozenset[str]) -> Iterator[Tally]:
        yield self.of(skills).tally
        for skill in skills:
            yield self._tallies.setdefault(skill, Tally())

    def now_free(self, qualification: Qualification, ordinal: int) -> None:
        """Note that an agent has become available: last of all who wait."""
        self._turn += 1
        qualification.free[ordinal] = self._turn


def longest_free(qualifications: Iterable[Qualification]) -> int | None:
    """The ordinal of the agent who has been available longest; None if nobody is."""
    waiting = [next(iter(one.free.items())) for one in qualifications if one.free]
    return min(waiting, key=lambda agent: agent[1])[0] if waiting else None
