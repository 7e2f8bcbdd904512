"""The kiosk itself: identity, media gateway, document camera, health and the page the customer sees."""
