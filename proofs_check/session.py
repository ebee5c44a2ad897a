"""What a pytest run tells the testing kit, and hears from it; light, so that the plugin costs nothing until used."""

from dataclasses import dataclass

__all__ = ["SESSION", "Session"]


@dataclass
class Session:
    """Defaults of the checks in the test that is running, and what they said.

    Attributes
    ----------
    examples, seed : int, optional
        How many instances a check draws, and from what seed, where it does not say so itself.
    heard : list of str, optional
        One line for each check; None where nobody listens.
    """

    examples: int | None = None
    seed: int | None = None
    heard: list[str] | None = None


SESSION = Session()
