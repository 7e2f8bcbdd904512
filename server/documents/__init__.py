"""Documents: what strangers send is taken apart in a limited process and put together anew before anyone sees it."""

from server.documents.digest import check_digest
from server.documents.documents import MAX_BYTES, DocumentStore, StoredDocument
from server.documents.reencode import BadImage, Reencoder, View

__all__ = ["MAX_BYTES", "BadImage", "DocumentStore", "Reencoder", "StoredDocument", "View", "check_digest"]
