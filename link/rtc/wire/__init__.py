"""Bytes and their meaning, nothing else: RTP and RTCP, VP8, Opus, session descriptions. Sans-IO."""

from link import compiled

compiled.use_below(__path__, __name__)
