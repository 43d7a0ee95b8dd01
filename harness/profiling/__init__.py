"""Where the time of a trial goes: its parts measured one by one, and what the whole of it adds up to."""

from harness.profiling.account import Part, Profile
from harness.profiling.measuring import STEPS, profile

__all__ = ["STEPS", "Part", "Profile", "profile"]
