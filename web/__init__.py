"""Pages: templates, scripts, styles and translations, with the code that serves them (floor 0)."""
