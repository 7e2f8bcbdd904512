"""The kiosk client: device identity, media gateway, document camera and the customer's page."""
