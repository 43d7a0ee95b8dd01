"""What must not be read by others: the passwords in a URI, and those that MLflow takes from the environment."""

from __future__ import annotations

import os
import re

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
    for name in VARIABLES:
        if value := os.environ.get(name):
            text = text.replace(value, HIDDEN)
    return text
