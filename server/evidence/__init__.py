"""Evidence: reading, verifying and exporting recordings, of running calls and of finished ones.

* :mod:`server.evidence.manifest` is what a player needs to know of a session, told from its journal.
* :mod:`server.evidence.reader` opens single segments, checked against the journal.
* :mod:`server.evidence.verify` checks a whole session, and :mod:`server.evidence.integrity_checks` its parts.
* :mod:`server.evidence.export` writes a session out as ordinary files, :mod:`server.evidence.bundle` as it is stored
  with all that its check needs, :mod:`server.evidence.viewing_copy` as one film.
* :mod:`server.evidence.output` is the folder that they fill, and :mod:`server.evidence.survey` reads the journal for
  them.
* :mod:`server.evidence.bundle_verifier` is the program that lies in a bundle.
* :mod:`server.evidence.verify_runs` and :mod:`server.evidence.bundle_runs` run the commands for the library's page.
"""
