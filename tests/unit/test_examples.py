"""The manifests of docs/examples, and the values that the reference shows, are what the models take."""

from pathlib import Path

import pytest
import yaml

from campaign_throttle import status
from campaign_throttle.resources import API_VERSION
from campaign_throttle.resources.throttle import KIND, CampaignThrottleSpec
from campaign_throttle.resources.throttle_status import CampaignThrottleStatus
from unit.schema import problems

DOCS = Path(__file__).parents[2] / "docs"
MANIFESTS = sorted((DOCS / "examples").glob("*.yaml"))
VALUES = yaml.safe_load((DOCS / "reference/examples.yaml").read_text())


def test_there_are_examples():
    """Else the tests below would pass on nothing."""
    assert len(MANIFESTS) >= 4
    assert len(VALUES["spec"]) >= 14


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_an_example_is_a_throttle_that_both_sides_take(path):
    text = path.read_text()
    manifest = yaml.safe_load(text)
    assert text.startswith("# "), "an example says first what it is for"
    assert (manifest["apiVersion"], manifest["kind"]) == (API_VERSION, KIND)
    assert problems("spec", manifest["spec"]) == []
    CampaignThrottleSpec.model_validate(manifest["spec"])


def test_the_example_of_a_whole_spec_in_the_reference_is_valid():
    assert problems("spec", VALUES["spec"]) == []
    assert CampaignThrottleSpec.model_validate(VALUES["spec"]).model_fields_set == set(
        CampaignThrottleSpec.model_fields
    )


@pytest.mark.parametrize("field", VALUES["spec"])
def test_each_example_of_a_spec_field_in_the_reference_is_valid_alone(field):
    spec = {"campaignID": "cmp-1"} | {field: VALUES["spec"][field]}
    assert problems("spec", spec) == []
    CampaignThrottleSpec.model_validate(spec)


@pytest.mark.parametrize("example", VALUES["statuses"])
def test_each_example_of_a_status_in_the_reference_is_valid(example):
    assert problems("status", example) == []
    assert status.dump(CampaignThrottleStatus.model_validate(example)) == {"observedGeneration": -1} | example
