"""Numbers that do not round: rationals, balls, and rational functions, with their logarithms."""
