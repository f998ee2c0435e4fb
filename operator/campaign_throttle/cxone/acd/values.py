"""Single values of an ACD answer, read with suspicion: a wrong type makes the whole answer unbelievable."""

from collections.abc import Mapping
from typing import Any

from campaign_throttle.cxone.errors import InvalidResponse

#: IDs in CXone's ACD API are int32.
ID_MAXIMUM = 2**31 - 1
#: Ten times the agents of the largest contact centres that NICE speaks of: a count above is a mistake.
COUNT_MAXIMUM = 1_000_000

Row = Mapping[str, Any]


def whole(row: Row, field: str, where: str, *, least: int, most: int) -> int:
    """A whole number within bounds; ``where`` names the row in the message.

    Raises:
        InvalidResponse: it is missing, of another type (``true`` and 3.0 are), or out of bounds.
    """
    value = row.get(field)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise InvalidResponse(f"{where} has no proper {field}")
    return value


def identifier(row: Row, field: str, where: str) -> int:
    """An ID; see :func:`whole`."""
    return whole(row, field, where, least=1, most=ID_MAXIMUM)


def count(row: Row, field: str, where: str) -> int:
    """A number of something; see :func:`whole`."""
    return whole(row, field, where, least=0, most=COUNT_MAXIMUM)


def flag(row: Row, field: str, where: str) -> bool:
    """A boolean.

    Raises:
        InvalidResponse: it is missing or of another type.
    """
    value = row.get(field)
    if not isinstance(value, bool):
        raise InvalidResponse(f"{where} has no proper {field}")
    return value


def optional_text(row: Row, field: str, where: str) -> str | None:
    """A text, or None where there is none.

    Raises:
        InvalidResponse: it is of another type.
    """
    value = row.get(field)
    if value is not None and not isinstance(value, str):
        raise InvalidResponse(f"{where} has no proper {field}")
    return value


def rows(answer: Row, field: str, where: str) -> list[Row]:
    """A list of objects.

    Raises:
        InvalidResponse: it is missing, or no list, or holds something else.
    """
    found = answer.get(field)
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise InvalidResponse(f"{where} has no proper {field}")
    return found
