"""The kiosk as the server knows it: its identity, its stream, its media and its documents."""
