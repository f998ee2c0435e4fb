"""The end of a poll that decided something: an announced pause or resume."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from campaign_throttle import policy
from campaign_throttle.cxone.errors import CXoneError, CXoneTimeout
from campaign_throttle.cxone.protocol import DialingState
from campaign_throttle.observing import Seen, target_of
from campaign_throttle.outcome import Outcome
from campaign_throttle.reporting import Reporter
from campaign_throttle.resources.throttle import Action, CampaignState, CampaignThrottleSpec
from campaign_throttle.resources.throttle_status import Intent
from campaign_throttle.tenants import Tenant
from campaign_throttle.throttles import Throttle

#: How long CXone may take to accept a change, whatever the reading took before. Well below the minute within which
#: a change still counts as an intent's.
ACTION_TIMEOUT = timedelta(seconds=10)
#: How old the campaign's state may be right before an action.
AGE_BEFORE_ACTION = timedelta(seconds=2)


async def act(
    throttle: Throttle,
    spec: CampaignThrottleSpec,
    outcome: Outcome,
    *,
    tenant: Tenant,
    seen: Seen,
    reporter: Reporter,
    now: Callable[[], datetime],
) -> Outcome:
    """Carry out the action that was decided: announce it in the status, send it, and take note of what came of it.

    Args:
        throttle: whose memory follows each step, so that a crash or a cancellation loses nothing.
        spec: what it declares.
        outcome: of the poll so far, with the decision.
        tenant: the campaign's.
        seen: what was decided upon.
        reporter: stores the announcement.
        now: the time of day, in whole seconds.

    Returns:
        The outcome, with what was done or why it failed.
    """
    action = outcome.decision.action
    assert action is not None
    decided = outcome.decision.memory
    throttle.memory = memory = policy.announced(decided, action, now())
    announced = await reporter.announce(throttle, memory, action)
    if not announced or throttle.superseded or not throttle.may_act:
        # Not to be announced, or no longer what anybody wants: nothing was sent.
        throttle.memory = decided
        return outcome
    deadline = asyncio.get_running_loop().time() + ACTION_TIMEOUT.total_seconds()
    wanted = DialingState.PAUSED if action is Action.PAUSE else DialingState.RUNNING
    sent = False
    try:
        still_so = await _still_so(tenant, spec, seen, deadline)
        if not still_so or throttle.superseded or not throttle.may_act:
            throttle.memory = decided  # somebody was quicker: the next poll decides on what is so then
            throttle.nudged.set()
            return outcome
        sent = True
        skills = await tenant.set_state(
            target_of(spec),
            wanted,
            deadline=deadline,
            skills=outcome.decision.skills,
            digest=throttle.tenant_digest,
        )
    except CXoneError as error:
        accepted = [(skill.id, skill.running) for skill in error.accepted]
        memory = policy.failed(memory, outcome_unknown=sent and error.outcome_unknown, skills=accepted)
        outcome = replace(outcome, action_error=error)
        throttle.denied = error.permanent
        if isinstance(error, CXoneTimeout) and not memory.intent:
            throttle.nudged.set()  # it didn't get its turn in time: nothing was sent, and no interval is waited
    else:
        throttle.denied = False
        done = Intent(action=action, time=now())
        memory = policy.accepted(memory, action, done.time, [(skill.id, skill.running) for skill in skills])
        outcome = replace(outcome, done=done, state=CampaignState(wanted.value))
    throttle.memory = memory
    if memory.skills:
        outcome = replace(outcome, state=policy.state_of(memory.skills))
    return replace(outcome, decision=replace(outcome.decision, memory=memory))


async def _still_so(tenant: Tenant, spec: CampaignThrottleSpec, seen: Seen, deadline: float) -> bool:
    """Whether the campaign is as it was when the action was decided; read again if that is a while ago."""
    age = asyncio.get_running_loop().time() - seen.campaign_read
    if age <= AGE_BEFORE_ACTION.total_seconds() or seen.campaign is None:
        return True
    now = await tenant.campaign(target_of(spec), max_age=timedelta.max, deadline=deadline, urgent=True)
    return (now.state, now.skills) == (seen.campaign.state, seen.campaign.skills)
