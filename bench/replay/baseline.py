"""The earlier report that a replay is compared with."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from common.errors import SettingsError
from server.reports.report_turns import ReadReport, wrong_field


def read_report(path: Path) -> ReadReport:
    """Read a report; raises SettingsError saying why it can't be used."""
    try:
        return ReadReport.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise SettingsError(f"--baseline {path} can't be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        where = wrong_field(error) if isinstance(error, ValidationError) else ""
        what = f"its '{where}' is wrong" if where else "it is not JSON"
        raise SettingsError(f"--baseline {path} is no report of `interlocutor replay --json FILE`: {what}") from None
