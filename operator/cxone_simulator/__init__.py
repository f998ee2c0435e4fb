"""A CXone tenant in a box: for tests, demos, load tests and people without a tenant.

It imports nothing of the operator, nor the other way round, so that neither can hide a shared
mistake.
"""

from cxone_simulator.documents import ScenarioError
from cxone_simulator.scenario import Scenario
from cxone_simulator.server import Simulator

__all__ = ["Scenario", "ScenarioError", "Simulator"]
