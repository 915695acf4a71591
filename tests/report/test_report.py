"""The page stands alone and shows hostile text as text; sheets come back as verdicts."""

import csv
import math
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.errors import UserError
from engine.language.episode import Episode
from engine.language.monitor.journal import Entry
from engine.language.monitor.levels import Alert, Level
from engine.language.monitor.metric.probe import shapes
from engine.language.monitor.monitor import Point
from engine.language.task import Prompt, VerifyResult
from engine.report.chart import Axes, Curve, Dot, line_chart, plain, ticks
from engine.report.naming import number_of, title_of
from engine.report.page import write_samples
from engine.report.report import RunPage, report, write_report
from engine.report.sample import Sample, Verdict, draw_samples, read_verdicts, write_sheet
from engine.report.visible import cell, escape, visible

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg onload=alert(1)>",
    "</title></style></details><iframe src=//evil>",
    "&lt;b&gt; &#x3c;script&#x3e;",
    "\x1b]0;owned\x07\x1b[2J\x1b[31mred",
    "\u202egnp.exe\u202c \u2066isolate\u2069 \u200f",
    "zero\u200bwidth\ufeff\u00ad\u2028line",
    "nul\x00 bell\x07 del\x7f c1\x9b31m\r\n",
    "lone \ud800 surrogate \udfff",
    "pile" + "\u0301" * 500,
    "]]> <!-- --> <!DOCTYPE x [<!ENTITY a 'b'>]>",
    "x" * 100_000,
    '=HYPERLINK("http://evil","x")',
]


class Reader(HTMLParser):
    """Collects tags and attributes of a page; text is what is left."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


def points(*values: float) -> list[Point]:
    return [Point(n, value, value - 0.02, value + 0.02) for n, value in enumerate(values)]


def page(text: str = "plain", samples: int = 1) -> RunPage:
    history = {
        "pass/at_01": points(0.2, 0.3, 0.25),
        "pass/at_04": points(0.4, 0.5, 0.4),
        "pass/at_16": points(0.7, 0.7, 0.6),
        "coverage/solutions": points(0.5, 0.4, 0.3),
        f"coverage/share.{text}": points(0.5, 0.5, 0.5),
        "diversity/entropy.04_07": points(1.0, 0.8, 0.4),
        "drift/kl": points(0.0, 2.0, 1.0),
        "hacking/gold": points(0.2, 0.3, 0.25),
        "hacking/proxy": points(0.2, 0.4, 0.5),
        "accuracy/greedy": points(0.3, math.nan, 0.2),
    }
    alerts = [
        Alert(1, "drift/kl", Level.WARN, 2.0, 10.0, (1.9, 2.1), "early", ()),
        Alert(2, f"coverage/share.{text}", Level.STOP, 0.3, 0.5, (0.2, 0.4), f"{text} is lost", ("stop",)),
    ]
    drawn = [
        Sample(group, text, text, text, 0.5, text, (text,), text) for group in ("kept", "lost-mode")
    ] * samples
    return RunPage(text, history, alerts, drawn, {text: text}, [Entry(1, (text,), (text,))])


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_and_nothing_else(text: str) -> None:
    html = report(page(text))
    calm, found = read(report(page())), read(html)
    assert [tag for tag, _ in found.tags] == [tag for tag, _ in calm.tags]
    for _, attributes in found.tags:
        assert not [name for name in attributes if name.startswith("on")]
        assert not attributes.keys() & {"src", "href", "action", "style", "srcdoc"}
    assert all(letter.isprintable() or letter == "\n" for letter in html)
    html.encode()


def test_the_page_fetches_and_runs_nothing() -> None:
    reader = read(report(page()))
    assert not {tag for tag, _ in reader.tags} & {"script", "link", "img", "iframe", "object", "form", "base"}
    policies = [a["content"] for tag, a in reader.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policies
    assert "default-src 'none'" in str(policies[0])
    assert "unsafe" not in str(policies[0])
    assert "http" not in report(page()).replace("http-equiv", "")


def test_the_page_shows_curves_limits_and_alarms() -> None:
    html = report(page("digits"))
    assert "pass@16" in html
    assert "tokens 4 to 7" in html
    assert 'class="limit alert"' in html
    assert 'class="card stop"' in html
    assert 'class="dot stop"' in html
    assert html.index("digits is lost") < html.index("early")
    assert "Kept" in html
    assert "Lost modes" in html
    for svg in re.findall(r"<svg.*?</svg>", html, flags=re.S):
        ET.fromstring(svg)


def test_an_empty_run_has_a_page(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", RunPage("nothing yet", {}))
    assert "healthy" in (tmp_path / "report.html").read_text()
    with pytest.raises(UserError, match="cannot write"):
        write_report(tmp_path / "missing" / "report.html", RunPage("nothing yet", {}))


numbers = st.floats(-1e9, 1e9) | st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 1e-300])


@given(st.lists(st.tuples(numbers, numbers, numbers, numbers), max_size=8), st.lists(numbers, max_size=3))
def test_charts_of_any_numbers_are_drawings(rows: list[tuple[float, ...]], bounds: list[float]) -> None:
    axes = Axes(limits=[("warn", bound) for bound in bounds])
    svg = line_chart([Curve([Dot(*row) for row in rows], "a", "name")], axes, "title")
    ET.fromstring(svg)
    assert "nan" not in svg
    assert "inf" not in svg


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
@example(879609.9999999999, 1e-06)
def test_ticks_are_round_and_inside(low: float, span: float) -> None:
    found = ticks(low, low + span)
    assert len(found) <= 7
    # A double far from zero cannot tell smaller steps than these.
    slack = 1e-6 * span + 4 * math.ulp(abs(low) + span)
    assert all(low - slack <= tick <= low + span + slack for tick in found)


def test_ticks_by_hand() -> None:
    assert ticks(0, 1) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    assert ticks(3, 17) == [5, 10, 15]
    assert (plain(0.0), plain(0.12345), plain(123456), plain(0.00001)) == ("0", "0.123", "1.2e5", "1.0e-5")


def test_names_of_metrics() -> None:
    assert title_of("pass/at_04") == "pass@4"
    assert title_of("diversity/entropy.32_up") == "entropy · tokens 32 on"
    assert title_of("policy/entropy") == "entropy"
    assert title_of("hacking/exploit.timeout") == "exploit · timeout"
    assert number_of("data/yield", 0.1234) == "12.3 %"
    assert number_of("preference/real_told", 0.64) == number_of("taste/liked_share", 0.64) == "64 %"
    assert number_of("loss/learning_rate", 0.001) == "0.001"


@given(st.text())
def test_visible_text_is_printable_and_whole(text: str) -> None:
    shown = visible(text)
    assert shown.isprintable()
    if text.isprintable() and text.isascii():
        assert shown == text
    assert not set(escape(text)) & set("<>\"'")


def test_what_cannot_be_seen_is_written_out() -> None:
    assert visible("a\x1b[31m\u202eb\n") == "a\\x1b[31m\\u202eb\\n"
    assert visible("abcdef", 4) == "abcd … 2 more"
    assert visible("e\u0301") == "e\u0301"
    assert "\\u0301" in visible("e" + "\u0301" * 9)


def test_no_cell_is_a_formula() -> None:
    assert [cell(text) for text in ("=1", "+1", "-1", "@x", "1=1", " =1")] == [
        "'=1",
        "'+1",
        "'-1",
        "'@x",
        "1=1",
        "' =1",
    ]


def episode(number: int, *, kept: bool, stratum: str, text: str = "", score: float = 1.0) -> Episode:
    prompt = Prompt(f"p{number}", f"make {number}", f"p{number}", stratum)
    result = VerifyResult(score, text or f"{number}+1", "", ())
    return Episode(prompt, text or f"{number}+1", result, "model", 1, "", 0, 1.0, -1.0, 3, kept=kept)


def test_samples_come_from_every_stratum() -> None:
    rows = [episode(n, kept=True, stratum="common") for n in range(500)]
    rows += [episode(n, kept=True, stratum="rare") for n in range(500, 504)]
    rows += [episode(n, kept=False, stratum="common", score=0.0) for n in range(600, 610)]
    probe = [episode(1, kept=False, stratum="", text="7*7"), episode(2, kept=False, stratum="", text="2+2")]
    examples = {"#+#": ("p", "1+1"), "#/#": ("make 3", "6/2")}
    drawn = draw_samples(rows, probe, examples, shapes, count=20, seed=1)
    groups = {g: [s for s in drawn if s.group == g] for g in ("kept", "rejected", "new-mode", "lost-mode")}
    assert [len(group) for group in groups.values()] == [20, 10, 1, 1]
    assert sum(sample.stratum == "rare" for sample in groups["kept"]) == 4
    assert groups["new-mode"][0].completion == "7*7"
    assert groups["lost-mode"][0] == Sample("lost-mode", "make 3", "6/2", mode="#/#")
    assert drawn == draw_samples(rows, probe, examples, shapes, count=20, seed=1)
    assert len({sample.id for sample in drawn}) == len(drawn)


def test_a_sheet_and_its_page_and_the_way_back(tmp_path: Path) -> None:
    samples = [Sample("kept", "make 3", text, "s", 1.0, text, (text,), "m") for text in HOSTILE]
    write_sheet(tmp_path / "sheet.csv", samples)
    write_samples(tmp_path / "sheet.html", samples, "sheet")
    read((tmp_path / "sheet.html").read_text())
    with (tmp_path / "sheet.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == [sample.id for sample in samples]
    assert not [value for row in rows for value in row.values() if value.startswith(("=", "+", "-", "@"))]
    assert read_verdicts(tmp_path / "sheet.csv") == []
    rows[0] |= {"verdict": " Right ", "comment": "fine"}
    rows[2] |= {"verdict": "wrong"}
    with (tmp_path / "sheet.csv").open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    assert read_verdicts(tmp_path / "sheet.csv") == [
        Verdict(samples[0].id, "right", "fine"),
        Verdict(samples[2].id, "wrong", ""),
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b"id,verdict\na,maybe\n", "row 2: verdict 'maybe'; write right, wrong or unsure"),
        (b"id,verdict\na,right\na,wrong\n", "row 3: another verdict on 'a'"),
        (b"name,verdict\na,right\n", "row 2: no id or verdict"),
        (b"id,verdict\na,\xff\xfe\n", "no CSV in UTF-8"),
        (b'id,verdict\n"a,right\n', "no CSV"),
        (b"id,verdict\n" + b"x" * 200_000 + b",right\n", "no CSV"),
        (b"id,verdict\na\n", "row 2: no id or verdict"),
    ],
)
def test_a_damaged_sheet_is_one_line(text: bytes, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "sheet.csv").write_bytes(text)
    with pytest.raises(UserError, match=re.escape(complaint)) as error:
        read_verdicts(tmp_path / "sheet.csv")
    assert str(error.value).isprintable()


def test_a_missing_sheet_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read .*none\.csv"):
        read_verdicts(tmp_path / "none.csv")
