"""Routing: the queue, which specialist is rung next, and requests for the lobby staff.

* :mod:`server.routing.queue` is the pure logic of waiting and ringing, :mod:`server.routing.dispatcher` its task.
* :mod:`server.routing.assistance` is what the lobby staff of a branch sees.
"""
