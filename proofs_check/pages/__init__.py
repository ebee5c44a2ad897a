"""Pages for people who look before they read: each one self-contained HTML file, which asks nothing of a network."""
