"""JSON from strangers: one object, no duplicate keys, no NaN, bounded in size and depth."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from server.protocol.refusal import Code, Refused

# 64 KiB of audio are 87,384 characters of base64; the rest is room for the message around it.
MAX_MESSAGE_BYTES = 98_304
MAX_DEPTH = 24  # the deepest message that means anything has 7 levels


def parse_object(text: str | bytes, *, max_bytes: int = MAX_MESSAGE_BYTES) -> dict[str, Any]:
    """Return the JSON object in `text`; raises Refused with `protocol.bad_json` or `protocol.too_big`."""
    # This comes before anything is done with it; text of other alphabets is measured below.
    if len(text) > max_bytes:
        raise _too_big(max_bytes)
    try:
        if isinstance(text, bytes):
            text = text.decode()
        # Encoding refuses half surrogates, which no answer could repeat.
        elif len(text.encode()) > max_bytes:
            raise _too_big(max_bytes)
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
    except Refused:
        raise
    except UnicodeError:
        raise Refused("a message must be UTF-8 text", code=Code.BAD_JSON) from None
    except RecursionError:
        raise _too_deep() from None
    except json.JSONDecodeError as error:
        raise Refused(f"this is not JSON ({error.msg} at character {error.pos})", code=Code.BAD_JSON) from None
    except ValueError:  # the interpreter's limit on digits
        raise Refused("a number in the message has too many digits", code=Code.BAD_JSON) from None
    if not isinstance(value, dict):
        raise Refused('a message is one JSON object with a "type"', code=Code.BAD_JSON)
    _check_values(value)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise Refused("a key occurs twice in one object; send each once", code=Code.BAD_JSON)
    return value


def _constant(name: str) -> NoReturn:
    raise Refused(f"{name} is not a JSON number; send finite numbers", code=Code.BAD_JSON)


def _check_values(value: Any) -> None:
    """Refuse nesting beyond MAX_DEPTH and escaped half surrogates, level by level so that nothing can overflow."""
    level = [value]
    for _ in range(MAX_DEPTH):
        following: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                following.extend(item)
                following.extend(item.values())
            elif isinstance(item, list):
                following.extend(item)
            elif isinstance(item, str):
                _check_text(item)
        if not following:
            return
        level = following
    raise _too_deep()


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeError:
        raise Refused("a string in the message is not valid Unicode (half a surrogate)", code=Code.BAD_JSON) from None


def _too_deep() -> Refused:
    return Refused(f"the message is nested deeper than {MAX_DEPTH} levels", code=Code.BAD_JSON)


def _too_big(max_bytes: int) -> Refused:
    return Refused(f"a message has at most {max_bytes} bytes; send shorter ones", code=Code.TOO_BIG)
