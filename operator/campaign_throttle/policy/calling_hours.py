"""Calling hours: by the wall clock of the people who are called."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from campaign_throttle.resources.behaviour import Schedule, Weekday, Window

_DAYS = tuple(Weekday)


def inside(schedule: Schedule | None, now: datetime) -> bool:
    """Whether campaigns may call now; always, without a schedule.

    What counts is what a clock on the wall shows: an hour that a change to winter time brings twice is inside both
    times or neither, one that a change to summer time leaves out is never.
    """
    if schedule is None:
        return True
    local = now.astimezone(ZoneInfo(schedule.time_zone))
    return any(_covers(window, local) for window in schedule.windows)


def _covers(window: Window, local: datetime) -> bool:
    start, end = window.minutes
    minute = local.hour * 60 + local.minute
    starts_today = _DAYS[local.weekday()] in window.days
    if start < end:
        return starts_today and start <= minute < end
    started_yesterday = _DAYS[(local - timedelta(days=1)).weekday()] in window.days
    return (starts_today and minute >= start) or (started_yesterday and minute < end)
