"""The end of a throttle: what becomes of the pause that it owns (spec.deletionPolicy)."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from campaign_throttle import policy
from campaign_throttle.cxone.errors import CXoneError
from campaign_throttle.cxone.protocol import DialingState
from campaign_throttle.events import Event
from campaign_throttle.observing import Seen, target_of
from campaign_throttle.policy import Memory
from campaign_throttle.resources.behaviour import DeletionPolicy
from campaign_throttle.resources.throttle import Action, CampaignState, CampaignThrottleSpec, Mode
from campaign_throttle.tenants import Tenant

#: A deleted throttle's campaign is resumed within this time, or not at all: the throttles of a deleted namespace are
#: to be gone within 10 s, of which Kubernetes lets 5 pass before it deletes the first.
RELEASE_TIMEOUT = timedelta(seconds=3)


async def release(
    body: Mapping[str, Any],
    memory: Memory,
    tenant: Tenant | None,
    now: datetime,
    *,
    hindrance: str | None = None,
) -> tuple[Memory, Event | None]:
    """Resume the campaign of a throttle that is being deleted, if it wants that and the pause is its own.

    Args:
        body: the object.
        memory: what is remembered of it.
        tenant: the campaign's; None where there is none.
        now: the time of day.
        hindrance: why nothing may be done at the tenant; None if it may.

    Returns:
        The memory afterwards, and the Event that tells of it; None where there was nothing to do. Never takes longer
        than RELEASE_TIMEOUT; what can't be done by then is given up, and said.
    """
    try:
        spec = CampaignThrottleSpec.model_validate(body.get("spec") or {})
    except ValidationError:
        return memory, None
    if spec.deletion_policy is DeletionPolicy.RETAIN or not _may_hold(memory):
        return memory, None
    if spec.suspend or spec.mode is not Mode.ENFORCE:
        return memory, _abandoned(spec, "it was suspended or only observing")
    if tenant is None or hindrance is not None:
        return memory, _abandoned(spec, hindrance or "its tenant is not there any more")
    deadline = asyncio.get_running_loop().time() + RELEASE_TIMEOUT.total_seconds()
    try:
        campaign = await tenant.campaign(target_of(spec), max_age=timedelta.max, deadline=deadline)
        seen = Seen(campaign=campaign).observation
        found = policy.attribute(memory, seen, spec.interval, now).memory
        if not _may_hold(found):
            return found, None  # somebody else's by now
        # What is on its way to being paused is resumed too: its pause may take effect after this reading.
        if seen.state is CampaignState.OTHER and found.landed and found.intent is None:
            return found, _abandoned(spec, f"it is neither running nor paused but {campaign.word}")
        skills = policy.to_start(found.skills, found.intent, anybodys=False)
        started = await tenant.set_state(target_of(spec), DialingState.RUNNING, deadline=deadline, skills=skills)
    except CXoneError as error:
        return memory, _abandoned(spec, f"{error.reason}: {error}")
    return policy.accepted(found, Action.RESUME, now, [(skill.id, skill.running) for skill in started]), Event(
        "Normal", "CampaignResumed", f"campaign {spec.campaign_id}: Paused → Running: its throttle is deleted"
    )


def _may_hold(memory: Memory) -> bool:
    """Whether the campaign is held paused, or a pause is on its way."""
    pausing = memory.intent is not None and memory.intent.action is Action.PAUSE
    return pausing or memory.holds


def _abandoned(spec: CampaignThrottleSpec, problem: str) -> Event:
    return Event(
        "Warning",
        "ResumeAbandoned",
        f"campaign {spec.campaign_id} stays as it is, though its throttle is deleted with deletionPolicy Resume: "
        f"{problem}; resume it in CXone",
    )
