"""What each event does to a session, by topic; importing this fills the table.

A rule is called with the machine and its event. It checks what its phase does not say, changes the state through the
machine, and yields commands. What it raises undoes all of it.
"""

from server.session.rules import documents, ending, legs, participants, presence, queue, recording, sensitive, talk

__all__ = ["documents", "ending", "legs", "participants", "presence", "queue", "recording", "sensitive", "talk"]
