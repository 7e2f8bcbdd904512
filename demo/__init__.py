"""`./dev demo` and `./dev doctor`, for evaluation and development; not part of the product."""
