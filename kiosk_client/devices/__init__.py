"""Devices: the document camera, and sources that replace a page's camera and microphone."""
