"""What must not be read by others: the passwords in a URI, and those that MLflow takes from the environment."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator

VARIABLES = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "PGPASSWORD")

HIDDEN = "…"


def public(text: str) -> str:
    """Return a text, a URI or what is said of one, without passwords.

    Hidden are a URI's user and password, values of its query whose key speaks of a secret, and the values of
    :data:`VARIABLES` wherever they occur.
    """
    # Up to the last @ before a slash: people forget to quote one that is in their password.
    text = re.sub(r"(?<=://)[^/\s]*@", f"{HIDDEN}@", text)
    text = re.sub(r"(?i)([?&][\w.-]*(?:pass|pwd|token|secret|key)[\w.-]*=)[^&\s]*", rf"\1{HIDDEN}", text)
    for secret in _secrets():
        text = text.replace(secret, HIDDEN)
    return text


def _secrets() -> Iterator[str]:
    user = os.environ.get("MLFLOW_TRACKING_USERNAME", "")
    for name in VARIABLES:
        if value := os.environ.get(name):
            # As a server may quote it: user and password are sent together.
            yield base64.b64encode(f"{user}:{value}".encode()).decode()
            yield value
