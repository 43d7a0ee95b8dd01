"""Where the time of a trial goes: its parts measured one by one, and what the whole of it adds up to."""

from ganbench.harness.profiling.account import Part, Profile
from ganbench.harness.profiling.measuring import profile
from ganbench.harness.profiling.stepping import STEPS

__all__ = ["STEPS", "Part", "Profile", "profile"]
