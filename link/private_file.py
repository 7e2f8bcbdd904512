"""Files that hold a secret: of their own account only, and whole or not there, whatever happens to the power."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path


def make_new(path: Path, content: bytes) -> None:
    """Make a file of mode 0600 with this content, durably, unless there is one; its folder as well, of mode 0700.

    Blocks. Two who are first at once agree on one content, and nobody ever reads half of it.

    Raises:
        OSError: it cannot be made.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(part)
    finally:
        part.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Let the names in this folder outlast a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
