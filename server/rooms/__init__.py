"""Rooms: where sessions live. One task and one bounded inbox for each; nothing else changes a session.

* :mod:`server.rooms.queue` is the pure logic of waiting and ringing, :mod:`server.rooms.dispatch` its task.
* :mod:`server.rooms.room` runs one session; :mod:`server.rooms.stage` holds its legs, :mod:`server.rooms.share` its
  co-browsing.
* :mod:`server.rooms.rooms` finds, makes and recovers rooms; handlers talk to it.
* :mod:`server.rooms.lobby` is what the lobby staff of a branch sees.
"""
