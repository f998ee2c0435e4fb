"""Whose stop it is, skill by skill: where the unit that dials is the skill and not the campaign (ACD).

A skill that is stopped drains: it runs on until its agents have ended their calls. CXone tells neither when a skill
was changed nor by whom, so what was seen and announced before decides. Where that leaves a doubt, a stop counts as
ours: a skill that we never start again is worse than one that we start though somebody stopped it in just that moment.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from campaign_throttle.resources.throttle import Action, CampaignState, Owner
from campaign_throttle.resources.throttle_status import CampaignThrottleStatus, Intent, SkillStatus

SKILLS_MAXIMUM = 50
#: A skill may take this long to come to rest after a stop; then the stop is sent once more.
DRAIN_LIFETIME = timedelta(minutes=10)


@dataclass(frozen=True)
class SkillMemory:
    """A skill as it was last seen, and who stopped it.

    One that runs though the operator stopped it is draining; ``stopped_at`` is since when, None if it may run free all
    the same (a start may have reached it); ``repeated`` is whether its stop was sent once more. ``started`` is whether
    a start was accepted that has not been seen to work yet. One that is not ``controlled`` any more is remembered only
    for its owner.
    """

    id: int
    name: str
    running: bool
    stopped_by: Owner | None = None
    stopped_at: datetime | None = None
    repeated: bool = False
    started: bool = False
    controlled: bool = True

    @property
    def draining(self) -> bool:
        """Whether it runs on though the operator stopped it."""
        return self.running and self.held

    @property
    def free(self) -> bool:
        """Whether it runs, and nobody stopped it."""
        return self.running and self.stopped_by is None

    @property
    def held(self) -> bool:
        """Whether the operator stopped it, and is to start it again."""
        return self.controlled and self.stopped_by is Owner.OPERATOR


Skills = tuple[SkillMemory, ...]


def remembered(status: CampaignThrottleStatus) -> Skills:
    """The skills of a status.

    While an intent is open, a skill that drains may have been started, and the stop that was to follow not been sent.
    """
    stopped_at = status.last_transition.time if status.last_transition and status.intent is None else None
    return tuple(
        SkillMemory(skill.id, skill.name, skill.running, skill.stopped_by, stopped_at)
        for skill in status.skills or ()
    )


def reported(skills: Skills) -> list[SkillStatus] | None:
    """The skills as a status has them; None where there are none."""
    found = [
        SkillStatus(id=skill.id, name=skill.name, running=skill.running, stopped_by=skill.stopped_by)
        for skill in skills
    ]
    return found or None


def recognised(before: Skills, seen: Skills, intent: Intent | None) -> Skills:
    """The skills as they are seen, with whose stop each is.

    A skill that was running and is off was stopped by us if that was announced, by somebody else otherwise; one that
    was off and runs was started, by whomever. One that is seen for the first time belongs to nobody. Those that the
    operator stopped, or may have, and that are not controlled now keep their owner, for when they are again (as far as
    a status has room for them).
    """
    known = {skill.id: skill for skill in before}
    found = [_recognised(skill, known.get(skill.id), intent) for skill in seen]
    ids = {skill.id for skill in seen}
    gone = [skill for skill in before if skill.id not in ids]
    kept = [
        replace(skill, controlled=False)
        for skill in (doubted(gone) if _is(intent, Action.PAUSE) else gone)
        if skill.stopped_by is Owner.OPERATOR
    ]
    return tuple([*found, *kept][:SKILLS_MAXIMUM])


def _recognised(skill: SkillMemory, before: SkillMemory | None, intent: Intent | None) -> SkillMemory:
    if before is None or (skill.running and not before.running):
        return skill
    if before.free:
        if skill.running:
            return skill
        if intent is not None and intent.action is Action.PAUSE:
            return replace(skill, stopped_by=Owner.OPERATOR, stopped_at=intent.time)
        return replace(skill, stopped_by=Owner.OTHER)
    resuming = _is(intent, Action.RESUME)
    after = replace(before, name=skill.name, running=skill.running, controlled=True)
    # We may have started it, or somebody while it was out of sight.
    if skill.running and (resuming or not before.controlled):
        return replace(after, stopped_at=None, repeated=False)
    return replace(after, started=before.started and resuming)


def doubted(skills: Iterable[SkillMemory]) -> Skills:
    """The skills once it is not known any more which of those that run free were stopped: all count as stopped."""
    return tuple(
        replace(skill, stopped_by=Owner.OPERATOR, stopped_at=None) if skill.controlled and skill.free else skill
        for skill in skills
    )


def started(before: Skills, after: Skills) -> Skills:
    """The skills that were off and run now, as they were before."""
    running = {skill.id for skill in after if skill.free}
    return tuple(skill for skill in before if not skill.running and skill.id in running)


def stopped_by_others(before: Skills, after: Skills) -> bool:
    """Whether somebody else has stopped any skill."""
    stopped = {skill.id for skill in after if skill.stopped_by is Owner.OTHER}
    return any(skill.free and skill.id in stopped for skill in before)


def state_of(skills: Skills) -> CampaignState:
    """The campaign's state: it runs while any controlled skill does that nobody stopped."""
    controlled = [skill for skill in skills if skill.controlled]
    if any(skill.free for skill in controlled):
        return CampaignState.RUNNING
    return CampaignState.PAUSING if any(skill.draining for skill in controlled) else CampaignState.PAUSED


def running_or_paused(skills: Skills) -> CampaignState:
    """Whether a campaign of such skills runs or not; one that drains calls nobody any more."""
    return CampaignState.RUNNING if state_of(skills) is CampaignState.RUNNING else CampaignState.PAUSED


def owner_of(skills: Skills) -> Owner | None:
    """Whose the campaign's pause is; None while it runs."""
    if state_of(skills) is CampaignState.RUNNING:
        return None
    return Owner.OPERATOR if any(skill.held for skill in skills) else Owner.OTHER


def overdue(skill: SkillMemory, now: datetime) -> bool:
    """Whether a skill drains for longer than calls last; clocks can be set back."""
    return skill.draining and skill.stopped_at is not None and abs(now - skill.stopped_at) > DRAIN_LIFETIME


def to_stop(skills: Skills) -> frozenset[int]:
    """The skills that a pause stops: those that nobody stopped, and those that may have been started since."""
    return _ids(
        skill
        for skill in skills
        if skill.controlled and (skill.free or (skill.draining and skill.stopped_at is None))
    )


def to_stop_again(skills: Skills, now: datetime) -> frozenset[int]:
    """The skills that drain for too long, and whose stop was not repeated yet."""
    return _ids(skill for skill in skills if overdue(skill, now) and not skill.repeated)


def to_start(skills: Skills, intent: Intent | None, *, anybodys: bool) -> frozenset[int]:
    """The skills that a resume starts: those that the operator stopped, or may just have stopped.

    With ``anybodys`` also those that it saw somebody else stop; never one that it has never seen running.
    """
    pausing = _is(intent, Action.PAUSE)

    def wanted(skill: SkillMemory) -> bool:
        stopped = skill.held or (pausing and skill.free) or (anybodys and skill.stopped_by is Owner.OTHER)
        return skill.controlled and stopped and not skill.started

    return _ids(skill for skill in skills if wanted(skill))


def changed(skills: Skills, action: Action, accepted: Iterable[tuple[int, bool]], now: datetime) -> Skills:
    """The skills once CXone has accepted a stop or a start of some of them.

    Args:
        skills: as remembered before.
        action: what was done.
        accepted: ID of each that was changed, and whether it runs now.
        now: when that was.
    """
    running = dict(accepted)
    return tuple(
        _changed(skill, action, running[skill.id], now) if skill.id in running else skill for skill in skills
    )


def _changed(skill: SkillMemory, action: Action, running: bool, now: datetime) -> SkillMemory:
    if action is Action.RESUME:
        if not running:  # not yet: until it is seen to run, it is still as it was stopped
            return replace(skill, running=False, started=True)
        return replace(skill, running=True, stopped_by=None, stopped_at=None, repeated=False, started=False)
    if skill.draining and skill.stopped_at is not None:
        return replace(skill, running=running, repeated=True)
    return replace(
        skill, running=running, stopped_by=Owner.OPERATOR, stopped_at=now, repeated=False, started=False
    )


def _is(intent: Intent | None, action: Action) -> bool:
    return intent is not None and intent.action is action


def _ids(skills: Iterator[SkillMemory]) -> frozenset[int]:
    return frozenset(skill.id for skill in skills)
