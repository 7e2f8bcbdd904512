"""The kiosk's side towards the server: identity, signaling stream, media and documents."""
