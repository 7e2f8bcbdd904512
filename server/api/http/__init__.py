"""What every request passes, whatever noun it is about."""
