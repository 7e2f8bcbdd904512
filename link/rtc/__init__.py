"""Media as packets: RTP, tracks, legs and the relay; nothing here decodes or encodes."""

from link import compiled

compiled.use(__path__)
