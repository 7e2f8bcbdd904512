"""Looking at what was recorded: while the call runs, years later, and before a court.

* :mod:`server.replay.manifest` is what a player needs to know of a session, told from its journal.
* :mod:`server.replay.reader` opens single segments, checked against the journal.
* :mod:`server.replay.verify` checks a whole session, and :mod:`server.replay.checks` its parts.
* :mod:`server.replay.export` writes a session out as ordinary files.
"""
