"""Energy-based models of rewards that are functions, never tabulated: streamed over the tree, or over a window."""

from tabular_bellman.implicit.streamed import StreamedModel
from tabular_bellman.implicit.window import WindowModel

__all__ = ["StreamedModel", "WindowModel"]
