"""How old a shared reading may be, and by how much the intervals of a tenant grow where its budget is too small."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign_throttle.tenants import shared_age
from campaign_throttle.tenants.sharing import POLLS_SHARE, STRETCH_GRAIN, stretch

intervals = st.integers(1, 3600).map(lambda seconds: timedelta(seconds=seconds))
demands = st.lists(st.tuples(intervals, st.integers(1, 50)), max_size=20)
budgets = st.integers(1, 1000)
pages = st.integers(1, 100)


@given(st.integers(1, 3600))
def test_a_shared_count_is_two_seconds_or_a_fifth_of_an_interval_old_and_never_more_than_half(seconds):
    age = shared_age(timedelta(seconds=seconds)).total_seconds()
    assert age <= seconds / 2
    assert age == pytest.approx(min(seconds / 2, max(2, seconds / 5)))


@given(intervals, intervals)
def test_a_longer_interval_never_wants_a_younger_count(one, other):
    shorter, longer = sorted((one, other))
    assert shared_age(shorter) <= shared_age(longer)


@given(budgets, pages)
def test_a_tenant_without_throttles_stretches_nothing(budget, pages):
    assert stretch([], pages=pages, requests_per_second=budget) == 1


@given(demands, pages, budgets)
def test_intervals_are_never_shortened_and_grow_in_steps(demands, pages, budget):
    """Else each new throttle would change everybody's status."""
    factor = stretch(demands, pages=pages, requests_per_second=budget)
    assert factor >= 1
    assert (factor / STRETCH_GRAIN).is_integer()


@given(demands.filter(bool), pages, budgets)
def test_what_is_stretched_fits_the_budget(demands, pages, budget):
    """Polls that come at different times share a reading only within its age, so each age costs one."""
    factor = stretch(demands, pages=pages, requests_per_second=budget)
    if factor == 1:
        return
    shortest = min(interval for interval, _ in demands)
    polls = sum(requests / (interval.total_seconds() * factor) for interval, requests in demands)
    counting = pages / (shared_age(shortest).total_seconds() * factor)
    assert polls + counting <= budget * POLLS_SHARE * (1 + 1e-9)


@given(demands.filter(bool), pages, budgets)
def test_what_fits_is_not_stretched(demands, pages, budget):
    shortest = min(interval for interval, _ in demands).total_seconds()
    wanted = pages / shortest + sum(requests / interval.total_seconds() for interval, requests in demands)
    assert (stretch(demands, pages=pages, requests_per_second=budget) == 1) is (wanted <= budget * POLLS_SHARE)


@given(demands, st.tuples(intervals, st.integers(1, 50)), pages, budgets)
def test_another_throttle_never_speeds_up_the_others(demands, another, pages, budget):
    before = stretch(demands, pages=pages, requests_per_second=budget)
    assert stretch([*demands, another], pages=pages, requests_per_second=budget) >= before


@given(demands, pages, budgets)
def test_a_greater_budget_never_slows_anybody_down(demands, pages, budget):
    tight = stretch(demands, pages=pages, requests_per_second=budget)
    assert stretch(demands, pages=pages, requests_per_second=2 * budget) <= tight


def test_two_hundred_throttles_at_five_seconds_and_twenty_a_second_poll_about_every_twelve():
    demands = [(timedelta(seconds=5), 1)] * 200
    factor = stretch(demands, pages=1, requests_per_second=20)
    assert 11 < 5 * factor < 13
