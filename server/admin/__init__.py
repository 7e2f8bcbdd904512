"""Administration by command: branches, services, people and kiosks. Every change is audited."""

from server.admin.desk import AdminError, Administration, open_desk

__all__ = ["AdminError", "Administration", "open_desk"]
