"""Settings that Ray reads from the environment when it starts, each with the trap that it avoids.

Head, nodes and driver need the same ones; ``ray_cluster.yaml`` and its siblings in docs/cluster export what
:func:`exports` says, and a test holds them to it. As shell commands::

    eval "$(python -m ganbench.harness.cluster.environment)"
"""

from __future__ import annotations

import secrets
import shlex

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_USAGE_STATS_REPORT_URL": "http://127.0.0.1:9/",  # `ray start` posts one record even when disabled
    "RAY_DEDUP_LOGS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
"""Nothing reports to anyone."""

HEALTH = {
    # A node that was cut off would be noticed after a minute, and its trials given back after seven.
    "RAY_health_check_initial_delay_ms": "5000",
    "RAY_health_check_period_ms": "2000",
    "RAY_health_check_timeout_ms": "5000",
    "RAY_health_check_failure_threshold": "5",
    "RAY_grpc_client_keepalive_time_ms": "10000",
    "RAY_grpc_client_keepalive_timeout_ms": "5000",
    # Ray would restart a task that overflows its machine's memory for ever; how often, and with how much, is ours to say.
    "RAY_task_oom_retries": "0",
    # The head would remember every task: a third of a gigabyte after 76,000 of them.
    "RAY_task_events_max_num_task_in_gcs": "1000",
}
"""What a cluster is lost, and what it costs to notice; the same on head, nodes and driver."""

LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Without it a local Ray listens on every network interface."""


def exports() -> dict[str, str]:
    """Return what a cluster's start commands export."""
    return {**QUIET, **HEALTH, "RAY_AUTH_MODE": "token"}


def own_cluster() -> dict[str, str]:
    """Return the settings of a Ray that a sweep starts for itself: as a cluster's, but nobody else can reach it.

    The token is new each time and lives in the environment only: Ray would write a file that every user can read.
    """
    return {**exports(), **LOOPBACK, "RAY_AUTH_TOKEN": secrets.token_hex(32)}


def joined_cluster() -> dict[str, str]:
    """Return the settings of a driver that joins somebody's cluster; whether it asks for a token, its operator says."""
    return {**QUIET, **HEALTH}


def shell_commands() -> str:
    """Return :func:`exports` as commands of a POSIX shell, one a line."""
    return "\n".join(f"export {key}={shlex.quote(value)}" for key, value in exports().items())


if __name__ == "__main__":
    print(shell_commands())
