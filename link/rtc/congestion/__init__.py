"""How much a path can carry: told by delay, by loss, by round trips. Sans-IO."""

from link import compiled

compiled.use_below(__path__, __name__)
