"""Evidence: reading, verifying and exporting recordings, of running calls and of finished ones.

* :mod:`server.evidence.manifest` is what a player needs to know of a session, told from its journal.
* :mod:`server.evidence.reader` opens single segments, checked against the journal.
* :mod:`server.evidence.verify` checks a whole session, and :mod:`server.evidence.integrity_checks` its parts.
* :mod:`server.evidence.export` writes a session out as ordinary files.
"""
