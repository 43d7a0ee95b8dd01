"""Where the time of a trial goes: its parts measured one by one, and what the whole of it adds up to."""

from harness.profiling.account import Part, Profile
from harness.profiling.measuring import profile
from harness.profiling.stepping import STEPS

__all__ = ["STEPS", "Part", "Profile", "profile"]
