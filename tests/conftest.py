"""What all tests share."""

from __future__ import annotations

from hypothesis import settings

# A shared machine stalls now and then: a test must not fail because one example took longer than 200 ms.
settings.register_profile("interlocutor", deadline=None)
settings.load_profile("interlocutor")
