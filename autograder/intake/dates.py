"""Dates and times as people and nbgrader write them, turned into UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

DATE = re.compile(
    r"(?:(?P<y>\d{4})-(?P<m>\d\d?)-(?P<d>\d\d?)"
    r"|(?P<d2>\d\d?)\.(?P<m2>\d\d?)\.(?P<y2>\d{4}))"
    r"(?:[T ]\s*(?P<hour>\d\d?):(?P<minute>\d\d)"
    r"(?::(?P<second>\d\d)(?:[.,](?P<part>\d{1,6}))?)?)?"
    r"(?:\s*(?P<zone>Z|[+-]\d\d:?\d\d|(?<=\s)[A-Za-z][\w+/-]*))?"
)
END = time(23, 59, 59)  # of a day that is named without a time
FORM = "write it as 2026-12-01 23:59 Europe/Berlin"


def zone(text: str) -> tzinfo | None:
    """Return the time zone that ends a date, None if none does.

    Raises
    ------
    ValueError
        If there is no such date or zone; its text says how to write one.
    """
    return _zone(_match(text)["zone"] or "")


def parse(text: str, default: tzinfo | None = UTC) -> datetime:
    """Return a time in UTC, without a zone, as nbgrader keeps it.

    Parameters
    ----------
    text
        ``2026-12-01 23:59 Europe/Berlin``: a date as ``2026-12-01`` or ``1.12.2026``,
        a time, or none for the end of that day, and a zone by its name or its
        difference from UTC.
    default
        The zone of a time that names none; None to insist on one.

    Raises
    ------
    ValueError
        If it is no time; its text says how to write one.
    """
    found = _match(text)
    where = _zone(found["zone"] or "") or default
    if where is None:
        raise ValueError(f"{text!r} names no time zone; {FORM}")
    part = int((found["part"] or "0").ljust(6, "0"))
    try:
        day = datetime(*(int(found[k] or found[f"{k}2"]) for k in "ymd"))
        at = END
        if found["hour"] is not None:
            second = int(found["second"] or 0)
            at = time(int(found["hour"]), int(found["minute"]), second, part)
        # Of an hour that clocks show twice, the later one is meant.
        local = datetime.combine(day, at, where).replace(fold=1)
        return local.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is no date ({error}); {FORM}") from None


def written(moment: datetime) -> str:
    """Return a time in UTC as nbgrader writes it, for people to read."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def span(seconds: float) -> str:
    """Return a stretch of time in its two largest units."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = ((days, "d"), (hours, "h"), (minutes, "min"), (rest, "s"))
    return " ".join([f"{n} {unit}" for n, unit in parts if n][:2]) or "0 s"


def _match(text: str) -> re.Match[str]:
    found = DATE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no date; {FORM}")
    return found


def _zone(text: str) -> tzinfo | None:
    if not text:
        return None
    if text.upper() in ("Z", "UTC", "GMT"):
        return UTC
    if text[0] in "+-":
        digits = text[1:].replace(":", "")
        shift = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        return timezone(-shift if text[0] == "-" else shift)
    try:
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{text!r} is no time zone; {FORM}") from None
