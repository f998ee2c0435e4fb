"""The one place that writes the status of throttles: what is announced before an action, and what is reported after."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from campaign_throttle import policy, status
from campaign_throttle.cluster.statuses import ObjectGone, StatusNotWritten, StatusWriter
from campaign_throttle.events import Event, events
from campaign_throttle.outcome import Outcome
from campaign_throttle.policy import Memory
from campaign_throttle.resources.throttle import Action
from campaign_throttle.resources.throttle_status import CampaignThrottleStatus, ManualResume
from campaign_throttle.throttles import Stored, Throttle

logger = logging.getLogger(__name__)

#: How long the API server may take to store an intent before a pause goes ahead without.
INTENT_TIMEOUT = timedelta(seconds=5)
STATUS_TIMEOUT = timedelta(seconds=10)

Post = Callable[[Event], None]


@dataclass(frozen=True)
class Reporter:
    """Writes statuses, whole: the operator owns all of them.

    Args:
        writer: writes to the API server.
        heartbeat: how often the time of the last poll is written, if nothing else is.
    """

    writer: StatusWriter
    heartbeat: timedelta

    async def announce(self, throttle: Throttle, memory: Memory, action: Action) -> bool:
        """Store the intent, and nothing else: ``kubectl wait`` must not return before the action.

        Of skills it must be known in which state they were, and of which tenant the campaign is.

        Returns whether the action may go ahead.
        """
        assert throttle.reported is not None
        announcement = throttle.reported.model_copy(
            update={
                "intent": memory.intent,
                "skills": policy.reported(memory.skills),
                "tenant_digest": throttle.tenant_digest,
            }
        )
        try:
            await self._write(throttle, status.dump(announcement), INTENT_TIMEOUT)
        except ObjectGone:
            throttle.gone = True
            return False
        except StatusNotWritten as problem:
            logger.warning(
                "%s/%s: the intent to %s was not stored: %s",
                throttle.namespace,
                throttle.name,
                action.value,
                problem,
            )
            return action is Action.PAUSE  # the safe side; a resume waits until it can be announced
        return True

    async def report(
        self, throttle: Throttle, previous: CampaignThrottleStatus, outcome: Outcome, post: Post
    ) -> None:
        """Write the status if it says anything new, and post the Events that the step is worth."""
        throttle.memory = outcome.decision.memory
        current = status.build(previous, outcome)
        for event in events(previous, current, outcome):
            logger.info("%s/%s: %s: %s", throttle.namespace, throttle.name, event.reason, event.message)
            post(event)
        throttle.reported = current
        stored = throttle.stored
        if (
            stored is not None
            and not outcome.decision.touched
            and not status.is_worth_writing(stored.status, current, self.heartbeat, outcome.failure_threshold)
        ):
            return
        try:
            await self._write(throttle, status.dump(current), STATUS_TIMEOUT)
        except ObjectGone:
            throttle.gone = True
        except StatusNotWritten as problem:
            # Nothing is lost: the next poll writes what is reported then.
            logger.warning("%s/%s: the status was not written: %s", throttle.namespace, throttle.name, problem)

    async def store(self, throttle: Throttle) -> None:
        """Write what a throttle remembers, beside what it last reported: it has taken over a sibling's pause."""
        try:
            async with throttle.writing:
                memory = throttle.recall()
                throttle.reported = (throttle.reported or CampaignThrottleStatus()).model_copy(
                    update={
                        "paused_by": memory.paused_by,
                        "intent": memory.intent,
                        "skills": policy.reported(memory.skills),
                        "manual_resume": ManualResume(time=memory.manual_resume) if memory.manual_resume else None,
                    }
                )
                await self._put(throttle, status.dump(throttle.reported), INTENT_TIMEOUT)
        except StatusNotWritten as problem:
            logger.warning("%s/%s: the status was not written: %s", throttle.namespace, throttle.name, problem)

    async def _write(self, throttle: Throttle, whole: dict[str, Any], timeout: timedelta) -> None:
        async with throttle.writing:
            await self._put(throttle, whole, timeout)

    async def _put(self, throttle: Throttle, whole: dict[str, Any], timeout: timedelta) -> None:
        before, throttle.stored = throttle.stored, None  # until the server confirms, what it holds isn't known
        throttle.version = max(throttle.version, before.version if before else -1)
        written = await self.writer.write(throttle.namespace, throttle.name, throttle.uid, whole, timeout=timeout)
        throttle.stored = Stored.of(written)
