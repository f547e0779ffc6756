"""Tables of figures: a row for each name, a column for each measure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from liveguard.errors import ConfigError
from liveguard.evaluate.figures import Figures
from liveguard.markup import (
    Cell,
    Html,
    auc,
    figure,
    known,
    say,
    seconds,
    share,
    span,
    span_text,
    table,
    with_interval,
)
from liveguard.stress.catalogue import variant

BOTH, NO_GENUINE, NO_ATTACK = "both labels are needed", "no genuine recordings", "no attacks"
COLUMNS: dict[str, tuple[str, Callable[[Figures], Cell]]] = {
    "auc": ("AUC", lambda own: known(own["auc"], auc, BOTH)),
    "auc_as_is": ("AUC as is", lambda own: known(own["auc_as_is"], auc, BOTH)),
    "people": ("over people", lambda own: span(own.get("auc_ci"), auc)),
    "sources": ("over sources", lambda own: span(own.get("auc_ci_sources"), auc)),
    "eer": ("EER", lambda own: with_interval(own["eer"], own.get("eer_ci"), share, BOTH)),
    "kinds": ("AUC by kind", lambda own: ", ".join(f"{kind} {auc_of(by)}" for kind, by in own["by_kind"].items())),
    "fpr": ("FPR", lambda own: known(own["fpr"], share, NO_GENUINE)),
    "fnr": ("FNR", lambda own: known(own["fnr"], share, NO_ATTACK)),
    "fpr80": ("FPR at 80 % caught", lambda own: known(own["fpr_at_tpr80"], share, BOTH)),
    "ece": ("ECE", lambda own: known(own["ece"], auc, BOTH)),
    "chance": ("by chance", lambda own: known(own["ece_by_chance"], auc, BOTH)),
    "n_bonafide": ("genuine", lambda own: str(own["n_bonafide"])),
    "n_attack": ("attacks", lambda own: str(own["n_attack"])),
    "cannot_judge": ("cannot judge", lambda own: known(own["cannot_judge"], share)),
    "detected": ("caught", lambda own: caught_of(own)),
    "six": ("within 6 s", lambda own: _soon(own, "6 s")),
    "fifteen": ("within 15 s", lambda own: _soon(own, "15 s")),
    "half": ("half within", lambda own: known(own["delay_s"]["p50"], seconds, "none was caught")),
    "most": ("95 % within", lambda own: known(own["delay_s"]["p95"], seconds, "none was caught")),
    "hours": ("hours", lambda own: figure(own["hours"])),
    "alerts": ("false alerts", lambda own: str(own["false_alerts"])),
    "alerts_rate": (
        "false alerts an hour",
        lambda own: with_interval(
            own["false_alerts_per_hour"], own.get("false_alerts_per_hour_ci"), figure, NO_GENUINE
        ),
    ),
    "alarmed": ("people alarmed", lambda own: f"{own['people_alarmed']} of {own['people']}"),
}
"""What tables are made of: the heading, and the cell of some figures."""
SLICE = ("auc", "fpr", "fnr", "n_bonafide", "n_attack")
SHORT = ("people", "sources", "eer", "fpr", "fnr", "n_bonafide", "n_attack")
CHECK = (
    "auc", "people", "sources", "eer", "fpr", "fnr", "fpr80", "ece", "chance", "n_bonafide", "n_attack", "cannot_judge",
)  # fmt: skip
CAUGHT = ("detected", "six", "fifteen", "half", "most")


def figures_table(
    caption: str, first: str, found: Mapping[str, Figures], columns: Sequence[str], named: Callable[[str], Cell] = str
) -> str:
    """A row for each of `found`, of these `COLUMNS`."""
    rows = [(named(name), *(COLUMNS[column][1](own) for column in columns)) for name, own in found.items()]
    return table(caption, (first, *(COLUMNS[column][0] for column in columns)), rows)


def grouped_table(
    caption: str,
    first: str,
    groups: Mapping[str, Mapping[str, Figures]],
    columns: Sequence[str],
    named: Callable[[str], Cell] = str,
) -> str:
    """As `_figures_table`, under a heading for each group that holds any."""
    rows: list[Sequence[Cell]] = []
    for group, found in groups.items():
        rows += [(named(group),)] if found else []
        rows += [(name, *(COLUMNS[column][1](own) for column in columns)) for name, own in found.items()]
    return table(caption, (first, *(COLUMNS[column][0] for column in columns)), rows)


def named_variant(name: str) -> Html:
    """A variant, and what that is."""
    try:
        about = variant(name).about
    except ConfigError:
        about = ""
    return say("{name}<small>{about}</small>" if about else "{name}", name=name, about=about)


def auc_of(own: Figures) -> str:
    return "-" if own["auc"] is None else auc(own["auc"])


def caught_of(own: Figures) -> Html:
    ends = span_text(own.get("detected_ci"), share, "{} to {}")
    form = "{a} of {b} <i>({ends})</i>" if ends else "{a} of {b}"
    return say(form, a=own["detected"], b=own["n_attack"], ends=ends)


def _soon(own: Figures, limit: str) -> Cell:
    """How many were caught so soon; of attacks on the voice also by the seconds in which somebody spoke."""
    found = own.get("detected_within", {})
    spoken = found.get(f"{limit} of speech")
    if spoken is None:
        return str(found.get(limit, "-"))
    return say("{count} <i>({spoken} within {limit} of speech)</i>", count=found[limit], spoken=spoken, limit=limit)
