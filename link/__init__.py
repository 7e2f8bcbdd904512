"""Shared by server and kiosk client: protocol, signaling, media, options, tasks."""
