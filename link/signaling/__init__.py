"""The signaling client: requests with replies, heartbeats, resume after a dropped WebSocket."""
