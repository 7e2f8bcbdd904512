"""Where log lines are written, so that a line that cannot be written harms nobody but whoever would read it."""

from __future__ import annotations

import json
import os
import threading
from typing import TextIO


class LogOutput:
    """A stream for loggers that never raises.

    A full disk under the log must not end the call whose trouble is being logged. Lines that are lost are counted, and
    the count is a line of its own as soon as one can be written again.

    It writes to the stream's file itself: what a stream could not write stays in its buffer, to be tried again with the
    next line, and once more when Python ends, which then reports a failure of the whole program.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        try:
            self._file: int | None = stream.fileno()
        except (AttributeError, OSError, ValueError):  # a stream without a file, as in tests
            self._file = None
        self._lock = threading.Lock()
        self.lost = 0
        """Lines that could not be written, and of which nothing has been said yet."""

    def write(self, line: str) -> int:
        """Write a whole line. One that fails is lost, or torn: what follows begins a new one."""
        with self._lock:
            if self.lost:
                said = json.dumps({"event": "log lines lost", "lines": self.lost, "level": "warning"})
                if not self._written(f"\n{said}\n"):
                    self.lost += 1
                    return len(line)
                self.lost = 0
            if not self._written(line):
                self.lost += 1
        return len(line)

    def flush(self) -> None:
        """Every line is flushed when it is written."""

    def _written(self, text: str) -> bool:
        try:
            if self._file is None:
                self._stream.write(text)
                self._stream.flush()
            elif self._stream.closed:  # its file's number may be another's by now
                return False
            else:
                left = memoryview(text.encode("utf-8", "backslashreplace"))
                while left:
                    left = left[os.write(self._file, left) :]
        except (OSError, ValueError):  # ValueError: the stream is closed
            return False
        return True
