"""The HTTP face of the server: each module exports `ROUTES`, and each route says who may use it."""
