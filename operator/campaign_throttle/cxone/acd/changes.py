"""Starting and stopping skills (NICE ACD API, Admin: ``skills/{id}/start``, ``skills/{id}/stop``)."""

from collections.abc import Awaitable, Callable

from campaign_throttle.cxone.acd.operations import CHANGES, STOP_PARAMETERS, change_path
from campaign_throttle.cxone.acd.settling import most_telling, settle
from campaign_throttle.cxone.errors import CXoneError, CXoneGatewayError, CXoneUnreachable
from campaign_throttle.cxone.protocol import DialingState, Skill
from campaign_throttle.cxone.session import Session

#: Reads a skill as it is now; raises a CXoneError.
ReadSkill = Callable[[int], Awaitable[Skill]]


async def change_skills(
    session: Session,
    skill_ids: frozenset[int],
    wanted: DialingState,
    deadline: float,
    *,
    read: ReadSkill,
    name_of: Callable[[int], str],
) -> tuple[Skill, ...]:
    """Start or stop the skills, all at once.

    Args:
        session: of the tenant.
        skill_ids: the skills.
        wanted: PAUSED stops without force, RUNNING starts.
        deadline: a time of the event loop.
        read: used to read back what was changed.
        name_of: what a skill was called when it was read last.

    Returns:
        The skills as they are now: one that was stopped may run on until its calls have ended.

    Raises:
        CXoneError: the most telling one, if not all were accepted; ``accepted`` are those that were.
    """

    async def change(skill_id: int) -> Skill:
        return await _change(session, skill_id, wanted, deadline, read=read, name_of=name_of)

    outcomes = await settle(change, sorted(skill_ids))
    accepted = tuple(outcome for outcome in outcomes if isinstance(outcome, Skill))
    failures = [outcome for outcome in outcomes if isinstance(outcome, CXoneError)]
    if not failures:
        return accepted
    error = most_telling(failures)
    error.accepted = accepted
    error.outcome_unknown = any(failure.outcome_unknown for failure in failures)
    raise error


async def _change(
    session: Session,
    skill_id: int,
    wanted: DialingState,
    deadline: float,
    *,
    read: ReadSkill,
    name_of: Callable[[int], str],
) -> Skill:
    """Send the change of one skill, once; once more if it is not known to have had an effect."""
    sent = False  # or may have been
    # What was given up between here and CXone may yet be done; and a skill that was stopped runs until its calls end.
    under_way = wanted is DialingState.PAUSED
    for last in (False, True):
        try:
            await _send(session, skill_id, wanted, deadline)
            break
        except CXoneError as error:
            sent = sent or error.outcome_unknown
            if not sent:
                raise
            under_way = under_way or isinstance(error, CXoneUnreachable | CXoneGatewayError)
            try:
                found = await read(skill_id)
            except CXoneError:
                error.outcome_unknown = True
                raise error from None  # it is the one to tell of
            if found.running is (wanted is DialingState.RUNNING):
                return found
            if last:
                error.outcome_unknown = under_way
                raise
    try:
        return await read(skill_id)
    except CXoneError:
        # Accepted all the same. A skill runs after a start, and after a stop until its calls have ended.
        return Skill(id=skill_id, name=name_of(skill_id), running=True)


async def _send(session: Session, skill_id: int, wanted: DialingState, deadline: float) -> None:
    answer = await session.write(
        CHANGES[wanted],
        change_path(skill_id, wanted),
        deadline=deadline,
        method="POST",
        params=STOP_PARAMETERS if wanted is DialingState.PAUSED else None,
    )
    if answer.status == 404:
        raise CXoneError(f"skill {skill_id} was not found (404): its campaign's skills will be read again")
