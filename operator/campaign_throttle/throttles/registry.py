"""All throttles: by uid, and by the campaign that they claim."""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from campaign_throttle.resources.condition import find
from campaign_throttle.throttles.claims import NOBODY, Claim, Control
from campaign_throttle.throttles.throttle import Throttle


class Throttles:
    """All throttles by uid and by campaign: who controls which, and whether each is polled as it should be."""

    #: A throttle that was not polled for this many intervals is stuck.
    PATIENCE = 3

    def __init__(self) -> None:
        self._by_uid: dict[str, Throttle] = {}
        self._by_place: dict[tuple[str, str], dict[str, Throttle]] = {}
        self._control: dict[tuple[str, str], Control] = {}

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
            )
            throttle.observe_status(body)
            throttle.lapsed = not _was_able(throttle)
        throttle.body = body
        throttle.notice(body)
        return throttle

    def claim(self, throttle: Throttle, claim: Claim) -> None:
        """A throttle claims a campaign; whoever gains or loses control by that is due at once."""
        before = throttle.claim
        if claim.equals(before):
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
        before = self._control.pop(place, NOBODY)
        after = Control.of(other.claim for other in siblings.values() if other.claim and other.claim.active)
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
        return self._control.get(mine.place, NOBODY).rivals.get(mine.uid)

    def share_a_tenant(self, throttle: Throttle, uid: str) -> bool:
        """Whether two throttles are offered one and the same tenant, so that what one can do the other can."""
        other = self.by_uid(uid)
        if other is None or other.tenant_key != throttle.tenant_key:
            return False
        return throttle.tenant_key is None or other.namespace == throttle.namespace

    def contenders(self, throttle: Throttle) -> list[Throttle]:
        """The siblings that would control its campaign if it didn't, the oldest first."""
        found = [(other.claim, other) for other in self.siblings(throttle) if other.claim and other.claim.active]
        return [other for _, other in sorted(found, key=lambda pair: pair[0])]

    def heir(self, throttle: Throttle) -> Throttle | None:
        """Who controls its campaign once it doesn't any more, as far as is known without asking.

        One that was never polled, because this one was first, can do what this one can if both are offered one tenant.
        """

        def is_able(other: Throttle) -> bool:
            shares = not throttle.lapsed and self.share_a_tenant(other, throttle.uid)
            return shares or (other.claim is not None and other.claim.counts)

        return next(
            (other for other in self.contenders(throttle) if is_able(other) and self.rival(other) is None), None
        )

    def stuck(self, now: float, *, longest_poll: timedelta) -> list[Throttle]:
        """The throttles without a poll for three intervals; a poll may take ``longest_poll`` at most."""
        return [
            throttle
            for throttle in self
            if not throttle.leaving
            and now - (throttle.created if throttle.polled is None else throttle.polled)
            > self.PATIENCE * max(throttle.interval, longest_poll).total_seconds()
        ]


def _was_able(throttle: Throttle) -> bool:
    """Whether the last poll before the operator's start could read the campaign, as far as the status tells."""
    status = throttle.reported
    assert status is not None  # it was just looked at
    stalled = find(status.conditions, "Stalled")
    # The name stays when the campaign can't be read for a while.
    return status.campaign_name is not None and (
        stalled is None or stalled.reason in ("CampaignConflict", "InvalidSpec")
    )
