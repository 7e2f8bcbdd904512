"""Sanitising of co-browsing: makes the events of a kiosk's page safe to show and to record (`Sanitiser`).

* :mod:`server.cobrowse.events` checks the structure of rrweb events and rebuilds them from what it knows.
* :mod:`server.cobrowse.nodes` makes elements and attributes harmless.
* :mod:`server.cobrowse.clobber` renames elements that would hide the document's own properties (DOM clobbering).
* :mod:`server.cobrowse.css` takes out of style sheets what would load something.
* :mod:`server.cobrowse.numbers` hides card, identity and telephone numbers that the kiosk let through, by the table in
  :mod:`server.cobrowse.patterns`, which :mod:`server.cobrowse.generate` writes for the page.
* :mod:`server.cobrowse.reading` finds them where several elements hold their parts.
"""

from server.cobrowse.events import Sanitiser, sanitise

__all__ = ["Sanitiser", "sanitise"]
