"""Faults as they arrive at the client: broken bodies, streams without end, connections that die."""

import asyncio
import json
import socket
import struct
from collections.abc import Callable, Collection
from typing import Any

from aiohttp import web

from cxone_simulator.answers import JSON_TYPE, Answer, error_answer
from cxone_simulator.faults import (
    ActiveFault,
    Body,
    ContentLength,
    Drip,
    Empty,
    Enormous,
    Hang,
    Html,
    MissingFields,
    Redirect,
    Reset,
    StatusFault,
    Truncated,
    WrongTypes,
)

CHUNK = b"a" * 65_536
#: A drip sends at most so many times a second; faster ones send several bytes at once.
DRIPS_PER_SECOND = 100.0

_HTML = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Sign in.</body></html>"


class NoAnswer(web.Response):
    """Stands for an answer that was never sent: the connection is gone."""


async def strike(
    request: web.Request,
    fault: ActiveFault,
    answer: Answer | None,
) -> web.StreamResponse | None:
    """Let a fault (any but latency) happen to a request.

    ``answer`` is the real one if there is one already. Returns what was or is to be sent, or None
    if the request goes on as if nothing had been.
    """
    rule = fault.rule
    if isinstance(rule, Hang):
        return None if await fault.wait(rule.seconds) else cut(request)
    if isinstance(rule, Reset):
        return reset(request)
    if isinstance(rule, Enormous):
        return await _enormous(request, rule)
    if answer is not None and isinstance(rule, Truncated):
        return await _truncated(request, rule, answer)
    if answer is not None and isinstance(rule, Drip):
        return await _drip(request, fault, rule, answer)
    return _replaced(fault, answer).response()


def _replaced(fault: ActiveFault, answer: Answer | None) -> Answer:
    replaced: Answer
    match fault.rule:
        case StatusFault(code=code, retry_after=retry_after):
            headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
            if code in (204, 304):
                replaced = Answer(code, headers=headers, content_type=None)
            else:
                replaced = error_answer(
                    code,
                    "simulated_fault",
                    f"{fault.id} answers {code}",
                    headers,
                )
        case Html():
            replaced = Answer(200, _HTML, content_type="text/html")
        case Empty():
            replaced = Answer(204, content_type=None)
        case Redirect(code=code, location=location):
            replaced = Answer(code, headers={"Location": location}, content_type=None)
        case Body(status=status, content_type=content_type, text=text):
            replaced = Answer(status, text.encode(), content_type=content_type)
        case WrongTypes(fields=fields) if answer is not None:
            replaced = _rewritten(answer, lambda document: _with_wrong_types(document, fields))
        case MissingFields(fields=fields) if answer is not None:
            replaced = _rewritten(answer, lambda document: _without_fields(document, fields))
        case rule:
            raise TypeError(f"a fault of kind {rule.kind} needs an answer")
    return replaced


def reset(request: web.Request) -> NoAnswer:
    """End the connection with a TCP RST."""
    transport = request.transport
    if transport is not None:
        connection = transport.get_extra_info("socket")
        if connection is not None:
            # A socket that lingers for 0 s sends RST instead of FIN.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return NoAnswer()


def cut(request: web.Request) -> NoAnswer:
    """End the connection after what was sent so far."""
    if request.transport is not None:
        request.transport.close()
    return NoAnswer()


async def _truncated(request: web.Request, rule: Truncated, answer: Answer) -> web.StreamResponse:
    half = answer.body[: len(answer.body) // 2]
    if rule.content_length is ContentLength.RIGHT:
        return Answer(answer.status, half, answer.headers).response()
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_type = JSON_TYPE
    if rule.content_length is ContentLength.WRONG:
        response.content_length = len(answer.body)
    else:
        response.enable_chunked_encoding()
    await response.prepare(request)
    await response.write(half)
    cut(request)
    return response


async def _enormous(request: web.Request, rule: Enormous) -> web.StreamResponse:
    start, end = b'{"items": [], "filler": "', b'"}'
    response = web.StreamResponse()
    response.content_type = JSON_TYPE
    if rule.announced:
        response.content_length = rule.bytes
    await response.prepare(request)
    await response.write(start)
    left = rule.bytes - len(start) - len(end)
    while left > 0:
        await response.write(CHUNK[:left])
        left -= len(CHUNK)
        # A client that reads as fast as we write would otherwise keep all others waiting.
        await asyncio.sleep(0)
    await response.write(end)
    await response.write_eof()
    return response


async def _drip(
    request: web.Request,
    fault: ActiveFault,
    rule: Drip,
    answer: Answer,
) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_type = answer.content_type or JSON_TYPE
    response.content_length = len(answer.body)
    await response.prepare(request)
    at_once = max(1, round(rule.bytes_per_second / DRIPS_PER_SECOND))
    for start in range(0, len(answer.body), at_once):
        await response.write(answer.body[start : start + at_once])
        await fault.wait(at_once / rule.bytes_per_second)
    await response.write_eof()
    return response


def _rewritten(answer: Answer, rewrite: Callable[[Any], Any]) -> Answer:
    if not answer.body or answer.content_type != JSON_TYPE:
        return answer
    body = json.dumps(rewrite(json.loads(answer.body))).encode()
    return Answer(answer.status, body, answer.headers)


def _innermost(value: object) -> bool:
    return not isinstance(value, dict | list)


def _with_wrong_types(document: Any, fields: Collection[str] | None) -> Any:
    if isinstance(document, list):
        return [_with_wrong_types(item, fields) for item in document]
    if not isinstance(document, dict):
        return document
    return {
        key: _wrong(value)
        if (key in fields if fields is not None else _innermost(value))
        else _with_wrong_types(value, fields)
        for key, value in document.items()
    }


def _wrong(value: object) -> object:
    """A value of a type that nobody could take for the right one: a list for a scalar, a text for
    the rest.
    """
    return [value] if _innermost(value) else "neither a list nor an object"


def _without_fields(document: Any, fields: Collection[str] | None) -> Any:
    if isinstance(document, list):
        return [_without_fields(item, fields) for item in document]
    if not isinstance(document, dict):
        return document
    return {
        key: _without_fields(value, fields)
        for key, value in document.items()
        if not (key in fields if fields is not None else _innermost(value))
    }
