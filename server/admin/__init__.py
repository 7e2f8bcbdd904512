"""What administrators do by command: branches, services, people and kiosks. Everything done here is audited."""

from server.admin.desk import AdminError, Desk, open_desk

__all__ = ["AdminError", "Desk", "open_desk"]
