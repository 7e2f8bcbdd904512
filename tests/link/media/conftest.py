"""Property tests here have no deadline of their own: on two busy cores it would measure the neighbours."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("media", deadline=None)
settings.load_profile("media")
