"""A scripted series of agent counts, from a CSV file or a scenario, replayed with the clock."""

import csv
from collections.abc import Generator
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, ValidationError, model_validator
from simpy import Environment, Event

from cxone_simulator.documents import Document, ScenarioError, problems_of
from cxone_simulator.model import MAXIMUM_AGENTS, AgentState, Tenant

Count = Annotated[int, Field(ge=0, le=MAXIMUM_AGENTS)]


class AgentCounts(Document):
    """How many agents are in which state; a state that is left out isn't touched."""

    available: Count | None = None
    busy: Count | None = None
    wrap_up: Count | None = Field(default=None, alias="wrap-up")
    offline: Count | None = None

    def by_state(self) -> dict[AgentState, int]:
        """The counts that were given."""
        given = {
            AgentState.AVAILABLE: self.available,
            AgentState.BUSY: self.busy,
            AgentState.WRAP_UP: self.wrap_up,
            AgentState.OFFLINE: self.offline,
        }
        return {state: number for state, number in given.items() if number is not None}

    @model_validator(mode="after")
    def _fits_into_a_tenant(self) -> Self:
        if sum(self.by_state().values()) > MAXIMUM_AGENTS:
            raise ValueError(f"a tenant holds at most {MAXIMUM_AGENTS} agents")
        return self


class SeriesRow(AgentCounts):
    """The counts from this second (since the series began) on; whoever isn't counted is offline."""

    second: float = Field(ge=0)
    available: Count
    busy: Count = 0
    wrap_up: Count = Field(default=0, alias="wrap-up")


class Series(Document):
    """Rows in order of time, or the CSV file that holds them
    (``second,available[,busy,wrap-up,offline]``).

    After the last row its counts stay; with ``repeatEvery`` (seconds) the series begins again.
    """

    rows: list[SeriesRow] | None = Field(default=None, max_length=1_000_000)
    csv: str | None = None
    repeat_every: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _one_source_in_order(self) -> Self:
        if (self.rows is None) == (self.csv is None):
            raise ValueError("give either rows or csv")
        seconds = [row.second for row in self.rows or ()]
        if any(later <= earlier for earlier, later in pairwise(seconds)):
            raise ValueError("each row's second must be later than the one before")
        if self.repeat_every is not None and seconds and self.repeat_every <= seconds[-1]:
            raise ValueError("repeatEvery must be later than the last row")
        return self

    def with_rows(self, folder: Path) -> "Series":
        """The same series with its CSV file (relative to ``folder``) read. Raises ScenarioError."""
        if self.csv is None:
            return self
        path = folder / self.csv
        try:
            return Series(rows=read_csv(path), repeat_every=self.repeat_every)
        except ValidationError as error:
            raise ScenarioError(path, problems_of(error)) from None


def read_csv(path: Path) -> list[SeriesRow]:
    """The rows of a CSV file with a header line. Raises ScenarioError, which names the file and the
    line.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            header = reader.fieldnames or []
            if not {"second", "available"} <= set(header):
                raise ScenarioError(path, ["the first line must name second and available"])
            rows: list[SeriesRow] = []
            for line in reader:
                try:
                    rows.append(
                        SeriesRow.model_validate(
                            {k: v for k, v in line.items() if v not in ("", None)},
                        )
                    )
                except ValidationError as error:
                    raise ScenarioError(
                        path,
                        [f"line {reader.line_num}: {problem}" for problem in problems_of(error)],
                    ) from None
            return rows
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ScenarioError(path, [f"can't be read: {error}"]) from error


def replay(series: Series, tenant: Tenant, env: Environment) -> Generator[Event, None, None]:
    """A SimPy process that sets the tenant's counts row by row, from now on."""
    begins = env.now
    while series.rows:
        for row in series.rows:
            yield env.timeout(max(0.0, begins + row.second - env.now))
            tenant.set_counts(row.by_state())
        if series.repeat_every is None:
            return
        begins += series.repeat_every
