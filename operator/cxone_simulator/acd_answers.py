"""Shapes that all answers of the ACD API share: errors, pages, chosen fields."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any

from yarl import URL

from cxone_simulator.answers import Answer, Refused, json_answer

#: A larger ``top`` is lowered to this (ours; NICE names no limit).
MAXIMUM_TOP = 1000


@dataclass(frozen=True)
class Page:
    """Which rows were asked for: at most ``top`` from ``skip`` on."""

    skip: int
    top: int


def refusal(
    status: int,
    error: str,
    description: str,
    headers: Mapping[str, str] | None = None,
    *,
    body: bool = True,
) -> Answer:
    """An error: ``{error, error_description}``, in matters of sign-in ``{error, errorDescription}``,
    and the header ``icStatusDescription``; or that header alone.
    """
    all_headers = {"icStatusDescription": description, **(headers or {})}
    if not body:
        return Answer(status, headers=all_headers, content_type=None)
    key = "errorDescription" if status in (401, 403) else "error_description"
    return json_answer(status, {"error": error, key: description}, all_headers)


def asked_page(query: Mapping[str, str], cap: int | None) -> Page:
    """The page that a query asks for; ``top`` may be lowered by the server. Raises Refused."""
    top = min(_number(query, "top", MAXIMUM_TOP, least=1), MAXIMUM_TOP)
    return Page(_number(query, "skip", 0, least=0), top if cap is None else min(top, cap))


def page_document(
    base: str,
    asked: URL,
    page: Page,
    rows: str,
    found: Sequence[Mapping[str, Any]],
    *,
    total: int,
    now: float,
) -> dict[str, object]:
    """One page of an answer, with links that lead to ``base``.

    The link to the next page is there only if there is more.
    """
    links = {"self": f"{base}{asked}"}
    reached = page.skip + len(found)
    if reached < total:
        links["next"] = f"{base}{asked.update_query(skip=reached, top=page.top)}"
    return {
        "totalRecords": total,
        "_links": links,
        "lastPollTime": timestamp(now),
        rows: found,
    }


def asked_fields(query: Mapping[str, str]) -> frozenset[str] | None:
    """The names in ``fields``; None if there are none. Names that no row has are ignored."""
    names = frozenset(name.strip() for name in query.get("fields", "").split(",")) - {""}
    return names or None


def timestamp(seconds: float) -> str:
    """Wall-clock seconds since 1970 as NICE writes them: ISO 8601, UTC, to the millisecond."""
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def dated(answer: Answer, now: float) -> Answer:
    """The answer with a ``Date`` header of the simulator's own clock, which ``serverTime`` goes by."""
    return Answer(
        answer.status,
        answer.body,
        {**answer.headers, "Date": formatdate(now, usegmt=True)},
        answer.content_type,
    )


def _number(query: Mapping[str, str], name: str, default: int, *, least: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if text.isascii() and text.isdigit() and len(text) <= 9 and int(text) >= least:
        return int(text)
    raise Refused(refusal(400, "InvalidRequest", f"{name}: must be a number from {least} on"))
