"""What a kiosk's page says about itself, made safe to show and to keep: `Sanitiser`.

* :mod:`server.cobrowse.events` checks the structure of rrweb events and rebuilds them from what it knows.
* :mod:`server.cobrowse.nodes` makes elements and attributes harmless.
* :mod:`server.cobrowse.clobber` knows the names that hide the document from whoever draws it.
* :mod:`server.cobrowse.css` takes out of style sheets what would load something.
* :mod:`server.cobrowse.numbers` hides card and identity numbers that the kiosk let through.
"""

from server.cobrowse.events import Sanitiser, sanitise

__all__ = ["Sanitiser", "sanitise"]
