"""The report on a run, as a page."""
