"""Claims to a campaign, and who controls it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from campaign_throttle.resources.misfit import misfit
from campaign_throttle.resources.tenant import CXoneTenantSpec
from campaign_throttle.resources.throttle import CampaignThrottleSpec, Mode


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
    def of(
        cls,
        body: Mapping[str, Any],
        spec: CampaignThrottleSpec | None,
        tenant: CXoneTenantSpec | None,
        *,
        able: bool,
    ) -> "Claim":
        """The claim of an object to a campaign of a tenant.

        Args:
            body: the object.
            spec: what it declares; None if that can't be read.
            tenant: the campaign's; None if there is none.
            able: whether the operator could read the campaign for it.
        """
        metadata = body["metadata"]
        active = (
            spec is not None
            and tenant is not None
            and not tenant.suspend
            and not spec.suspend
            and spec.mode is Mode.ENFORCE
            and not metadata.get("deletionTimestamp")
            and misfit(tenant.api, spec) is None
        )
        return cls(
            created=str(metadata.get("creationTimestamp", "")),
            uid=metadata["uid"],
            namespace=metadata["namespace"],
            name=metadata["name"],
            place=(tenant.identity if tenant else "", spec.campaign_id if spec else ""),
            skills=frozenset(spec.skill_ids or ()) if spec else frozenset(),
            active=active,
            able=able,
        )

    @property
    def counts(self) -> bool:
        """Whether it can control the campaign."""
        return self.active and self.able

    def equals(self, other: "Claim | None") -> bool:
        """Whether it claims the same, in the same way."""
        return other is not None and (self.place, self.skills, self.active, self.able) == (
            other.place,
            other.skills,
            other.active,
            other.able,
        )

    def meets(self, other: "Claim") -> bool:
        """Whether both claim the same: the campaign, with a skill in common."""
        return self.place == other.place and not (
            self.skills and other.skills and self.skills.isdisjoint(other.skills)
        )


@dataclass(frozen=True)
class Control:
    """Who controls what of one campaign: the uids of those who do, and of the others whose claim stands against theirs.

    In the order of age each claim holds that counts and meets none which holds already. The time that takes grows with
    the number of claims and of their skills, and not faster: there may be thousands.
    """

    holders: frozenset[str]
    rivals: Mapping[str, Claim]

    @classmethod
    def of(cls, claims: Iterable[Claim]) -> "Control":
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

    def changes(self, after: "Control") -> set[str]:
        """The uids of those who gain or lose control, or whom another one keeps from it now."""
        changed = set(self.holders ^ after.holders)
        for uid in self.rivals.keys() | after.rivals.keys():
            one, other = self.rivals.get(uid), after.rivals.get(uid)
            if (one and one.uid) != (other and other.uid):
                changed.add(uid)
        return changed


NOBODY = Control(frozenset(), {})
