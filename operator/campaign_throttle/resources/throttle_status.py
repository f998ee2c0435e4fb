"""CampaignThrottle: what the operator reports (status)."""

from typing import Literal

from pydantic import Field

from campaign_throttle.resources.condition import Condition, conditions_field, observed_generation_field
from campaign_throttle.resources.fields import Duration, Resource, Time
from campaign_throttle.resources.throttle import CAMPAIGN_NAME_LENGTH, COUNT_MAXIMUM, Action, CampaignState, Owner

HISTORY_LENGTH = 10


class Intent(Resource):
    """An action that was announced before its request went to CXone, and whose outcome isn't known yet."""

    action: Action = Field(description="What was to be done.")
    time: Time = Field(description="When it was announced.")


class ManualResume(Resource):
    """A person's resume that is being respected while agents are few."""

    time: Time = Field(description="When the resume was first seen.")


class Transition(Resource):
    """One accepted change of the campaign by the operator."""

    time: Time = Field(description="When CXone accepted the change.")
    to: Literal["Paused", "Running"] = Field(description="The state the campaign was brought to.")
    reason: str = Field(max_length=64, description="Why, in one CamelCase word.")
    available_agents: int | None = Field(
        default=None,
        ge=0,
        le=COUNT_MAXIMUM,
        description="The reading on which it was decided; absent if there was none.",
    )


class SkillStatus(Resource):
    """One Personal Connection skill of the campaign (ACD tenants only)."""

    id: int = Field(ge=0, le=COUNT_MAXIMUM, description="The skill's ID.")
    name: str = Field(default="", max_length=CAMPAIGN_NAME_LENGTH, description="The skill's name.")
    running: bool = Field(description="Whether the skill was running when last read.")
    stopped_by: Owner | None = Field(
        default=None, description="Who stopped it. Only skills that the operator stopped are started by it."
    )


class CampaignThrottleStatus(Resource):
    """CampaignThrottleStatus is what the operator observed and did. Only the operator writes it."""

    observed_generation: int = observed_generation_field()
    available_agents: int | None = Field(
        default=None,
        ge=0,
        le=COUNT_MAXIMUM,
        description="The last count of available agents. Kept while the count is unknown; "
        "the condition AgentsObserved tells which it is.",
    )
    campaign_state: CampaignState | None = Field(
        default=None, description="The campaign's state as last observed."
    )
    campaign_name: str | None = Field(
        default=None, max_length=CAMPAIGN_NAME_LENGTH, description="The campaign's name in CXone."
    )
    desired_state: Literal["Running", "Paused"] | None = Field(
        default=None, description="What the policy wants now; absent while it has no opinion."
    )
    paused_by: Owner | None = Field(
        default=None, description="Who paused the campaign; absent while it isn't paused."
    )
    intent: Intent | None = Field(
        default=None,
        description="An action whose request may be on its way; absent once the outcome is known.",
    )
    skills: list[SkillStatus] | None = Field(
        default=None,
        max_length=50,
        description="The skills that are controlled (ACD tenants only).",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["id"]},
    )
    tenant_digest: str | None = Field(
        default=None,
        max_length=64,
        description="Tells CXone tenants apart: with another tenant, or another address of it, nothing is owned.",
    )
    last_transition: Transition | None = Field(
        default=None, description="The operator's last change of the campaign."
    )
    history: list[Transition] | None = Field(
        default=None,
        max_length=HISTORY_LENGTH,
        description="The operator's last changes of the campaign, newest first.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    consecutive_failures: int | None = Field(
        default=None,
        ge=0,
        le=COUNT_MAXIMUM,
        description="Polls that failed in a row; 0 after a good one.",
    )
    manual_resume: ManualResume | None = Field(
        default=None, description="Present while a person's resume is being respected."
    )
    effective_interval: Duration | None = Field(
        default=None, description="How often CXone is really polled, where that differs from spec.interval."
    )
    last_poll_time: Time | None = Field(
        default=None,
        description="When CXone was last polled. Coarse: written with other changes and every few minutes.",
    )
    last_handled_reconcile_at: str | None = Field(
        default=None,
        max_length=256,
        description="The last value of the annotation campaignthrottle.io/reconcile-requested-at "
        "that was acted upon.",
    )
    conditions: list[Condition] | None = conditions_field(
        "Ready, Reconciling or Stalled, AgentsObserved, CampaignSynced, Throttled, FallbackActive."
    )
