"""The one exception class of the package."""

__all__ = ["TabularBellmanError"]


class TabularBellmanError(ValueError):
    """Bad input, or a request that has no meaning or does not fit.

    The message says what is wrong, where (prompt, prefix, action, file, line), the limit and the remedy.
    """
