"""What both ends of a call share: messages, signaling, media and the rules for tasks."""
