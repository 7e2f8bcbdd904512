"""The kiosk's own web face on 127.0.0.1: the page the customer touches."""
