"""Calls: where sessions live. One task and one bounded inbox for each room; nothing else changes a session.

* :mod:`server.calls.room` runs one session; :mod:`server.calls.session_media` holds its legs,
  :mod:`server.calls.session_recording` its recording, :mod:`server.calls.session_cobrowse` its co-browsing.
* :mod:`server.calls.registry` finds, makes and recovers rooms; `server.api` talks to it.
"""
