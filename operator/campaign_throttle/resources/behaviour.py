"""The parts of a throttle's spec that say how it behaves: when it waits, whom it respects, when it calls."""

from enum import StrEnum
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from campaign_throttle.resources.fields import Duration, Resource, cel, duration_field, set_list, validated

TIME_PATTERN = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
END_PATTERN = r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"
TIME_ZONE_PATTERN = r"^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}$"


class AgentState(StrEnum):
    """An agent's state in CXone."""

    AVAILABLE = "available"
    BUSY = "busy"
    WRAP_UP = "wrap-up"
    OFFLINE = "offline"


class AgentSource(StrEnum):
    """Where an ACD tenant's number of agents comes from."""

    SKILL_ACTIVITY = "SkillActivity"
    AGENT_STATES = "AgentStates"


class AgentCounter(StrEnum):
    """Which number of a skill's activity counts, in the words of NICE's ACD API."""

    AVAILABLE = "agentsAvailable"
    IDLE = "agentsIdle"
    LOGGED_IN = "agentsLoggedIn"
    WORKING = "agentsWorking"


class ManualOverride(StrEnum):
    """What becomes of a change that a person makes to the campaign."""

    RESPECT = "Respect"
    ENFORCE = "Enforce"


class FallbackAction(StrEnum):
    """What to do while the number of agents is unknown for long, or outside calling hours."""

    HOLD = "Hold"
    PAUSE = "Pause"


class DeletionPolicy(StrEnum):
    """What becomes of a pause that the operator owns when its throttle is deleted."""

    RETAIN = "Retain"
    RESUME = "Resume"


class Weekday(StrEnum):
    """A day of the week, in the order of ``datetime.weekday()``."""

    MON = "Mon"
    TUE = "Tue"
    WED = "Wed"
    THU = "Thu"
    FRI = "Fri"
    SAT = "Sat"
    SUN = "Sun"


#: IDs in CXone's ACD API are int32; those of agent states that are still pending are negative.
ID_MAXIMUM = 2**31 - 1
StateID = Annotated[int, Field(ge=-ID_MAXIMUM, le=ID_MAXIMUM, strict=True)]
PositiveID = Annotated[int, Field(ge=1, le=ID_MAXIMUM, strict=True)]


class Agents(Resource):
    """Which agents count."""

    states: Annotated[list[AgentState], Field(min_length=1, max_length=4)] = Field(
        default=[AgentState.AVAILABLE],
        description="Campaigns tenants: the agent states that count as available. Each agent is counted once.",
        json_schema_extra=set_list(),
    )
    source: AgentSource = Field(
        default=AgentSource.SKILL_ACTIVITY,
        description="ACD tenants: where the count comes from. SkillActivity is the greatest count among the "
        "controlled skills, since an agent with several skills is counted in each. AgentStates counts the tenant's "
        "or the teams' agents by their state.",
    )
    counter: AgentCounter = Field(
        default=AgentCounter.AVAILABLE,
        description="ACD tenants, source SkillActivity: which number of a skill's activity counts.",
    )
    state_ids: Annotated[list[StateID], Field(min_length=1, max_length=32)] = Field(
        default=[1],
        alias="stateIDs",
        description="ACD tenants, source AgentStates: the IDs of the agent states that count; 1 is Available, 7 is "
        "Dialer.",
        json_schema_extra=set_list(),
    )
    team_ids: Annotated[list[PositiveID], Field(min_length=1, max_length=100)] | None = Field(
        default=None,
        alias="teamIDs",
        description="ACD tenants, source AgentStates: the teams whose agents count; absent means all.",
        json_schema_extra=set_list(),
    )


class Streak(Resource):
    """How long the count must be on the far side of a threshold before the operator acts."""

    samples: int = Field(
        default=1,
        ge=1,
        le=100,
        strict=True,
        description="At least this many readings in a row must be on the far side.",
    )
    window: Duration = duration_field(
        "window",
        default="0s",
        minimum="0s",
        maximum="1h",
        description="And the first of them must be at least this long ago.",
        examples=("30s", "2m"),
    )


class Stabilization(Resource):
    """Patience before an action."""

    pause: Streak = Field(default=Streak(), description="Before a pause.", json_schema_extra={"default": {}})
    resume: Streak = Field(default=Streak(), description="Before a resume.", json_schema_extra={"default": {}})


class Fallback(Resource):
    """What to do when CXone can't tell how many agents are available."""

    failure_threshold: int = Field(
        default=3,
        ge=1,
        le=100,
        strict=True,
        description="From this many failed polls in a row on the fallback is in force, and Ready turns False.",
    )
    action: FallbackAction = Field(
        default=FallbackAction.HOLD,
        description="Hold leaves the campaign as it is. Pause pauses it, if its own state can be read; "
        "the operator owns that pause and resumes it by the thresholds.",
    )


class Window(Resource):
    """One span of calling hours."""

    days: Annotated[list[Weekday], Field(min_length=1, max_length=7)] = Field(
        description="The days on which it starts.", json_schema_extra=set_list()
    )
    start: str = Field(
        max_length=5,
        pattern=TIME_PATTERN,
        description="When it starts, HH:MM local time.",
        json_schema_extra=validated(
            cel(f"self.matches('{TIME_PATTERN}')", "start must be HH:MM from 00:00 to 23:59, for example 09:00")
        ),
    )
    end: str = Field(
        max_length=5,
        pattern=END_PATTERN,
        description="When it ends, HH:MM local time up to 24:00. Not after start: on the next day.",
        json_schema_extra=validated(
            cel(f"self.matches('{END_PATTERN}')", "end must be HH:MM from 00:00 to 24:00, for example 17:30")
        ),
    )

    @model_validator(mode="after")
    def _lasts(self) -> "Window":
        if self.start == self.end:
            raise ValueError("start and end must differ: write 00:00 and 24:00 for the whole day")
        return self

    @property
    def minutes(self) -> tuple[int, int]:
        """Start and end in minutes since midnight; the end of a span that crosses it is not after its start."""
        return _minutes(self.start), _minutes(self.end)


class Schedule(Resource):
    """Calling hours."""

    time_zone: str = Field(
        min_length=1,
        max_length=64,
        pattern=TIME_ZONE_PATTERN,
        description="IANA name of the time zone of the windows, for example America/New_York.",
        json_schema_extra=validated(
            cel(
                f"self.matches('{TIME_ZONE_PATTERN}')",
                "timeZone must be an IANA name, for example America/New_York or UTC",
            )
        ),
    )
    windows: Annotated[list[Window], Field(min_length=1, max_length=50)] = Field(
        description="When campaigns may call; any of them is enough.",
        json_schema_extra={
            "x-kubernetes-list-type": "atomic",
            "x-kubernetes-validations": [
                cel(
                    "self.all(window, window.start != window.end)",
                    "start and end of a window must differ: write 00:00 and 24:00 for the whole day",
                )
            ],
        },
    )
    outside: FallbackAction = Field(
        description="What to do outside all windows: Hold leaves the campaign as it is, unguarded; Pause pauses it. "
        "There is no default, since either is a surprise to somebody."
    )

    @field_validator("time_zone")
    @classmethod
    def _is_known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"there is no time zone {name}: use an IANA name such as America/New_York") from None
        return name


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)


def minimum_time_field(name: str, description: str) -> Any:
    """``minimumRunning`` or ``minimumPaused``."""
    return duration_field(
        name, default="0s", minimum="0s", maximum="24h", description=description, examples=("10m", "1h")
    )
