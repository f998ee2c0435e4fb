"""Label selectors of namespaces, as Kubernetes has them in its own resources."""

from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field, model_validator

from campaign_throttle.resources.fields import Resource, cel, validated


class SelectorOperator(StrEnum):
    """How a label's value relates to the values of a requirement."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


class LabelSelectorRequirement(Resource):
    """A metav1.LabelSelectorRequirement."""

    key: str = Field(min_length=1, max_length=317, description="The label's key.")
    operator: SelectorOperator = Field(description="How the label's value relates to the values.")
    values: Annotated[list[Annotated[str, Field(max_length=63)]], Field(max_length=64)] | None = Field(
        default=None,
        description="Values for In and NotIn.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )

    #: As Kubernetes itself rules. NotIn without values would select every namespace.
    rules: ClassVar[list[dict[str, Any]]] = [
        cel(
            "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
            "values are needed with operator In and NotIn, and have no use with Exists and DoesNotExist",
        )
    ]
    model_config = ConfigDict(json_schema_extra=validated(*rules))

    @model_validator(mode="after")
    def _values_fit(self) -> "LabelSelectorRequirement":
        if (self.operator in (SelectorOperator.IN, SelectorOperator.NOT_IN)) is not bool(self.values):
            raise ValueError("values are needed with operator In and NotIn, and with no other")
        return self


class LabelSelector(Resource):
    """A metav1.LabelSelector; an empty one selects every namespace."""

    match_labels: Annotated[dict[str, Annotated[str, Field(max_length=63)]], Field(max_length=32)] | None = Field(
        default=None, description="Labels that a namespace must have."
    )
    match_expressions: Annotated[list[LabelSelectorRequirement], Field(max_length=32)] | None = Field(
        default=None,
        description="Requirements that a namespace's labels must meet, all of them.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )

    def matches(self, labels: dict[str, str]) -> bool:
        """Whether an object with these labels is selected, by the rules of metav1.LabelSelector."""
        return all(labels.get(key) == value for key, value in (self.match_labels or {}).items()) and all(
            _meets(requirement, labels.get(requirement.key)) for requirement in self.match_expressions or ()
        )


def _meets(requirement: LabelSelectorRequirement, value: str | None) -> bool:
    match requirement.operator:
        case SelectorOperator.IN:
            return value is not None and value in (requirement.values or ())
        case SelectorOperator.NOT_IN:
            return value is None or value not in (requirement.values or ())
        case SelectorOperator.EXISTS:
            return value is not None
        case SelectorOperator.DOES_NOT_EXIST:
            return value is None
