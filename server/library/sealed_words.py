"""What people write that the audit log has to keep: sealed by the site's key, because it may name a customer.

Unlike what is written in a call it stays when the recording is deleted: it says why somebody looked at it.
"""

from __future__ import annotations

import base64
import binascii

from server.blobs.vault import Vault
from server.store.postings import BadPosting, PostingKey


class SealedWords:
    """Seals texts for the audit log, each bound to the object that the entry is about."""

    def __init__(self, vault: Vault) -> None:
        self._key = PostingKey(vault.index_key())

    def seal(self, target: str, words: str) -> str:
        """The sealed text, in letters (base64)."""
        return base64.b64encode(self._key.seal_text(f"audit/{target}", words.encode())).decode()

    def open(self, target: str, sealed: object) -> str | None:
        """The text; None where it cannot be read: altered, of another object, or of another site."""
        try:
            return self._key.unseal_text(f"audit/{target}", base64.b64decode(str(sealed), validate=True)).decode()
        except (BadPosting, binascii.Error, ValueError):
            return None
