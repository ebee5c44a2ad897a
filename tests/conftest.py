from hypothesis import settings

# Machines differ in speed, and a deadline tests the machine.
settings.register_profile("default", deadline=None, max_examples=60)
settings.register_profile("thorough", deadline=None, max_examples=600)
settings.load_profile("default")
