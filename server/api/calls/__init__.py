"""What the clients of calls may send over their streams: kiosks, consoles, guides."""
