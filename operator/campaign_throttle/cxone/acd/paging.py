"""Pages of the ACD API: ``skip`` and ``top``, ``totalRecords`` and ``_links.next``.

The link only says that there is more. The next request is made here, from the rows received, so that a link to
another host is never followed, and a server that lowers ``top`` doesn't leave a gap.
"""

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any

from campaign_throttle.cxone.acd.values import Row, count, optional_text, rows
from campaign_throttle.cxone.errors import InvalidResponse
from campaign_throttle.cxone.transport import Answer

TOP = 500
PAGES_MAXIMUM = 1_000


@dataclass(frozen=True)
class Page:
    """One page: its rows, how many there are in all, and whether another one follows."""

    rows: list[Row]
    total: int
    more: bool


def read_page(answer: Answer, name: str, what: str) -> Page:
    """A page of ``name``, called ``what`` in messages.

    Raises:
        InvalidResponse: it isn't one.
    """
    where = f"the page of {what}"
    if answer.status == 204:
        return Page([], 0, more=False)
    if answer.status != 200:
        raise InvalidResponse(
            f"there is no {what} at this API ({answer.status}): check the base URL and the API version"
        )
    found: dict[str, Any] = answer.json_object()
    links = found.get("_links")
    if links is not None and not isinstance(links, dict):
        raise InvalidResponse(f"{where} has no proper _links")
    return Page(
        rows=rows(found, name, where),
        total=count(found, "totalRecords", where),
        more=bool(optional_text(links or {}, "next", where)),
    )


@dataclass(frozen=True)
class Reading:
    """All rows of a list, each with the answer that it came in, and how many pages they were."""

    rows: list[tuple[Row, Answer]]
    pages: int


async def read_all(
    ask: Callable[[int, int], Awaitable[Answer]], name: str, what: str, key: Callable[[Row], Hashable]
) -> Reading:
    """Read a list to its end.

    Args:
        ask: requests the page that begins after so many rows (``skip``) and has so many at most (``top``).
        name: of the list in a page.
        what: the list is called in messages.
        key: what names a row, and is read with it.

    Raises:
        InvalidResponse: there are no data (204), or it isn't certain that all rows were seen.
        CXoneError: a page could not be read.
    """
    found: dict[Hashable, tuple[Row, Answer]] = {}
    total = 0
    for number in range(1, PAGES_MAXIMUM + 1):
        answer = await ask(len(found), TOP)
        if answer.status == 204 and number == 1:
            raise InvalidResponse(f"CXone has no data of the {what} (204): that is unknown, not zero")
        page = read_page(answer, name, what)
        for row in page.rows:
            name_of_row = key(row)
            if name_of_row in found:
                raise InvalidResponse(f"CXone repeats a row of the {what}, so others are missing: it is unknown")
            found[name_of_row] = row, answer
        if answer.status != 204:
            total = page.total
        if not page.rows or not page.more:
            if len(found) < total:
                raise InvalidResponse(f"CXone gave fewer rows of the {what} than it says there are: it is unknown")
            return Reading(list(found.values()), pages=number)
    raise InvalidResponse(f"CXone has more than {PAGES_MAXIMUM} pages of the {what}: it is unknown")
