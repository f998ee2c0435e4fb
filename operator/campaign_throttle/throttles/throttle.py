"""One throttle at work: what the operator holds of it in memory, and what the API server holds."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from campaign_throttle.policy import Memory
from campaign_throttle.resources import RECONCILE_ANNOTATION
from campaign_throttle.resources.tenant import CXoneTenantSpec
from campaign_throttle.resources.throttle import CampaignThrottleSpec, Owner
from campaign_throttle.resources.throttle_status import CampaignThrottleStatus
from campaign_throttle.tenants import Tenant, TenantKey
from campaign_throttle.throttles.claims import Claim

RECONCILE_VALUE_LENGTH = 256


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
    denied: bool = False
    warned: set[int] = field(default_factory=set)
    declared: "tuple[int, CampaignThrottleSpec | ValidationError] | None" = None
    adopted_from: "Throttle | None" = None
    claim: Claim | None = None
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

    def claim_to(self, tenant: CXoneTenantSpec | None) -> Claim:
        """Its claim to its campaign, of a tenant."""
        try:
            spec: CampaignThrottleSpec | None = self.spec(self.body)
        except ValidationError:
            spec = None
        return Claim.of(self.body, spec, tenant, able=not self.lapsed and not self.denied)

    def is_of(self, tenant: CXoneTenantSpec) -> bool:
        """Whether what is remembered is of this tenant of CXone; so it is too if nothing was reported yet."""
        return self.known_digest in (None, tenant.digest)

    @property
    def known_digest(self) -> str | None:
        """Which tenant of CXone what is remembered is of; after a restart, what its status says."""
        return self.tenant_digest or (self.reported.tenant_digest if self.reported else None)

    @property
    def may_act(self) -> bool:
        """Whether it would act, and can read the campaign; who was denied a change tries again all the same."""
        return self.claim is None or (self.claim.active and not self.lapsed)

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
        same = (stored.paused_by, stored.intent) == (mine.paused_by, mine.intent)
        if self.holds and same and held <= kept:
            self.adopted_from.let_go()
            self.adopted_from = None

    def let_go(self) -> None:
        """A sibling holds it now, or knows better."""
        self.adopted_from = None
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
            self.reported = (self.stored or Stored.of(body)).status


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
