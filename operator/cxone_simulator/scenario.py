"""Scenario files: what a simulated tenant is like when it begins. YAML, camelCase keys, unknown
keys refused.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BeforeValidator, Discriminator, Field, Tag, ValidationError, field_validator, model_validator

from cxone_simulator.access_keys import AccessKey
from cxone_simulator.acd_setup import AcdSettings, SkillSetup
from cxone_simulator.clock import MAXIMUM_SPEED
from cxone_simulator.dialing import Break, Dialing
from cxone_simulator.documents import Document, ScenarioError, problems_of
from cxone_simulator.faults import KINDS, Fault
from cxone_simulator.model import MAXIMUM_AGENTS, MAXIMUM_CAMPAIGNS, RUNNING, AgentState
from cxone_simulator.oauth import OAuthClient
from cxone_simulator.rate_limits import RateLimit
from cxone_simulator.series import AgentCounts, Series
from cxone_simulator.traffic import PathClass

Identifier = Annotated[
    str,
    # YAML reads an id like 1001 as a number.
    BeforeValidator(lambda value: str(value) if type(value) is int else value),
    Field(min_length=1, max_length=128),
]

#: The client ``simulator``, which a scenario without clients has.
SIMULATORS_CLIENT = {"secret": "simulator-secret"}
#: The access key that a scenario without access keys has; its secret ends in ``=`` as real ones do.
SIMULATORS_KEY_ID = "SIMULATORKEY===="
SIMULATORS_KEY = {"secret": "SIMULATORKEYSECRET===="}

_NUMBER, _COUNTS, _LIST = "<number>", "<counts>", "<list>"
_TAGS = KINDS | {_NUMBER, _COUNTS, _LIST}


class Mode(StrEnum):
    """What moves the agent counts: nobody but the control API, the closed loop, or a scripted
    series.
    """

    MANUAL = "manual"
    LOOP = "loop"
    SERIES = "series"


class SpokenDialect(StrEnum):
    """What a tenant speaks to its clients."""

    CAMPAIGNS = "Campaigns"
    ACD = "ACD"


class AgentSetup(Document):
    """One agent by name."""

    id: Identifier
    name: str | None = Field(default=None, max_length=256)
    team: str = Field(default="team-1", max_length=128)
    skills: frozenset[str] = frozenset()
    state: AgentState = AgentState.AVAILABLE


class CampaignBody(Document):
    """A campaign without its id. ``dialing`` holds only what differs from the scenario's.

    A campaign with ``skills`` doesn't dial, its running Personal Connection skills do.
    """

    name: str | None = Field(default=None, max_length=1024)
    status: str = Field(default=RUNNING, min_length=1, max_length=256)
    skill: str | None = Field(default=None, max_length=128)
    active: bool = True
    skills: list[SkillSetup] | None = Field(default=None, max_length=1000)
    dialing: Dialing | None = None


class CampaignSetup(CampaignBody):
    """A campaign with its id."""

    id: Identifier


def _form(value: object) -> str:
    if isinstance(value, list | tuple):
        return _LIST
    return _COUNTS if isinstance(value, dict | AgentCounts) else _NUMBER


AgentsSetup = Annotated[
    Annotated[int, Field(ge=0, le=MAXIMUM_AGENTS), Tag(_NUMBER)]
    | Annotated[AgentCounts, Tag(_COUNTS)]
    | Annotated[list[AgentSetup], Field(max_length=MAXIMUM_AGENTS), Tag(_LIST)],
    Discriminator(_form),
]
CampaignsSetup = Annotated[
    Annotated[int, Field(ge=0, le=MAXIMUM_CAMPAIGNS), Tag(_NUMBER)]
    | Annotated[list[CampaignSetup], Field(max_length=MAXIMUM_CAMPAIGNS), Tag(_LIST)],
    Discriminator(_form),
]


class Scenario(Document):
    """A whole tenant. Every key has a default; without any it is 20 agents and one running
    campaign.
    """

    seed: int = 1
    speed: float = Field(default=1.0, ge=0, le=MAXIMUM_SPEED)
    mode: Mode | None = None
    dialects: frozenset[SpokenDialect] = Field(
        default=frozenset({SpokenDialect.CAMPAIGNS}),
        min_length=1,
    )
    clients: dict[Identifier, OAuthClient] = Field(
        default_factory=lambda: {"simulator": OAuthClient.model_validate(SIMULATORS_CLIENT)}
    )
    access_keys: dict[Identifier, AccessKey] = Field(
        default_factory=lambda: {SIMULATORS_KEY_ID: AccessKey.model_validate(SIMULATORS_KEY)}
    )
    acd: AcdSettings = Field(default_factory=AcdSettings)
    agents: AgentsSetup = 20
    campaigns: CampaignsSetup = 1
    dialing: Dialing = Dialing()
    breaks: list[Break] = Field(default_factory=list, max_length=1000)
    series: Series | None = None
    rate_limits: dict[PathClass, RateLimit] = Field(default_factory=dict)
    page_cap: int | None = Field(default=None, ge=1)
    put_status: Literal[200, 204] = 200
    faults: list[Fault] = Field(default_factory=list)

    @property
    def starting_mode(self) -> Mode:
        """The mode that was asked for, else the series if there is one, else the closed loop."""
        if self.mode is not None:
            return self.mode
        return Mode.LOOP if self.series is None else Mode.SERIES

    @property
    def speaks_acd(self) -> bool:
        """Whether clients may come with the ACD dialect."""
        return SpokenDialect.ACD in self.dialects

    @field_validator("agents", "campaigns")
    @classmethod
    def _ids_once(cls, value: Any) -> Any:
        if isinstance(value, list):
            ids = [item.id for item in value]
            twice = sorted({i for i in ids if ids.count(i) > 1}) if len(set(ids)) < len(ids) else []
            if twice:
                raise ValueError(f"given twice: {', '.join(twice[:5])}")
        return value

    @field_validator("campaigns")
    @classmethod
    def _skills_once(cls, value: Any) -> Any:
        campaigns = value if isinstance(value, list) else []
        ids, names = set[int](), set[str]()
        for campaign in campaigns:
            if campaign.skills and not campaign.id.isdigit():
                raise ValueError(f"{campaign.id} has skills, so its id must be a number")
            for skill in campaign.skills or ():
                if skill.id in ids:
                    raise ValueError(f"skill {skill.id} is given twice")
                if skill.name in names:
                    raise ValueError(f"the skill named {skill.name} is given twice")
                ids |= {skill.id} - {None}
                names |= {skill.name} - {None}
        return value

    @model_validator(mode="after")
    def _series_for_its_mode(self) -> Self:
        if self.mode is Mode.SERIES and self.series is None:
            raise ValueError("mode: series needs the key series")
        return self

    @classmethod
    def from_document(
        cls,
        document: object,
        source: str | Path = "scenario",
        folder: Path = Path(),
    ) -> Self:
        """A scenario from parsed YAML; ``folder`` is where a CSV path starts. Raises
        ScenarioError.
        """
        try:
            scenario = cls.model_validate({} if document is None else document)
            if scenario.series is None:
                return scenario
            return scenario.model_copy(update={"series": scenario.series.with_rows(folder)})
        except ValidationError as error:
            raise ScenarioError(source, problems_of(error, _TAGS)) from None

    @classmethod
    def load(cls, path: Path) -> Self:
        """A scenario from a file. Raises ScenarioError, which names the file and the keys."""
        try:
            document = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise ScenarioError(path, [f"can't be read: {error}"]) from error
        return cls.from_document(document, source=path, folder=path.parent)
