"""The CRD as it is printed: up to date, structural, bounded, described."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign_throttle.resources.crds import custom_resource_definitions, render
from campaign_throttle.resources.fields import DURATION_MAX_LENGTH, format_duration, parse_duration

CRDS = Path(__file__).parents[2] / "crds/campaignthrottles.yaml"
#: What a structural schema may not have, or what the models would only say by mistake.
FOREIGN = {"$ref", "$defs", "title", "anyOf", "oneOf", "allOf", "not", "const", "nullable", "examples"} | {
    "exclusiveMinimum",
    "exclusiveMaximum",
    "x-kubernetes-preserve-unknown-fields",
}


def schemas() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema below the spec and the status of every kind, with its path."""
    for definition in custom_resource_definitions():
        kind = definition["spec"]["names"]["kind"]
        for version in definition["spec"]["versions"]:
            for part in ("spec", "status"):
                schema = version["schema"]["openAPIV3Schema"]["properties"][part]
                yield from below(f"{kind}.{part}", schema)


def below(path: str, schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from below(f"{path}.{name}", child)
    for part, name in (("items", "[]"), ("additionalProperties", "{}")):
        if part in schema:
            yield from below(path + name, schema[part])


SCHEMAS = dict(schemas())


def of_type(type_: str) -> dict[str, dict[str, Any]]:
    return {path: schema for path, schema in SCHEMAS.items() if schema.get("type") == type_}


def test_the_crds_in_the_tree_are_what_the_models_say() -> None:
    assert CRDS.read_text() == render(), "crds/campaignthrottles.yaml is not up to date: run `make generate`"


def test_the_schemas_that_are_looked_at_are_there() -> None:
    """Else the tests below would pass on nothing."""
    assert {
        "CampaignThrottle.spec.campaignID",
        "CampaignThrottle.status.conditions[].message",
        "CXoneTenant.spec.acd.tenantID",
        "ClusterCXoneTenant.spec.allowedNamespaces.selector.matchLabels{}",
    } < SCHEMAS.keys()
    assert all(of_type(type_) for type_ in ("string", "integer", "boolean", "array", "object"))


def test_schemas_are_structural() -> None:
    assert {
        path: sorted(FOREIGN & schema.keys()) for path, schema in SCHEMAS.items() if FOREIGN & schema.keys()
    } == {}
    assert [path for path, schema in SCHEMAS.items() if not isinstance(schema.get("type"), str)] == []
    assert [path for path, schema in SCHEMAS.items() if schema.get("default", 0) is None] == []


def test_every_string_has_a_greatest_length() -> None:
    strings = of_type("string").items()
    bounded = ("maxLength", "enum", "format")
    assert [path for path, schema in strings if not any(key in schema for key in bounded)] == []
    assert {schema["format"] for _, schema in strings if "format" in schema} <= {"date-time"}


def test_every_integer_has_bounds() -> None:
    integers = of_type("integer").items()
    assert [path for path, schema in integers if not {"minimum", "maximum"} <= schema.keys()] == []
    # The API server keeps bounds as floating-point numbers.
    assert [path for path, schema in integers if abs(schema["maximum"]) > 2**53] == []


def test_no_number_has_a_fraction() -> None:
    """The API conventions advise against floating-point numbers."""
    assert of_type("number") == {}


def test_every_list_has_a_greatest_length_and_a_type() -> None:
    lists = of_type("array").items()
    assert [path for path, schema in lists if "maxItems" not in schema] == []
    assert [
        path for path, schema in lists if schema.get("x-kubernetes-list-type") not in ("atomic", "set", "map")
    ] == []


def test_every_list_map_has_keys_that_are_always_there() -> None:
    maps = {path: schema for path, schema in SCHEMAS.items() if schema.get("x-kubernetes-list-type") == "map"}
    assert {path: schema["x-kubernetes-list-map-keys"] for path, schema in maps.items()} == {
        "CampaignThrottle.status.conditions": ["type"],
        "CampaignThrottle.status.skills": ["id"],
        "CXoneTenant.status.conditions": ["type"],
        "ClusterCXoneTenant.status.conditions": ["type"],
    }
    for path, schema in maps.items():
        assert set(schema["x-kubernetes-list-map-keys"]) <= set(schema["items"]["required"]), path


def test_every_object_lists_its_fields() -> None:
    """Labels excepted, whose names are others'."""
    assert [path for path, schema in of_type("object").items() if not schema.get("properties")] == [
        "ClusterCXoneTenant.spec.allowedNamespaces.selector.matchLabels"
    ]


def test_every_field_is_described_in_sentences() -> None:
    described = {
        path: schema.get("description", "") for path, schema in SCHEMAS.items() if not path.endswith(("[]", "{}"))
    }
    assert [path for path, text in described.items() if not text.endswith(".") or "\n" in text] == []


def test_every_rule_has_a_message_of_its_own() -> None:
    rules = [rule for schema in SCHEMAS.values() for rule in schema.get("x-kubernetes-validations", ())]
    assert rules
    assert [rule for rule in rules if not rule.get("message") or rule["message"] == rule["rule"]] == []
    # With string() it costs more than the API server grants to a whole CRD.
    assert [rule for rule in rules if "messageExpression" in rule] == []


@pytest.mark.parametrize("definition", custom_resource_definitions(), ids=lambda crd: str(crd["metadata"]["name"]))
def test_every_kind_is_unseen_until_the_operator_says_otherwise(definition: dict[str, Any]) -> None:
    [version] = definition["spec"]["versions"]
    status = version["schema"]["openAPIV3Schema"]["properties"]["status"]
    assert status["default"] == {"observedGeneration": -1}
    assert status["properties"]["observedGeneration"]["default"] == -1
    assert version["subresources"] == {"status": {}}
    assert definition["spec"]["names"]["categories"] == ["campaigns"]


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(hours=24)))
def test_a_duration_that_is_written_can_be_read_again(duration: timedelta) -> None:
    text = format_duration(duration)
    assert len(text) <= DURATION_MAX_LENGTH
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(0), "0s"),
        (timedelta(milliseconds=500), "0.5s"),
        (timedelta(seconds=30), "30s"),
        (timedelta(seconds=90), "1m30s"),
        (timedelta(minutes=59, seconds=59.999999), "59m59.999999s"),
        (timedelta(hours=1), "1h"),
        (timedelta(hours=24), "24h"),
    ],
)
def test_durations_are_written_as_kubernetes_writes_them(duration: timedelta, text: str) -> None:
    assert format_duration(duration) == text


@pytest.mark.parametrize(
    "value", ["1d", "2w", "0.01d", "1000000us", "+30s", "-5s", "30", "", "30s\n", ".5m", 30, 1.5, None]
)
def test_a_duration_that_the_crd_refuses_is_refused_by_the_operator(value: object) -> None:
    with pytest.raises(ValueError, match="is not a duration such as 30s, 1m30s or 1h"):
        parse_duration(value)
