"""The statements of the paper, checked: claims, evidence, verdicts, and the command line."""

__all__: list[str] = []
