"""Published packages, called by the testing kit; docs/published.md says what was found."""
