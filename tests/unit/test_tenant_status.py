"""A tenant's status says how it is: by the rules of kstatus, without flapping, and within its schema."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign_throttle.cxone import errors
from campaign_throttle.cxone.protocol import Probe
from campaign_throttle.resources.tenant import TenantStatus
from campaign_throttle.tenants.status import FAILURES, Look, build
from unit.schema import problems

START = datetime(2026, 11, 24, 12, tzinfo=UTC)
URL = "https://api.nicecxone.com"
GOOD = Probe(URL, ("campaigns:read", "campaigns:write"))


def kinds():
    found = {errors.CXoneError}
    while new := {below for kind in found for below in kind.__subclasses__()} - found:
        found |= new
    return sorted(found, key=lambda kind: kind.__name__)


GRACED = [kind for kind in kinds() if kind.graced]
LASTING = [kind for kind in kinds() if kind.permanent]
PASSING = [kind for kind in kinds() if not kind.permanent]


class Looks:
    """A tenant from look to look."""

    def __init__(self):
        self.status = TenantStatus()
        self.now, self.generation, self.failures, self.throttles = START, 1, 0, 0

    def look(self, **found):
        self.now += timedelta(seconds=60)
        self.failures = self.failures + 1 if found.get("error") else 0
        look = Look(self.generation, self.now, self.throttles, failures=self.failures, **found)
        self.status = build(self.status, look)
        return self.status

    def __getitem__(self, type_):
        found = self.condition(type_)
        return (found.status, found.reason) if found else None

    def condition(self, type_):
        return next((found for found in self.status.conditions if found.type == type_), None)


@pytest.fixture
def looks():
    return Looks()


def test_a_token_and_an_answer_are_ready(looks):
    looks.look(probe=GOOD)
    assert looks["Ready"] == ("True", "Connected")
    assert looks["Reconciling"] is looks["Stalled"] is None
    assert looks.status.api_endpoint == URL
    assert looks.status.granted_scopes == ["campaigns:read", "campaigns:write"]


@pytest.mark.parametrize("kind", LASTING)
def test_what_only_a_person_can_mend_is_stalled_at_once(looks, kind):
    looks.look(probe=GOOD)
    looks.look(error=kind("because"))
    assert looks["Ready"] == ("False", kind.reason)
    assert looks["Stalled"] == ("True", kind.reason)
    assert looks["Reconciling"] is None
    looks.look(probe=GOOD)
    assert looks["Ready"] == ("True", "Connected")
    assert looks["Stalled"] is None


@pytest.mark.parametrize("kind", PASSING)
def test_what_may_pass_turns_ready_false_when_it_has_lasted(looks, kind):
    looks.look(probe=GOOD)
    for _ in range(FAILURES - 1):
        looks.look(error=kind("because"))
        assert looks["Ready"] == ("True", "Connected")
        assert looks["Reconciling"] is looks["Stalled"] is None
    looks.look(error=kind("because"))
    assert looks["Ready"] == ("False", kind.reason)
    assert looks["Reconciling"] == ("True", "ProgressingWithRetry")
    assert looks["Stalled"] is None


@pytest.mark.parametrize("kind", GRACED)
def test_what_may_be_on_its_way_is_in_progress_for_a_while_and_stalled_then(looks, kind):
    """A GitOps tool applies the tenant before its Secret, and fails for good on any momentary Stalled."""
    looks.look(error=kind("because"), settling=True)
    assert looks["Ready"] == ("Unknown", kind.reason)
    assert looks["Reconciling"] == ("True", "ProgressingWithRetry")
    assert looks["Stalled"] is None
    looks.look(error=kind("because"))
    assert looks["Ready"] == ("False", kind.reason)
    assert looks["Stalled"] == ("True", kind.reason)
    assert looks["Reconciling"] is None


@pytest.mark.parametrize("kind", [kind for kind in LASTING if not kind.graced])
def test_what_cannot_be_on_its_way_has_no_grace(looks, kind):
    looks.look(error=kind("because"), settling=True)
    assert looks["Stalled"] == ("True", kind.reason)


def test_an_invalid_spec_is_stalled_and_its_words_are_told(looks):
    looks.look(invalid="spec.timeout: wrong", settling=True)
    assert looks["Ready"] == ("False", "InvalidSpec")
    assert looks["Stalled"] == ("True", "InvalidSpec")
    assert looks.condition("Ready").message == "spec.timeout: wrong"


def test_a_suspended_tenant_is_ready_and_keeps_what_it_knew(looks):
    looks.look(probe=GOOD)
    looks.look()
    assert looks["Ready"] == ("True", "Suspended")
    assert looks.status.api_endpoint == URL
    looks.look(error=PASSING[0]("because"))
    assert looks["Ready"][0] == "Unknown", "nothing is known of it but that it was suspended"


def test_ready_of_another_generation_is_not_carried_over_a_failed_look(looks):
    looks.look(probe=GOOD)
    looks.generation = 2
    looks.look(error=errors.CXoneUnreachable("gone"))
    assert looks["Ready"][0] == "Unknown"
    assert looks["Reconciling"] is not None
    assert looks.status.observed_generation == 2


def test_the_number_of_throttles_is_told(looks):
    looks.throttles = 7
    assert looks.look(probe=GOOD).throttles == 7


def test_what_cxone_tells_is_cut_to_fit(looks):
    looks.look(probe=Probe("https://" + "a" * 1000, tuple(f"scope-{n}" for n in range(100)) + ("x" * 1000,) * 2))
    assert problems("status", dumped(looks.status), "CXoneTenant") == []
    looks.look(probe=Probe(URL, ("b", "a", "b")))
    assert looks.status.granted_scopes == ["a", "b"]
    looks.look(probe=Probe(URL))
    assert looks.status.granted_scopes is None


def dumped(status):
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)


found = st.one_of(
    st.just({"probe": GOOD}),
    st.just({}),
    st.builds(lambda message: {"invalid": message}, st.text(max_size=3000)),
    st.builds(
        lambda kind, message, settling: {"error": kind(message), "settling": settling},
        st.sampled_from(kinds()),
        st.text(max_size=3000),
        st.booleans(),
    ),
    st.just("edit"),
)


@given(st.lists(found, min_size=1, max_size=10))
def test_every_status_on_the_way_fits_the_schema_and_the_conventions(history):
    looks = Looks()
    for step in history:
        if step == "edit":
            looks.generation += 1
            continue
        before = {condition.type: condition for condition in looks.status.conditions or ()}
        status = looks.look(**step)
        assert problems("status", dumped(status), "CXoneTenant") == []
        assert TenantStatus.model_validate(dumped(status)) == status
        types = [condition.type for condition in status.conditions]
        assert types in (["Ready"], ["Ready", "Reconciling"], ["Ready", "Stalled"])
        assert (looks["Ready"][0] == "True") is (types == ["Ready"])
        assert looks["Stalled"] is None or looks["Ready"][0] == "False"
        assert status.observed_generation == looks.generation
        for condition in status.conditions:
            assert condition.observed_generation == looks.generation
            was = before.get(condition.type)
            same = was is not None and was.status == condition.status
            assert condition.last_transition_time == (was.last_transition_time if same else looks.now)


@given(st.lists(found.filter(lambda step: step != "edit"), min_size=1, max_size=5))
def test_what_goes_on_for_long_changes_no_status_any_more(history):
    """A status is written on change alone."""
    looks = Looks()
    for step in history:
        looks.look(**step)
    for _ in range(FAILURES):
        looks.look(**history[-1])
    before = looks.status
    assert looks.look(**history[-1]) == before
