"""Recordings and documents at rest: encrypted containers, their keys, and the store they lie in.

* :mod:`server.blobs.suite` is the registry of cipher suites.
* :mod:`server.blobs.container` is the file format of everything encrypted (docs/evidence.md).
* :mod:`server.blobs.vault` keeps one data key per session, wrapped by the site's key.
* :mod:`server.blobs.blobs` stores named bytes in a local directory or in S3.
"""
