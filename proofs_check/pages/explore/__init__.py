"""The page on which rewards can be changed, and what follows from them is seen."""
