"""The path of a leg: sockets, ICE, DTLS, SRTP, TURN, and whether the far end is still there."""

from link import compiled

compiled.use_below(__path__, __name__)
