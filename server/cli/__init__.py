"""The command `visavis`."""
