"""The session: one sans-IO state machine whose accepted events are the journal.

* :mod:`server.session.events` is what may happen; each accepted one is one journal entry.
* :mod:`server.session.state` is what a session is: a fold over its events.
* :mod:`server.session.machine` decides what an event means in a state.
* :mod:`server.session.commands` is what the machine asks its room to do.

Nothing in this package is asynchronous, reads a clock or opens anything.
"""
