"""Who waits, who is rung next, and what the lobby staff of a branch sees.

* :mod:`server.routing.queue` is the pure logic of waiting and ringing, :mod:`server.routing.dispatcher` its task.
* :mod:`server.routing.assistance` is what the lobby staff of a branch sees.
"""
