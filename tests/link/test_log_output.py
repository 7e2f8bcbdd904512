"""Log lines that cannot be written: nobody who logs notices, and what is missing is said afterwards."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import structlog

from link.log_output import LogOutput


class Disk(io.StringIO):
    """Refuses everything while it is `full`."""

    full = False

    def write(self, text: str, /) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(text)


def test_lines_that_are_lost_are_counted_and_said_once_there_is_room() -> None:
    disk = Disk()
    output = LogOutput(disk)
    output.write("before\n")
    disk.full = True
    for number in range(3):
        assert output.write(f"lost {number}\n") == len("lost 0\n")
    assert output.lost == 3
    disk.full = False
    output.write("after\n")
    output.write("and on\n")
    first, said, *rest = [line for line in disk.getvalue().splitlines() if line]
    assert (first, rest) == ("before", ["after", "and on"])
    assert json.loads(said) == {"event": "log lines lost", "lines": 3, "level": "warning"}
    assert output.lost == 0


def test_a_line_is_in_the_file_at_once_and_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, sizes = os.write, []

    def some(file: int, data: memoryview) -> int:
        sizes.append(len(data))
        return write(file, data[:7])

    monkeypatch.setattr("link.log_output.os.write", some)
    with (tmp_path / "log").open("w", encoding="utf-8") as stream:
        output = LogOutput(stream)
        assert output.write("Zürich 面对面\n") == 11
        assert (tmp_path / "log").read_text("utf-8") == "Zürich 面对面\n"
        assert sizes == [18, 11, 4]
    sizes.clear()
    output.write("nobody reads this\n")
    assert (output.lost, sizes) == (1, []), "another file may have the number by now"


def test_a_closed_stream_is_no_failure_of_who_logs() -> None:
    disk = Disk()
    output = LogOutput(disk)
    disk.close()
    output.write("nobody reads this\n")
    output.flush()
    assert output.lost == 1


def test_a_logger_goes_on_where_its_disk_is_full() -> None:
    disk = Disk()
    disk.full = True
    output: Any = LogOutput(disk)
    log = structlog.wrap_logger(structlog.WriteLogger(output), processors=[structlog.processors.JSONRenderer()])
    log.info("full")
    disk.full = False
    log.info("room")
    assert [json.loads(line)["event"] for line in disk.getvalue().splitlines() if line] == ["log lines lost", "room"]


CONFIGURE = {
    "server": "from server.config import Config; from server.logs import configure_logs; configure_logs(Config())",
    "kiosk": "from kiosk_client.__main__ import _log_to_stderr; _log_to_stderr()",
}
MUCH = """
import logging, structlog
for _ in range(2000):
    structlog.get_logger().warning("full", session="s" * 100)
logging.getLogger("library").warning("full too")
print("went on")
"""


@pytest.mark.parametrize("program", CONFIGURE)
def test_programs_log_to_a_full_disk_and_go_on(program: str) -> None:
    """With stderr on a device that is always full."""
    script = f"{CONFIGURE[program]}\n{MUCH}"
    # As Python is started by default: with its own streams buffered, and tried once more when it ends.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=full, text=True, timeout=60, env=environment
        )
    assert (done.returncode, done.stdout) == (0, "went on\n")
