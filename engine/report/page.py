"""A page that stands alone: its style inside, no script, nothing fetched."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from pathlib import Path

from engine.report.sample import Group, Sample
from engine.report.style import STYLE
from engine.report.visible import escape
from engine.run.storage import atomic_write

SHOWN_CHARACTERS = 1500
GROUPS: dict[Group, str] = {
    "kept": "Kept",
    "rejected": "Rejected",
    "new-mode": "New modes",
    "lost-mode": "Lost modes",
}


def document(title: str, body: str) -> str:
    """A whole HTML document; `body` is HTML, `title` is text.

    The policy in it lets a browser apply this style sheet and do nothing else, whatever the text holds.
    """
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="referrer" content="no-referrer">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title, 200)}</title><style>{STYLE}</style></head>\n"
        f"<body><main>{body}</main></body></html>\n"
    )


def sample_cards(samples: Iterable[Sample], *, is_open: bool = False) -> str:
    """Samples by group, folded unless open."""
    listed = list(samples)
    parts = []
    for group, name in GROUPS.items():
        members = [sample for sample in listed if sample.group == group]
        if members:
            cards = "".join(_card(sample) for sample in members)
            state = " open" if is_open else ""
            parts.append(
                f"<details{state}><summary>{name} <span class=soft>{len(members)}</span></summary>"
                f'<div class="samples">{cards}</div></details>'
            )
    return "".join(parts)


def write_samples(path: Path, samples: Iterable[Sample], title: str) -> None:
    """The samples of a sheet as a page, to read beside it; UserError where it cannot be written."""
    body = (
        f"<h1>{escape(title, 200)}</h1><p class=soft>Write right, wrong or unsure into the sheet of the same "
        f"name; samples are found by their id.</p>{sample_cards(samples, is_open=True)}"
    )
    atomic_write(path, document(title, body).encode())


def _card(sample: Sample) -> str:
    about = [part for part in (sample.stratum, sample.mode, " ".join(sample.flags), sample.reason) if part]
    score = "" if sample.score is None else f"score {sample.score:.3g}"
    return (
        f'<article class="sample"><header><span>{escape(" · ".join(about), 120)}</span>'
        f'<span class="num">{score} <code>{sample.id}</code></span></header>'
        f'<bdi dir="ltr" class="text soft">{escape(sample.prompt, SHOWN_CHARACTERS)}</bdi>'
        f'<bdi dir="ltr" class="text">{escape(sample.completion, SHOWN_CHARACTERS)}</bdi></article>'
    )
