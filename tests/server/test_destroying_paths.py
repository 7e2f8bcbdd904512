"""Every place of the server that removes a file, a blob or a row, and why a legal hold need not, or does, stop it.

A new one fails this test until it is here: whoever adds it says whether evidence goes that way. If it does, the hold is
checked inside it (`server.store.holds.refuse_held`).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from server.store import schema

ROOT = Path(__file__).parents[2]
REMOVING = {
    *("unlink", "rmtree", "rmdir", "remove", "removedirs", "truncate"),
    *("delete", "delete_async", "destroy", "remove_all"),
}

HELD = "evidence: the hold is checked in the transaction that destroys the data key"
AFTER = "evidence: only after that transaction, with a certificate of this site"
NOT_JOURNALED = "was never evidence: the session has not taken it"
STORED = "the spool's copy of what is stored under its own name"
COPY = "a copy made for somebody, or half of one"
OTHER = "no evidence: sessions of browsers, searches, names"
INDEX = "the library's index, which is made anew from the journal"
CALLS = "passes it on"

PLACES = {
    # Evidence.
    ("server/store/data_keys.py", "DataKeys.destroy"): HELD,  # the index's rows go in it too
    ("server/blobs/vault.py", "Vault.destroy"): CALLS,
    ("server/evidence/deletion.py", "LegalDeletion._destroy"): CALLS,
    ("server/evidence/deletion.py", "LegalDeletion.finish"): AFTER,
    ("server/blobs/blobs.py", "Blobs.remove_all"): AFTER,
    ("server/blobs/blobs.py", "Blobs._remove_versions"): AFTER,
    ("server/blobs/blobs.py", "_remove_folder"): AFTER,
    ("server/blobs/object_lock.py", "ObjectLock.delete"): AFTER,
    ("server/evidence/backup.py", "_remove_deleted"): AFTER,
    ("server/blobs/blobs.py", "Blobs.delete"): NOT_JOURNALED,
    ("server/documents/documents.py", "DocumentStore.discard"): NOT_JOURNALED,
    ("server/cli/retention.py", "_delete"): CALLS,
    ("server/evidence/retention_pass.py", "RetentionPass.once"): CALLS,
    # What the recorder writes before it is stored.
    ("server/recording/track.py", "Cutter._abandon"): NOT_JOURNALED,
    ("server/recording/track.py", "Cutter._close"): NOT_JOURNALED,
    ("server/recording/recorder.py", "Recorder._fill"): OTHER,
    ("server/recording/recorder.py", "_remove"): STORED,
    ("server/recording/recovery.py", "discard_spool"): STORED,
    ("server/recording/places.py", "_takes"): OTHER,
    # Copies.
    ("server/api/bundles.py", "remove"): CALLS,
    ("server/evidence/backup.py", "_copy_database"): COPY,
    ("server/evidence/bundle_runs.py", "BundleRuns.start"): COPY,
    ("server/evidence/bundle_runs.py", "BundleRuns.remove"): COPY,
    ("server/evidence/bundle_runs.py", "BundleRuns.forget"): COPY,
    ("server/evidence/bundle_runs.py", "BundleRuns.forget_old"): COPY,
    ("server/evidence/bundle_runs.py", "BundleRuns.close"): COPY,
    ("server/evidence/export.py", "_add_lines"): COPY,
    ("server/evidence/output.py", "OutputFolder._clear"): COPY,
    ("server/evidence/output.py", "OutputFolder.whole"): COPY,
    ("server/evidence/output.py", "OutputFolder.finish"): COPY,
    ("server/evidence/viewing_copy.py", "write_viewing_copy"): COPY,
    # The rest.
    ("server/store/library.py", "LibraryRows.add"): INDEX,
    ("server/store/library.py", "LibraryRows.renew"): INDEX,
    ("server/store/library.py", "erase"): HELD,  # of the index, in the transaction of `DataKeys.destroy`
    ("server/store/retention.py", "Retention.remove_rule"): OTHER,  # signed, and found if it is not
    ("server/store/people.py", "People.set_grants"): OTHER,
    ("server/store/assertions.py", "AssertionRows.add"): OTHER,
    ("server/store/saved_searches.py", "SavedSearches.remove"): OTHER,
    # A reviewer's own bookmarks, taken back by themselves and audited; who reviews; what somebody said they look for.
    ("server/store/bookmarks.py", "Bookmarks.remove"): OTHER,
    ("server/library/bookmarks.py", "ReviewNotes.remove"): OTHER,
    ("server/api/bookmarks.py", "remove"): OTHER,
    ("server/store/reviews.py", "Reviews.withdraw"): OTHER,
    ("server/store/viewing.py", "ViewingPurposes.state"): OTHER,
    ("server/library/kept.py", "KeptSearches.forget"): OTHER,
    ("server/journal/signing_key.py", "read_or_make_signing_key"): OTHER,
    ("server/bus/bus.py", "LocalBus.subscribe.unsubscribe"): OTHER,
    ("server/calls/session_media.py", "SessionMedia._remove"): OTHER,
    ("server/identity/turns.py", "Turns._remove"): OTHER,
}


def removals() -> Iterator[tuple[str, str, int]]:
    """Every call of something that removes: file, function, line."""
    for path in sorted((ROOT / "server").rglob("*.py")):
        if "migrations" in path.parts:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        yield from _in(tree, path.relative_to(ROOT).as_posix(), "")


def _in(node: ast.AST, file: str, inside: str) -> Iterator[tuple[str, str, int]]:
    for child in ast.iter_child_nodes(node):
        name = inside
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{inside}.{child.name}" if inside else child.name
        if isinstance(child, ast.Call | ast.Attribute) and _removes(child):
            yield file, inside, child.lineno
        if isinstance(child, ast.Constant) and isinstance(child.value, str) and _says_delete(child.value, inside):
            yield file, inside, child.lineno
        if isinstance(child, ast.keyword) and child.arg == "wrapped" and ast.unparse(child.value) == "b''":
            yield file, inside, child.lineno
        yield from _in(child, file, name)


def _says_delete(text: str, inside: str) -> bool:
    """SQL, or the method of a request (of a route it is outside of any function)."""
    return "DELETE FROM" in text.upper() or (text == "DELETE" and bool(inside))


def _removes(node: ast.Call | ast.Attribute) -> bool:
    function = node.func if isinstance(node, ast.Call) else node
    if isinstance(function, ast.Attribute):  # also where it is only named, as for `asyncio.to_thread`
        return function.attr in REMOVING
    return isinstance(function, ast.Name) and function.id in REMOVING


def test_every_place_that_removes_something_says_what_of_holds() -> None:
    found = {(file, function) for file, function, _ in removals()}
    assert found - PLACES.keys() == set(), "say here whether evidence goes this way"
    assert PLACES.keys() - found == set(), "this is not there any more"


def test_the_database_itself_refuses_what_does_not_come_through_the_server() -> None:
    text = (schema.MIGRATIONS / "versions" / "0011_retention.py").read_text(encoding="utf-8")
    assert 'event="UPDATE OF wrapped"' in text
    assert 'event="DELETE"' in text
