"""The bus: messages by topic between the rooms that make them and the connections that carry them.

Topics are ``person:<id>`` and ``kiosk:<id>``. The bus carries what can be sent again (views, rings,
pointers). The journal is authoritative: a bus may lose everything at any time.
"""

from server.bus.bus import Bus, Deliver, LocalBus, kiosk_topic, person_topic

__all__ = ["Bus", "Deliver", "LocalBus", "kiosk_topic", "person_topic"]
