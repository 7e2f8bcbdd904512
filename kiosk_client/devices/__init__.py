"""What is plugged into a kiosk: the document camera, and sources that stand in for a page's camera and microphone."""
