import os

from hypothesis import settings

# Machines differ in speed, and a deadline tests the machine. What CI says must not depend on luck: new examples are
# looked for wherever else the tests run.
settings.register_profile("default", deadline=None, max_examples=60)
settings.register_profile("ci", settings.get_profile("default"), derandomize=True, print_blob=True, database=None)
settings.register_profile("thorough", deadline=None, max_examples=600)
settings.load_profile("ci" if os.environ.get("CI") else "default")
