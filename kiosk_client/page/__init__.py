"""The kiosk's web server on 127.0.0.1 for the customer's page."""
