"""The control API under ``/_sim/``: how tests and people change the tenant behind its clients'
backs.

It takes and gives JSON. Whoever reaches it can do anything to the simulation.
"""

from collections.abc import Sequence

from cxone_simulator.control_acd import AcdControl
from cxone_simulator.control_bodies import Route
from cxone_simulator.control_tenant import TenantControl
from cxone_simulator.control_traffic import TrafficControl
from cxone_simulator.simulation import Simulation

#: Where all its paths begin; none of the tenant's does.
PREFIX = "/_sim/"


def control_routes(simulation: Simulation) -> Sequence[Route]:
    """All routes of the control API."""
    return (
        *TenantControl(simulation).routes(),
        *AcdControl(simulation).routes(),
        *TrafficControl(simulation).routes(),
    )
