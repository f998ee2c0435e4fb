"""Answers of the tenant before they go out: plain data, so that a fault can still spoil them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

JSON_TYPE = "application/json"


@dataclass(frozen=True)
class Answer:
    """Status, body and headers of one answer; ``content_type`` None is for answers without a
    body.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str | None = JSON_TYPE

    def response(self) -> web.Response:
        """The answer for aiohttp."""
        headers = dict(self.headers)
        if self.content_type is not None:
            headers["Content-Type"] = self.content_type
        return web.Response(status=self.status, body=self.body, headers=headers)


def json_answer(status: int, document: Any, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer with a JSON body."""
    return Answer(status, json.dumps(document).encode(), headers or {})


def error_answer(
    status: int,
    error: str,
    description: str,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """An error in the shape that OAuth 2.0 and CXone's APIs share."""
    return json_answer(status, {"error": error, "error_description": description}, headers)


class Refused(Exception):
    """A request that gets an error answer; raised from wherever that becomes clear."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        super().__init__(answer.body.decode())
