"""Real examples: rewards to run the claims on, and to learn from."""
