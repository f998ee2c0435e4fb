"""The throttles that the operator knows: what it holds of each in memory, and when each is due."""

import asyncio
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from operator import attrgetter
from typing import Any

from pydantic import ValidationError

from campaign_throttle.policy import Memory
from campaign_throttle.resources import RECONCILE_ANNOTATION
from campaign_throttle.resources.tenant import CXoneTenantSpec, misfit
from campaign_throttle.resources.throttle import (
    CampaignThrottleSpec,
    CampaignThrottleStatus,
    Mode,
    Owner,
)
from campaign_throttle.tenants import Tenant, TenantKey

RECONCILE_VALUE_LENGTH = 256
#: The first polls are spread over this many seconds, by tenant.
FIRST_POLL_SPREAD = 0.5


def first_due(phase: float, now: float) -> float:
    """When a new throttle is polled first: within a second, whatever its interval."""
    return now + phase * FIRST_POLL_SPREAD


def next_due(interval: timedelta, phase: float, now: float) -> float:
    """When the throttles of one interval and tenant are polled next, all together.

    Args:
        interval: theirs.
        phase: where in the interval the tenant's throttles poll, as a share of it.
        now: a time of the event loop, in seconds, like the one returned.
    """
    step = interval.total_seconds()
    offset = phase * step
    due = offset + (math.floor((now - offset) / step) + 1) * step
    return due if due > now else due + step  # which rounding can make the tick that is just now


@dataclass
class Throttle:
    """One CampaignThrottle at work. Times are of the event loop, in seconds; ``changed`` is when its spec did last.

    ``reported`` is the status that the operator stands by; ``stored`` the one that the API server is known to
    hold (None: not known, since a write was not confirmed). They differ while the API server is away.
    """

    namespace: str
    name: str
    uid: str
    created: float
    memory: Memory | None = None
    reported: CampaignThrottleStatus | None = None
    stored: "Stored | None" = None
    version: int = -1
    due: float | None = None
    interval: timedelta = timedelta(seconds=5)
    polled: float | None = None
    acting: bool = False
    leaving: bool = False
    gone: bool = False
    overtaken: bool = False
    generation: int = 0
    body: Mapping[str, Any] = field(default_factory=dict)
    tenant_key: TenantKey | None = None
    tenant_digest: str | None = None
    tenant: Tenant | None = None
    stretched: bool = False
    excused_until: float | None = None
    lapsed: bool = False
    warned: set[int] = field(default_factory=set)
    declared: "tuple[int, CampaignThrottleSpec | ValidationError] | None" = None
    adopted_from: "Throttle | None" = None
    claim: "Claim | None" = None
    poll: "asyncio.Task[str] | None" = None
    handled: tuple[int, str | None] | None = None
    changed: float | None = None
    nudged: asyncio.Event = field(default_factory=asyncio.Event)
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def notice(self, body: Mapping[str, Any]) -> None:
        """Look at an object as the watch brought it: a new spec or request makes the throttle due at once."""
        self.observe_status(body)
        generation, request = wish(body)
        self.generation = generation
        if self.handled is None:
            return
        was_generation, was_request = self.handled
        if generation != was_generation or (request is not None and request != was_request):
            self.nudged.set()

    def spec(self, body: Mapping[str, Any]) -> CampaignThrottleSpec:
        """What an object declares; read once for each generation.

        Raises:
            ValidationError: it can't be read.
        """
        generation = int(body["metadata"].get("generation", 0))
        if self.declared is None or self.declared[0] != generation or not generation:
            try:
                self.declared = generation, CampaignThrottleSpec.model_validate(body.get("spec") or {})
            except ValidationError as error:
                self.declared = generation, error
        found = self.declared[1]
        if isinstance(found, ValidationError):
            raise found.with_traceback(None)
        return found

    @property
    def may_act(self) -> bool:
        """Whether its claim to the campaign is one that counts."""
        return self.claim is None or self.claim.counts

    @property
    def superseded(self) -> bool:
        """Whether what a poll under way decides is no longer wanted: a new spec, an older rival, or its end."""
        replaced = self.handled is not None and self.generation > self.handled[0]
        return replaced or self.overtaken or self.leaving or self.gone

    @property
    def holds(self) -> bool:
        """Whether it owns a pause (or that of a skill), or has an action on its way.

        It is what whoever controls the campaign next must know.
        """
        memory = self.recall()
        return memory.holds or memory.intent is not None

    def may_adopt(self, other: "Throttle") -> bool:
        """Whether it should take over what a sibling holds: not if it has itself seen the campaign change since."""
        changed, looked_at = self.recall().changed_at, other.recall().seen_at
        unseen = changed is None or looked_at is None or changed <= looked_at
        return other.holds and not self.holds and unseen

    def adopt(self, other: "Throttle") -> None:
        """Take over what a sibling holds: the operator made that pause, whoever asked for it.

        The sibling keeps it too until that is on the API server, so that a crash in between loses nothing.
        """
        mine, theirs = self.recall(), other.recall()
        self.memory = replace(
            theirs, desired=mine.desired, failures=mine.failures, below=mine.below, above=mine.above, fresh=False
        )
        self.adopted_from = other

    def settle_adoption(self) -> None:
        """What was taken over is stored with this throttle: the sibling lets go of it."""
        if self.adopted_from is None or self.stored is None:
            return
        mine, stored = self.recall(), self.stored.status
        held = {skill.id for skill in mine.skills if skill.stopped_by is Owner.OPERATOR}
        kept = {skill.id for skill in stored.skills or () if skill.stopped_by is Owner.OPERATOR}
        if (stored.paused_by, stored.intent) == (mine.paused_by, mine.intent) and held <= kept:
            self.adopted_from.let_go()
            self.adopted_from = None

    def let_go(self) -> None:
        """A sibling holds it now, or knows better."""
        self.memory = replace(
            self.recall(), paused_by=None, intent=None, manual_resume=None, last_state=None, skills=()
        )
        self.nudged.set()

    def recall(self) -> Memory:
        """What the policy remembers of it; after a restart, what its status says."""
        if self.memory is None:
            self.memory = Memory.of_status(self.reported or CampaignThrottleStatus())
        return self.memory

    def observe_status(self, body: Mapping[str, Any]) -> None:
        """Take the object's status as the one the server holds, unless our own last write is newer."""
        # Resource versions of one object may be compared as numbers (KEP-5504). After a write that was not confirmed
        # only a newer object tells what the server holds.
        if resource_version(body) > (self.stored.version if self.stored else self.version):
            self.stored = Stored.of(body)
        if self.reported is None:
            self.reported = Stored.of(body).status


@dataclass(frozen=True)
class Stored:
    """The status that the API server holds: as it is there, and read."""

    raw: dict[str, Any]
    status: CampaignThrottleStatus
    version: int

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> "Stored":
        """The status of an object."""
        raw = dict(body.get("status") or {})
        return cls(raw, read_status(raw), resource_version(body))


def read_status(status: Mapping[str, Any]) -> CampaignThrottleStatus:
    """The status of an object, without the fields that can't be read: what can be must not be lost with them."""
    readable = dict(status)
    while True:
        try:
            return CampaignThrottleStatus.model_validate(readable)
        except ValidationError as error:
            for problem in error.errors(include_input=False, include_url=False):
                readable.pop(str(problem["loc"][0]), None)


def resource_version(body: Mapping[str, Any]) -> int:
    """The resource version of an object as a number; -1 where it is none."""
    version = str(body.get("metadata", {}).get("resourceVersion", ""))
    return int(version) if version.isdigit() else -1


def wish(body: Mapping[str, Any]) -> tuple[int, str | None]:
    """What asks for a poll: the generation of the spec, and the value of the reconcile annotation."""
    metadata = body.get("metadata", {})
    value = (metadata.get("annotations") or {}).get(RECONCILE_ANNOTATION)
    return int(metadata.get("generation", 0)), value[:RECONCILE_VALUE_LENGTH] if value is not None else None


@dataclass(frozen=True, order=True)
class Claim:
    """A throttle's claim to a campaign: the oldest controls it, of equally old ones that of the smaller uid.

    ``place`` is the campaign, of one tenant of CXone; ``skills`` are those of it that are claimed, none means all.
    ``active`` is whether the throttle would act: not suspended, not Observe, not being deleted, and valid. ``able`` is
    whether it can: one that was never able to read the campaign, or whose tenant refuses its credentials since, keeps
    nobody else from it.
    """

    created: str
    uid: str
    namespace: str = field(compare=False)
    name: str = field(compare=False)
    place: tuple[str, str] = field(compare=False)
    skills: frozenset[int] = field(compare=False)
    active: bool = field(compare=False)
    able: bool = field(compare=False)

    @classmethod
    def of(cls, throttle: Throttle, tenant: CXoneTenantSpec | None) -> "Claim":
        """The claim of a throttle to a campaign of a tenant, which may not be there, or not for it."""
        metadata, spec = throttle.body["metadata"], throttle.body.get("spec") or {}
        skills: frozenset[int] = frozenset()
        try:
            valid = throttle.spec(throttle.body)
            skills = frozenset(valid.skill_ids or ())
            active = (
                tenant is not None
                and not tenant.suspend
                and not valid.suspend
                and valid.mode is Mode.ENFORCE
                and not metadata.get("deletionTimestamp")
                and misfit(tenant.api, valid) is None
            )
        except ValidationError:
            active = False
        return cls(
            created=str(metadata.get("creationTimestamp", "")),
            uid=metadata["uid"],
            namespace=metadata["namespace"],
            name=metadata["name"],
            place=(tenant.identity if tenant else "", str(spec.get("campaignID"))),
            skills=skills,
            active=active,
            able=not throttle.lapsed,
        )

    @property
    def counts(self) -> bool:
        """Whether it can control the campaign."""
        return self.active and self.able

    def meets(self, other: "Claim") -> bool:
        """Whether both claim the same: the campaign, with a skill in common."""
        return self.place == other.place and not (
            self.skills and other.skills and self.skills.isdisjoint(other.skills)
        )


def _was_able(body: Mapping[str, Any]) -> bool:
    """Whether an object's last poll could read the campaign, as far as its status tells."""
    status = read_status(body.get("status") or {})
    stalled = next((found.reason for found in status.conditions or () if found.type == "Stalled"), None)
    # The name stays when the campaign can't be read for a while.
    return status.campaign_name is not None and stalled in (None, "CampaignConflict", "InvalidSpec")


def _same_claim(one: Claim, other: Claim) -> bool:
    return (one.place, one.skills, one.active, one.able) == (other.place, other.skills, other.active, other.able)


@dataclass(frozen=True)
class _Control:
    """Who controls what of one campaign: the uids of those who do, and of the others whose claim stands against theirs.

    In the order of age each claim holds that counts and meets none which holds already. The time that takes grows with
    the number of claims and of their skills, and not faster: there may be thousands.
    """

    holders: frozenset[str]
    rivals: Mapping[str, Claim]

    @classmethod
    def of(cls, claims: Iterable[Claim]) -> "_Control":
        """Of the claims of those who would act."""
        holders: list[Claim] = []
        by_skill: dict[int, Claim] = {}
        rivals: dict[str, Claim] = {}
        whole: Claim | None = None
        for claim in sorted(claims, key=attrgetter("created", "uid")):
            met = [by_skill[skill] for skill in claim.skills if skill in by_skill] if claim.skills else holders[:1]
            rival = whole or min(met, key=attrgetter("created", "uid"), default=None)
            if rival is not None:
                rivals[claim.uid] = rival
            if rival is not None or not claim.able:
                continue
            holders.append(claim)
            by_skill.update(dict.fromkeys(claim.skills, claim))
            whole = whole if claim.skills else claim
        return cls(frozenset(claim.uid for claim in holders), rivals)

    def changes(self, after: "_Control") -> set[str]:
        """The uids of those who gain or lose control, or whom another one keeps from it now."""
        changed = set(self.holders ^ after.holders)
        for uid in self.rivals.keys() | after.rivals.keys():
            one, other = self.rivals.get(uid), after.rivals.get(uid)
            if (one and one.uid) != (other and other.uid):
                changed.add(uid)
        return changed


_NOBODY = _Control(frozenset(), {})


class Throttles:
    """All throttles by uid and by campaign: who controls which, and whether each is polled as it should be."""

    #: A throttle that was not polled for this many intervals is stuck.
    PATIENCE = 3

    def __init__(self) -> None:
        self._by_uid: dict[str, Throttle] = {}
        self._by_place: dict[tuple[str, str], dict[str, Throttle]] = {}
        self._control: dict[tuple[str, str], _Control] = {}

    def __iter__(self) -> Iterator[Throttle]:
        return iter(self._by_uid.values())

    def __len__(self) -> int:
        return len(self._by_uid)

    def register(self, body: Mapping[str, Any]) -> Throttle:
        """Take in an object as the watch brought it."""
        metadata = body["metadata"]
        throttle = self._by_uid.get(metadata["uid"])
        if throttle is None:
            throttle = self._by_uid[metadata["uid"]] = Throttle(
                namespace=metadata["namespace"],
                name=metadata["name"],
                uid=metadata["uid"],
                created=asyncio.get_running_loop().time(),
                lapsed=not _was_able(body),
            )
        throttle.body = body
        throttle.notice(body)
        return throttle

    def claim(self, throttle: Throttle, claim: Claim) -> None:
        """A throttle claims a campaign; whoever gains or loses control by that is due at once."""
        before = throttle.claim
        if before is not None and _same_claim(before, claim):
            return
        if before is not None and before.place != claim.place:
            self._leave_place(before)
        throttle.claim = claim
        self._by_place.setdefault(claim.place, {})[claim.uid] = throttle
        nudged = throttle.nudged.is_set()
        self._settle(claim.place)
        if not nudged:
            throttle.nudged.clear()  # whatever changes its own claim polls it anyway
        throttle.overtaken = self.rival(throttle) is not None

    def _leave_place(self, claim: Claim) -> None:
        siblings = self._by_place.get(claim.place, {})
        siblings.pop(claim.uid, None)
        if not siblings:
            self._by_place.pop(claim.place, None)
        self._settle(claim.place)

    def _settle(self, place: tuple[str, str]) -> None:
        """Find out anew who controls what is claimed at a place; wake those for whom that changes."""
        siblings = self._by_place.get(place, {})
        before = self._control.pop(place, _NOBODY)
        after = _Control.of(other.claim for other in siblings.values() if other.claim and other.claim.active)
        if siblings:
            self._control[place] = after
        for uid in before.changes(after):
            other = siblings.get(uid)
            if other is not None:
                other.nudged.set()
                other.overtaken = uid in after.rivals

    def by_uid(self, uid: str) -> Throttle | None:
        """The throttle of a uid; None if that is gone."""
        return self._by_uid.get(uid)

    def of(self, body: Mapping[str, Any]) -> Throttle | None:
        """The throttle of an object; None if that is gone."""
        return self._by_uid.get(body["metadata"]["uid"])

    def forget(self, body: Mapping[str, Any]) -> None:
        """The object is gone; a sibling inherits the pause that it owned, and its campaign."""
        throttle = self._by_uid.pop(body["metadata"]["uid"], None)
        if throttle is None or throttle.claim is None:
            return
        throttle.gone = True
        throttle.nudged.set()
        self._leave_place(throttle.claim)
        heir = self.heir(throttle)
        if heir is not None and heir.may_adopt(throttle):
            heir.adopt(throttle)
            heir.nudged.set()

    def siblings(self, throttle: Throttle) -> list[Throttle]:
        """The other throttles that claim what it does, in any namespace that is watched."""
        mine = throttle.claim
        if mine is None:
            return []
        return [
            other
            for other in self._by_place.get(mine.place, {}).values()
            if other is not throttle and other.claim is not None and other.claim.meets(mine)
        ]

    def rival(self, throttle: Throttle) -> Claim | None:
        """The older claim that controls its campaign; None if it is in control itself, or doesn't act anyway."""
        mine = throttle.claim
        if mine is None or not mine.active:
            return None
        return self._control.get(mine.place, _NOBODY).rivals.get(mine.uid)

    def heir(self, throttle: Throttle) -> Throttle | None:
        """Who controls its campaign once it doesn't any more."""
        heirs = [(other.claim, other) for other in self.siblings(throttle) if other.claim and other.claim.counts]
        return min(heirs, key=lambda pair: pair[0])[1] if heirs else None

    def stuck(self, now: float, *, longest_poll: timedelta) -> list[Throttle]:
        """The throttles without a poll for three intervals; a poll may take ``longest_poll`` at most."""
        return [
            throttle
            for throttle in self
            if not throttle.leaving
            and now - (throttle.created if throttle.polled is None else throttle.polled)
            > self.PATIENCE * max(throttle.interval, longest_poll).total_seconds()
        ]
