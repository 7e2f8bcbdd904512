"""Published tracks, what is forwarded of them to whom, and what repairs, reads and times them. Sans-IO."""

from link import compiled

compiled.use_below(__path__, __name__)
