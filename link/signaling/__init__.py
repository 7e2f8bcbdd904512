"""Signaling: ordered, exactly-once message streams that survive the loss of their WebSocket.

* :mod:`link.signaling.stream` numbers, keeps, acknowledges and repeats frames; sans-IO.
* :mod:`link.signaling.endpoint` runs one end of a stream over one WebSocket at a time.
* :mod:`link.signaling.channel` is the end that a server (or a kiosk client, for its page) holds.
* :mod:`link.signaling.host` accepts WebSockets for aiohttp and finds the channel each belongs to.
* :mod:`link.signaling.client` is the end that connects, and connects again.
"""
