"""Names in results: labels, timing, options, and the columns of the events table."""

from __future__ import annotations

SCHEMA_VERSION = 2
UNCERTAIN = "uncertain"
CAVITATION = "cavitation"
SNAPPING = "snapping"
OTHER = "other"
EXTRA = "x_"  # begins the name of a column of the user's own

CONSISTENT = "consistent"
REFRACTORY = "refractory"
UNCHECKED = "unchecked"
UNKNOWN_SITE = "at an unknown site one joint is assumed"  # in a `timing_reason`

# what occupies one joint cavity
PER_BURST = "burst"
PER_POP = "pop"
COUNT_BY = (PER_BURST, PER_POP)

# class frequencies to which the probabilities apply
ESTIMATE = "estimate"
FROM_MODEL = "model"
CLASS_FREQUENCIES = (ESTIMATE, FROM_MODEL)

EVENT_FIELDS = (
    *("event", "burst", "start_s", "peak_s", "end_s", "label", "p_label", "acoustic_label"),
    *("novelty", "timing", "since_cavitation_s", "snr_db", "peak_dbfs", "channel"),
)


def is_extra(column: str) -> bool:
    """Return whether a column of a user's table is one of the user's own, which is carried into the results.

    Examples
    --------
    >>> is_extra("x_sensor"), is_extra("sensor"), is_extra("x_")
    (True, False, False)
    """
    return column.startswith(EXTRA) and column != EXTRA


def event_columns(classes: tuple[str, ...], extra: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the names of the columns of an events table, in order; those of the user's own come last."""
    acoustic, final = ([f"{kind}_{name}" for name in classes] for kind in ("p", "posterior"))
    about = ("site", "subject", "recorded_at", "side")
    return ("recording", *EVENT_FIELDS[:8], *acoustic, *EVENT_FIELDS[8:], *about, *final, *extra)


def event_types(classes: tuple[str, ...], extra: tuple[str, ...] = ()) -> dict[str, str | tuple[str, ...]]:
    """Return the types of the columns of an events table for `popclass.utils.dataframe.typed`."""
    types: dict[str, str | tuple[str, ...]] = dict.fromkeys(event_columns(classes, extra), "float64")
    types |= dict.fromkeys(("event", "burst", "channel"), "Int64")
    types |= dict.fromkeys(("recording", "site", "subject", "side", *extra), "string")
    labels = (*classes, *(() if UNCERTAIN in classes else (UNCERTAIN,)))
    types |= {"label": labels, "acoustic_label": classes, "timing": (CONSISTENT, REFRACTORY, UNCHECKED)}
    return types | {"recorded_at": "moment"}
