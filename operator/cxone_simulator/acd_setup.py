"""What a scenario and the control API say about the ACD half of a tenant: skills, their schedules and
scripted counters, and how its API behaves.
"""

from bisect import bisect_right
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from cxone_simulator.dialing import Dialing
from cxone_simulator.documents import Document
from cxone_simulator.model import MAXIMUM_AGENTS
from cxone_simulator.skills import PERSONAL_CONNECTION, PHONE_CALL, Drain

#: The tenant that discovery knows, unless the scenario names another.
TENANT_ID: Final = "11e00000-0000-4000-8000-00000000acd0"

_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
#: The answer for a skill without a schedule: NICE's fields, flat and without a time zone.
NO_SCHEDULE: Final[Mapping[str, bool | str]] = {"isScheduled": False} | {
    f"{day}{what}": value
    for day in _DAYS
    for what, value in (("StartTime", ""), ("EndTime", ""), ("IsActive", False))
}

Counter = Annotated[int, Field(ge=0, le=MAXIMUM_AGENTS)]


def _is_schedule(schedule: dict[str, bool | str]) -> dict[str, bool | str]:
    for key, value in schedule.items():
        if key not in NO_SCHEDULE:
            raise ValueError(f"{key}: unknown key")
        if type(value) is not type(NO_SCHEDULE[key]):
            raise ValueError(f"{key}: must be a {type(NO_SCHEDULE[key]).__name__}")
    return schedule


#: ``isScheduled`` and, for each day, ``mondayStartTime``, ``mondayEndTime``, ``mondayIsActive``.
Schedule = Annotated[dict[str, bool | str], AfterValidator(_is_schedule)]


class ActivityCounts(Document):
    """Counters of a skill that overrule what the model counts; one that is left out doesn't."""

    agents_available: Counter | None = None
    agents_idle: Counter | None = None
    agents_logged_in: Counter | None = None
    agents_unavailable: Counter | None = None
    agents_working: Counter | None = None
    agents_acw: Counter | None = Field(default=None, alias="agentsACW")

    def by_name(self) -> dict[str, int]:
        """The counters that were given, by NICE's names."""
        return self.model_dump(by_alias=True, exclude_none=True, exclude={"second"})


class ActivityRow(ActivityCounts):
    """The counters from this second of the simulation's clock on."""

    second: float = Field(ge=0)


class ActivitySeries(Document):
    """Scripted counters of a skill, in order of time. After the last row its counters stay; with
    ``repeatEvery`` (seconds) the series begins again.
    """

    rows: list[ActivityRow] = Field(min_length=1, max_length=100_000)
    repeat_every: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        seconds = [row.second for row in self.rows]
        if any(later <= earlier for earlier, later in pairwise(seconds)):
            raise ValueError("each row's second must be later than the one before")
        if self.repeat_every is not None and self.repeat_every <= seconds[-1]:
            raise ValueError("repeatEvery must be later than the last row")
        return self

    def at(self, second: float) -> dict[str, int]:
        """The counters at this second of the simulation's clock; none before the first row."""
        if self.repeat_every is not None:
            second %= self.repeat_every
        row = bisect_right(self.rows, second, key=lambda one: one.second) - 1
        return {} if row < 0 else self.rows[row].by_name()


class DrainSetup(Document):
    """How long a stop without force takes besides the calls in progress."""

    hold: bool = False
    seconds: float = Field(default=0.0, ge=0, le=86_400)

    def drain(self) -> Drain:
        """The same for the model."""
        return Drain(self.hold, self.seconds)


class SkillChange(Document):
    """What of a skill can be changed while the simulation goes on; null is as good as left out, but
    for ``drain`` and ``series``, which it takes away.
    """

    media_type: int | None = Field(default=None, ge=1, le=99)
    outbound: bool | None = None
    outbound_strategy: str | None = Field(default=None, max_length=128)
    agentless: bool | None = None
    active: bool | None = None
    priority_blending: bool | None = None
    schedule: Schedule | None = None
    drain: DrainSetup | None = None
    activity: ActivityCounts | None = None
    series: ActivitySeries | None = None


class SkillBody(Document):
    """A skill without its id. By default a Personal Connection skill, running if its campaign is.

    ``dialing`` holds only what differs from the campaign's.
    """

    name: str | None = Field(default=None, min_length=1, max_length=128)
    media_type: int = Field(default=PHONE_CALL, ge=1, le=99)
    outbound: bool = True
    outbound_strategy: str | None = Field(default=PERSONAL_CONNECTION, max_length=128)
    agentless: bool = False
    active: bool = True
    priority_blending: bool = False
    running: bool | None = None
    schedule: Schedule = Field(default_factory=dict)
    drain: DrainSetup | None = None
    activity: ActivityCounts = ActivityCounts()
    series: ActivitySeries | None = None
    dialing: Dialing | None = None


class SkillSetup(SkillBody):
    """A skill with its id; without one it gets the next that is free, from 10001 on."""

    id: int | None = Field(default=None, ge=1, le=2**31 - 1)


class AcdSettings(Document):
    """How the tenant's ACD API behaves; times in seconds.

    What discovery answers is the simulator's own address unless ``tokenEndpoint`` or ``apiEndpoint``
    say otherwise; ``nextLinkBase`` does the same for the links to further pages.
    """

    tenant_id: str = Field(default=TENANT_ID, min_length=1, max_length=128)
    area: str = Field(default="na1", max_length=64)
    cluster: str = Field(default="c1", max_length=64)
    domain: str = Field(default="niceincontact.com", max_length=255)
    token_endpoint: str | None = Field(default=None, max_length=2048)
    api_endpoint: str | None = Field(default=None, max_length=2048)
    next_link_base: str | None = Field(default=None, max_length=2048)
    versions: list[str] = Field(
        default_factory=lambda: [f"v{number}.0" for number in range(25, 40)],
    )
    access_key_answer: Literal["access_token", "token"] = "access_token"
    error_body: bool = True
    change_status: Literal[200, 202, 204] = 200
    dialer_is_available: bool = True
    drain: DrainSetup = DrainSetup()
    server_time: bool = True
    server_time_age: float = Field(default=0.0, ge=0, le=31_536_000)
    frozen: bool = False

    def changed(self, change: "AcdSettings") -> "AcdSettings":
        """These settings, with the ones that ``change`` sets itself."""
        given: dict[str, Any] = {key: getattr(change, key) for key in change.model_fields_set}
        return self.model_copy(update=given)
