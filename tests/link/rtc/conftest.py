"""Property tests here have no deadline of their own: on two busy cores it would measure the neighbours."""

from __future__ import annotations

from hypothesis import settings

# The same cases in every run: what fails, fails for everybody.
settings.register_profile("media", deadline=None, derandomize=True)
settings.load_profile("media")
