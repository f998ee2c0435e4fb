"""How the operator is watched: metrics, logs, health."""
