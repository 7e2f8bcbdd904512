"""The server's HTTP interface: each module exports `ROUTES`, and each route declares who may use it."""
