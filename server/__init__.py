"""The server: sessions, journal, recording, replay, identity and the pages of every face but the kiosk's."""
