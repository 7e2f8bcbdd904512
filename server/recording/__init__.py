"""The recorder: a participant that writes what it hears into short encrypted segments.

* :mod:`server.recording.webm` writes and reads the media format.
* :mod:`server.recording.segment` names segments and knows what is inside one.
* :mod:`server.recording.track` cuts one track into segments and finds its gaps.
* :mod:`server.recording.recorder` runs the tracks of one session.
* :mod:`server.recording.recovery` saves what a crashed process left.
* :mod:`server.recording.space` says when there is too little room on the disk for a new recording.
"""
