"""Documents: uploaded images are decoded and re-encoded in a sandboxed process before anybody sees them."""

from server.documents.digest import check_digest
from server.documents.documents import MAX_BYTES, DocumentStore, StoredDocument
from server.documents.reencode import BadImage, Reencoder, View

__all__ = ["MAX_BYTES", "BadImage", "DocumentStore", "Reencoder", "StoredDocument", "View", "check_digest"]
