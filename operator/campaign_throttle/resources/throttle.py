"""CampaignThrottle: what a user declares (spec)."""

from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from campaign_throttle.resources.behaviour import (
    Agents,
    DeletionPolicy,
    Fallback,
    ManualOverride,
    PositiveID,
    Schedule,
    Stabilization,
    minimum_time_field,
)
from campaign_throttle.resources.fields import (
    Duration,
    Resource,
    cel,
    duration_field,
    name_field,
    set_list,
    validated,
)

KIND = "CampaignThrottle"
PLURAL = "campaignthrottles"

AGENTS_MAXIMUM = 100_000
#: Of what is counted or numbered by others: an int32, as in Kubernetes' and CXone's own APIs.
COUNT_MAXIMUM = 2**31 - 1
CAMPAIGN_NAME_LENGTH = 256
CAMPAIGN_ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:-]*$"


class Mode(StrEnum):
    """Whether the operator acts on the campaign or only reports what it would do."""

    ENFORCE = "Enforce"
    OBSERVE = "Observe"


class Action(StrEnum):
    """What can be done to a campaign."""

    PAUSE = "Pause"
    RESUME = "Resume"


class CampaignState(StrEnum):
    """The state of a campaign as observed, in the words of the status."""

    RUNNING = "Running"
    PAUSED = "Paused"
    PAUSING = "Pausing"
    OTHER = "Other"
    UNKNOWN = "Unknown"


class Owner(StrEnum):
    """Who paused the campaign."""

    OPERATOR = "Operator"
    OTHER = "Other"


class TenantKind(StrEnum):
    """The kinds of tenant that a throttle can name."""

    NAMESPACED = "CXoneTenant"
    CLUSTER = "ClusterCXoneTenant"


class TenantRef(Resource):
    """Which tenant a campaign belongs to. It never names a namespace."""

    kind: TenantKind = Field(
        default=TenantKind.NAMESPACED,
        description="CXoneTenant is one in the throttle's own namespace; ClusterCXoneTenant is one that the platform "
        "offers to this namespace.",
    )
    name: str = name_field("Name of the tenant.")


class CampaignThrottleSpec(Resource):
    """CampaignThrottleSpec declares which campaign is guarded, and at how many available agents."""

    campaign_id: str = Field(
        alias="campaignID",
        min_length=1,
        max_length=128,
        pattern=CAMPAIGN_ID_PATTERN,
        description="ID of the outbound campaign in CXone. Immutable.",
        json_schema_extra=validated(
            cel(
                f"self.matches('{CAMPAIGN_ID_PATTERN}')",
                "campaignID must start with a letter or digit and hold only letters, digits and . _ : -, "
                "for example cmp-1",
            ),
            cel(
                "self == oldSelf",
                "campaignID is immutable: delete this CampaignThrottle and create one for the other campaign",
            ),
        ),
    )
    tenant_ref: TenantRef | None = Field(
        default=None,
        description="The CXone tenant of the campaign; absent means the operator's default tenant.",
    )
    skill_ids: Annotated[list[PositiveID], Field(min_length=1, max_length=50)] | None = Field(
        default=None,
        alias="skillIDs",
        description="ACD tenants: the campaign's skills that are controlled; absent means all that can be.",
        json_schema_extra=set_list(),
    )
    pause_threshold: int = Field(
        default=5,
        ge=1,
        le=AGENTS_MAXIMUM,
        strict=True,
        description="The campaign is paused when fewer than this many agents are available.",
    )
    resume_threshold: int = Field(
        default=8,
        ge=1,
        le=AGENTS_MAXIMUM,
        strict=True,
        description="The campaign is resumed when at least this many agents are available. "
        "Greater than pauseThreshold; in between, the campaign is left as it is.",
    )
    interval: Duration = duration_field(
        "interval",
        default="30s",
        minimum="1s",
        maximum="1h",
        description="How often CXone is polled. The operator never polls more often than its own floor "
        "(5s unless configured otherwise); status.effectiveInterval shows when it polls less often.",
    )
    suspend: bool = Field(
        default=False,
        strict=True,
        description="While true, CXone is neither polled nor acted upon; the campaign stays as it is.",
    )
    mode: Mode = Field(
        default=Mode.ENFORCE,
        description="Enforce pauses and resumes the campaign. Observe decides and reports, and never acts.",
    )

    agents: Agents = Field(default=Agents(), description="Which agents count.", json_schema_extra={"default": {}})
    stabilization: Stabilization = Field(
        default=Stabilization(),
        description="How long the count must be on the far side of a threshold before the operator acts.",
        json_schema_extra={"default": {}},
    )
    minimum_running: Duration = minimum_time_field(
        "minimumRunning",
        "Least time between a resume (whoever made it) and the next pause. Binds neither the fallback nor the "
        "schedule.",
    )
    minimum_paused: Duration = minimum_time_field(
        "minimumPaused",
        "Least time between a pause (whoever made it) and the next resume.",
    )
    manual_override: ManualOverride = Field(
        default=ManualOverride.RESPECT,
        description="Respect never undoes a person's pause, and leaves a person's resume alone until "
        "resumeThreshold was reached once. Enforce lets the thresholds decide alone, whoever touched the campaign.",
    )
    fallback: Fallback = Field(
        default=Fallback(),
        description="What to do when CXone can't tell how many agents are available.",
        json_schema_extra={"default": {}},
    )
    schedule: Schedule | None = Field(default=None, description="Calling hours; absent means always. DST-correct.")
    deletion_policy: DeletionPolicy = Field(
        default=DeletionPolicy.RETAIN,
        description="What becomes of a pause that the operator owns when this throttle is deleted: Retain leaves "
        "the campaign paused; Resume resumes it, as far as CXone can be reached within seconds.",
    )

    #: CEL rules over several fields at once; the validator below is their twin in the operator.
    rules: ClassVar[list[dict[str, Any]]] = [
        cel(
            "self.resumeThreshold > self.pauseThreshold",
            "resumeThreshold must be greater than pauseThreshold: raise resumeThreshold (8 if not set) "
            "or lower pauseThreshold (5 if not set)",
        )
    ]

    @model_validator(mode="after")
    def _thresholds_leave_a_gap(self) -> "CampaignThrottleSpec":
        if self.resume_threshold <= self.pause_threshold:
            raise ValueError(
                f"resumeThreshold ({self.resume_threshold}) must be greater than "
                f"pauseThreshold ({self.pause_threshold})"
            )
        return self
