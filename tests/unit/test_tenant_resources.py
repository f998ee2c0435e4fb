"""Tenants as resources: what fits a throttle, which tenants are the same, and whom a selector selects."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from campaign_throttle.resources.misfit import misfit
from campaign_throttle.resources.selectors import LabelSelector
from campaign_throttle.resources.tenant import Api
from campaign_throttle.resources.throttle import CampaignThrottleSpec
from unit.declared_tenants import TENANT_ID, acd_spec, campaigns_spec

URL = "https://api.nicecxone.com"
BY_STATE = {"source": "AgentStates"}


def throttle(campaign="4711", **spec):
    return CampaignThrottleSpec.model_validate({"campaignID": campaign} | spec)


@pytest.mark.parametrize(
    ("api", "spec", "field"),
    [
        (Api.CAMPAIGNS, {}, None),
        (Api.CAMPAIGNS, {"campaignID": "spring:2026"}, None),
        (Api.CAMPAIGNS, {"agents": {"states": ["available", "busy"]}}, None),
        (Api.CAMPAIGNS, {"skillIDs": [101]}, "spec.skillIDs"),
        (Api.CAMPAIGNS, {"agents": BY_STATE}, "spec.agents.source"),
        (Api.CAMPAIGNS, {"agents": {"counter": "agentsIdle"}}, "spec.agents.counter"),
        (Api.CAMPAIGNS, {"agents": {"stateIDs": [7]}}, "spec.agents.stateIDs"),
        (Api.CAMPAIGNS, {"agents": {"teamIDs": [3]}}, "spec.agents.teamIDs"),
        (Api.ACD, {}, None),
        (Api.ACD, {"skillIDs": [101]}, None),
        (Api.ACD, {"agents": {"counter": "agentsIdle"}}, None),
        (Api.ACD, {"agents": BY_STATE | {"stateIDs": [1, 7], "teamIDs": [3]}}, None),
        (Api.ACD, {"agents": {"states": ["busy"]}}, "spec.agents.states"),
        (Api.ACD, {"agents": {"stateIDs": [7]}}, "spec.agents.stateIDs"),
        (Api.ACD, {"agents": {"teamIDs": [3]}}, "spec.agents.teamIDs"),
        (Api.ACD, {"agents": BY_STATE | {"counter": "agentsIdle"}}, "spec.agents.counter"),
        (Api.ACD, {"campaignID": "cmp-1"}, "spec.campaignID"),
        (Api.ACD, {"campaignID": "0"}, "spec.campaignID"),
        (Api.ACD, {"campaignID": "04711"}, "spec.campaignID"),
        (Api.ACD, {"campaignID": "47.11"}, "spec.campaignID"),
        (Api.ACD, {"campaignID": "12345678901"}, "spec.campaignID"),
    ],
)
def test_a_field_that_the_api_has_no_use_for_is_named_if_it_was_set(api, spec, field):
    message = misfit(api, throttle(**spec) if "campaignID" not in spec else throttle(spec["campaignID"]))
    if field is None:
        assert message is None
    else:
        assert message.startswith(f"{field}: ")


@pytest.mark.parametrize("api", Api)
def test_defaults_that_are_written_out_fit_every_api(api):
    """The API server writes them into each object."""
    written = {
        "states": ["available"],
        "source": "SkillActivity",
        "counter": "agentsAvailable",
        "stateIDs": [1],
    }
    assert misfit(api, throttle(agents=written)) is None


# Which tenant of CXone


@pytest.mark.parametrize(
    "other",
    [
        "https://api.nicecxone.com/",
        "https://API.NICECXONE.COM",
        "https://api.nicecxone.com:443",
        "https://api.nicecxone.com:443/",
        "https://api.nicecxone.com.",
    ],
)
def test_an_address_that_is_written_otherwise_is_the_same_tenant(other):
    assert campaigns_spec(other).digest == campaigns_spec(URL).digest


@pytest.mark.parametrize(
    "other",
    [
        "http://api.nicecxone.com",
        "https://api.nicecxone.com:8443",
        "https://api.nicecxone.com/eu",
        "https://api2.nicecxone.com",
    ],
)
def test_another_address_is_another_tenant(other):
    assert campaigns_spec(other).digest != campaigns_spec(URL).digest


def test_an_acd_tenant_is_its_id_wherever_it_is_reached():
    upper = {"tenantID": TENANT_ID.upper(), "issuer": "https://cxone-gov.niceincontact.com"}
    assert acd_spec(URL).digest == acd_spec(URL, acd=upper, baseURL=URL).digest
    assert acd_spec(URL).digest != campaigns_spec(URL).digest


def test_credentials_and_limits_do_not_make_another_tenant():
    other = campaigns_spec(URL, credentialsSecretRef={"name": "new"}, rateLimit={"requestsPerSecond": 5})
    assert other.digest == campaigns_spec(URL).digest


@given(st.text("https:/.[]@%0-9a\\", max_size=30).map("https://a".__add__))
@example("https://a]")
@example("https://a:99999")
def test_whatever_passes_as_an_address_has_an_identity(url):
    try:
        spec = campaigns_spec(url)
    except ValidationError:
        return
    assert len(spec.digest) == 32


# Whom a selector selects


def selects(labels, **selector):
    return LabelSelector.model_validate(selector).matches(labels)


def needs(key, operator, *values):
    return {
        "matchExpressions": [{"key": key, "operator": operator} | ({"values": list(values)} if values else {})]
    }


@pytest.mark.parametrize(
    ("selector", "labels", "selected"),
    [
        ({}, {}, True),
        ({}, {"team": "a"}, True),
        ({"matchLabels": {"team": "a"}}, {"team": "a", "x": "y"}, True),
        ({"matchLabels": {"team": "a"}}, {"team": "b"}, False),
        ({"matchLabels": {"team": "a"}}, {}, False),
        ({"matchLabels": {"team": ""}}, {}, False),
        ({"matchLabels": {"team": ""}}, {"team": ""}, True),
        (needs("team", "In", "a", "b"), {"team": "b"}, True),
        (needs("team", "In", "a", "b"), {"team": "c"}, False),
        (needs("team", "In", "a"), {}, False),
        (needs("team", "NotIn", "a"), {"team": "b"}, True),
        (needs("team", "NotIn", "a"), {"team": "a"}, False),
        (needs("team", "NotIn", "a"), {}, True),
        (needs("team", "Exists"), {"team": ""}, True),
        (needs("team", "Exists"), {}, False),
        (needs("team", "DoesNotExist"), {}, True),
        (needs("team", "DoesNotExist"), {"team": ""}, False),
        ({"matchLabels": {"a": "1"}} | needs("b", "Exists"), {"a": "1"}, False),
        ({"matchLabels": {"a": "1"}} | needs("b", "Exists"), {"a": "1", "b": ""}, True),
    ],
)
def test_a_selector_selects_as_kubernetes_would(selector, labels, selected):
    """metav1.LabelSelector: all of its requirements must be met; an empty one is met by everything."""
    assert selects(labels, **selector) is selected


@pytest.mark.parametrize(
    ("operator", "values"), [("In", []), ("NotIn", []), ("Exists", ["a"]), ("DoesNotExist", ["a"])]
)
def test_a_requirement_that_kubernetes_would_refuse_is_refused(operator, values):
    """NotIn without values would select every namespace."""
    with pytest.raises(ValidationError):
        LabelSelector.model_validate(needs("team", operator, *values))
