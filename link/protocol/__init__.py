"""The wire protocol as types: one struct per message, parsed once at the edge.

``link/protocol/PROTOCOL.md`` is the document these modules implement; both change in the same commit.

* :mod:`link.protocol.values` holds the values that messages carry (views, contexts).
* :mod:`link.protocol.client` is what a kiosk, a console, a guide page or the kiosk's own page may say.
* :mod:`link.protocol.server` is what they are told.
* :mod:`link.protocol.frames` is the envelope: hello, sequence numbers, acknowledgements, heartbeats.
* :mod:`link.protocol.errors` is the exception tree and its stable codes.
* :mod:`link.protocol.codec` turns frames into text and hostile text into frames or one error.
"""
