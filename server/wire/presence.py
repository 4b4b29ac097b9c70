"""Whether a session's client is there: states, what happens to its connections, and what that makes of it.

|             | attached   | resumed     | heard      | unheard  | lost   | left   |
|-------------|------------|-------------|------------|----------|--------|--------|
| `expected`  | `attached` | -           | -          | -        | -      | `gone` |
| `attached`  | -          | `returning` | -          | `silent` | `away` | `gone` |
| `silent`    | -          | `returning` | `attached` | -        | `away` | `gone` |
| `returning` | -          | `returning` | `attached` | `silent` | `away` | `gone` |
| `away`      | -          | `returning` | -          | -        | -      | `gone` |
| `gone`      | -          | -           | -          | -        | -      | -      |

What has no state in its place changes nothing. There is no clock here: who waits in a state for how long, and what
happens then, is for whoever keeps the table (`server/wire/attendance.py`).
"""

from __future__ import annotations

from enum import StrEnum


class Presence(StrEnum):
    """Where a session's client is."""

    EXPECTED = "expected"  # no connection was made yet
    ATTACHED = "attached"
    SILENT = "silent"  # the connection stands, and nothing comes over it
    # A new connection stands, and nothing was heard over it yet.
    RETURNING = "returning"
    AWAY = "away"  # there is no connection, and the session waits for one
    GONE = "gone"  # the session waits no longer

    @property
    def absent(self) -> bool:
        """Whether the session waits for a client that was there."""
        return self in (Presence.SILENT, Presence.RETURNING, Presence.AWAY)


class Happened(StrEnum):
    """What happens to a session's connections."""

    ATTACHED = "attached"  # the first one was made
    RESUMED = "resumed"  # one was made with a ticket
    # Audio or another sign of life came, or the server waited for it long enough.
    HEARD = "heard"
    UNHEARD = "unheard"  # nothing comes any more
    LOST = "lost"  # it is gone, and the client may come back
    # The server waits for nobody: the client can't come back, or came too late, or the session is over.
    LEFT = "left"


TABLE: dict[Presence, dict[Happened, Presence]] = {
    Presence.EXPECTED: {
        Happened.ATTACHED: Presence.ATTACHED,
        Happened.LEFT: Presence.GONE,
    },
    Presence.ATTACHED: {
        Happened.RESUMED: Presence.RETURNING,
        Happened.UNHEARD: Presence.SILENT,
        Happened.LOST: Presence.AWAY,
        Happened.LEFT: Presence.GONE,
    },
    Presence.SILENT: {
        Happened.RESUMED: Presence.RETURNING,
        Happened.HEARD: Presence.ATTACHED,
        Happened.LOST: Presence.AWAY,
        Happened.LEFT: Presence.GONE,
    },
    Presence.RETURNING: {
        Happened.RESUMED: Presence.RETURNING,
        Happened.HEARD: Presence.ATTACHED,
        Happened.UNHEARD: Presence.SILENT,
        Happened.LOST: Presence.AWAY,
        Happened.LEFT: Presence.GONE,
    },
    Presence.AWAY: {
        Happened.RESUMED: Presence.RETURNING,
        Happened.LEFT: Presence.GONE,
    },
    Presence.GONE: {},
}


def after(state: Presence, happened: Happened) -> Presence:
    """Return the state after something happened in `state`."""
    return TABLE[state].get(happened, state)
