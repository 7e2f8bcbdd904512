"""What a call costs on this machine, part by part."""
