"""What all requests have in common: middleware, permissions, bodies, cookies, addresses, errors."""
