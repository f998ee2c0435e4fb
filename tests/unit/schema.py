"""A validator for the part of OpenAPI that our CRD uses, so that a status can be checked without an API server."""

import re
from datetime import datetime

from campaign_throttle.resources.crds import custom_resource_definitions

_KNOWN = {
    "type",
    "properties",
    "required",
    "items",
    "enum",
    "default",
    "description",
    "format",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "const",
}
_TYPES = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool, "number": (int, float)}


def problems(part, value, kind="CampaignThrottle"):
    """What an API server would refuse, and what it would silently drop, in the ``spec`` or ``status``."""
    [definition] = [found for found in custom_resource_definitions() if found["spec"]["names"]["kind"] == kind]
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return list(_problems(schema["properties"][part], value, part))


def _problems(schema, value, place):
    unknown = {key for key in schema if key not in _KNOWN and not key.startswith("x-kubernetes-")}
    assert not unknown, f"teach this validator {unknown}"
    if "type" in schema and (
        not isinstance(value, _TYPES[schema["type"]]) or (isinstance(value, bool) and schema["type"] != "boolean")
    ):
        yield f"{place} is not of type {schema['type']}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{place}: {value!r} is not in {schema['enum']}"
    if isinstance(value, str):
        yield from _problems_of_text(schema, value, place)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
            yield f"{place}: {value} is out of bounds"
    elif isinstance(value, list):
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            yield f"{place} has {len(value)} items"
        keys = schema.get("x-kubernetes-list-map-keys")
        if keys and len({tuple(item[key] for key in keys) for item in value}) < len(value):
            yield f"{place} holds one {keys} twice"
        for number, item in enumerate(value):
            yield from _problems(schema["items"], item, f"{place}[{number}]")
    elif isinstance(value, dict):
        for name in schema.get("required", ()):
            if name not in value:
                yield f"{place}.{name} is missing"
        for name, child in value.items():
            if name in schema["properties"]:
                yield from _problems(schema["properties"][name], child, f"{place}.{name}")
            else:
                yield f"{place}.{name} would be dropped"


def _problems_of_text(schema, value, place):
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        yield f"{place} has {len(value)} characters"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{place}: {value!r} does not match"
    if schema.get("format") == "date-time":
        try:
            assert datetime.fromisoformat(value).tzinfo
        except (ValueError, AssertionError):
            yield f"{place}: {value!r} is no time"
    try:
        value.encode()
    except UnicodeEncodeError:
        yield f"{place} is not UTF-8"
