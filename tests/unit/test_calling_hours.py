"""Calling hours by the clock on the wall, over midnight and over changes to and from summer time."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from campaign_throttle.policy import inside
from campaign_throttle.resources.behaviour import Schedule


def schedule(*windows, zone="America/New_York"):
    return Schedule.model_validate({"timeZone": zone, "outside": "Pause", "windows": list(windows)})


def window(days, start, end):
    return {"days": days.split(), "start": start, "end": end}


WORKDAYS = window("Mon Tue Wed Thu Fri", "09:00", "17:30")
LATE = window("Fri", "22:00", "02:00")
WHOLE_SUNDAY = window("Sun", "00:00", "24:00")


@pytest.mark.parametrize(
    ("windows", "local", "expected"),
    [
        ([WORKDAYS], "2026-11-24 08:59", False),
        ([WORKDAYS], "2026-11-24 09:00", True),
        ([WORKDAYS], "2026-11-24 17:29", True),
        ([WORKDAYS], "2026-11-24 17:30", False),
        ([WORKDAYS], "2026-11-28 12:00", False),  # a Saturday
        ([LATE], "2026-11-27 21:59", False),
        ([LATE], "2026-11-27 22:00", True),
        ([LATE], "2026-11-28 01:59", True),  # Saturday morning belongs to the Friday that it started on
        ([LATE], "2026-11-28 02:00", False),
        ([LATE], "2026-11-27 01:00", False),  # Friday morning doesn't
        ([WHOLE_SUNDAY], "2026-11-29 00:00", True),
        ([WHOLE_SUNDAY], "2026-11-29 23:59", True),
        ([WHOLE_SUNDAY], "2026-11-30 00:00", False),
        ([WORKDAYS, WHOLE_SUNDAY], "2026-11-29 12:00", True),
    ],
)
def test_a_window_belongs_to_the_day_it_starts_on(windows, local, expected):
    utc = datetime.fromisoformat(f"{local}+00:00")
    assert inside(schedule(*windows, zone="UTC"), utc) is expected


@pytest.mark.parametrize(
    ("utc", "expected"),
    [
        # 2026-11-01, 02:00 EDT becomes 01:00 EST: 01:30 comes twice, and is inside both times.
        ("2026-11-01 04:59", False),  # 00:59 EDT
        ("2026-11-01 05:30", True),  # 01:30 EDT
        ("2026-11-01 06:30", True),  # 01:30 EST
        ("2026-11-01 07:00", False),  # 02:00 EST
        # 2026-03-08, 02:00 EST becomes 03:00 EDT.
        ("2026-03-08 06:30", True),  # 01:30 EST
        ("2026-03-08 07:00", False),  # 03:00 EDT
    ],
)
def test_the_clock_on_the_wall_decides_when_it_is_changed(utc, expected):
    night = schedule(window("Sun", "01:00", "02:00"))
    assert inside(night, datetime.fromisoformat(f"{utc}+00:00")) is expected


def test_nine_in_the_morning_is_nine_in_summer_and_in_winter():
    morning = schedule(window("Mon Tue Wed Thu Fri", "09:00", "10:00"))
    assert inside(morning, datetime(2026, 7, 1, 13, 0, tzinfo=UTC))  # EDT
    assert not inside(morning, datetime(2026, 7, 1, 14, 0, tzinfo=UTC))
    assert inside(morning, datetime(2026, 12, 1, 14, 0, tzinfo=UTC))  # EST


def test_without_a_schedule_it_is_always_time():
    assert inside(None, datetime(2026, 11, 24, tzinfo=UTC))


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd", "", "America", "/UTC"])
def test_a_time_zone_that_does_not_exist_is_refused(zone):
    with pytest.raises(ValidationError, match=r"timeZone|time_zone|time zone"):
        schedule(WORKDAYS, zone=zone)
