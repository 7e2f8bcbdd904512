"""`./dev demo` and `./dev doctor`: for who tries it or works on it; the product does without."""
