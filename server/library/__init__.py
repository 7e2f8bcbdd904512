"""The library of sessions: what each is found by, the index that says so, and the search over it."""
