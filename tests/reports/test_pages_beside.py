"""The pages beside the leaderboard: a cell's, a setting's, a normalizer's."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import numpy as np
import pytest
from graded import graded

from ganbench.harness.errors import InputError
from ganbench.harness.ledger import Record
from ganbench.harness.traces.trace import Samples as HarnessSamples
from ganbench.reports import leaderboard
from ganbench.reports.evidence.gathering import Samples
from ganbench.reports.pages import cell_href, normalizer_href, seed_href, setting_href
from ganbench.reports.pages.names import STYLESHEET, samples_href
from ganbench.reports.pages.rendering import FAILURES
from ganbench.reports.pages.writing import write_pages

HOSTILE = {
    "script": "<script>alert(1)</script>",
    "quotes": "\"'><img src=x onerror=alert(1)>",
    "pipes": "a|b`c`|\\",
    "up": "../../../etc/passwd",
    "backwards": "\u202eevil\u2066",
    "right to left": "مُطَبِّع",
    "long": "n" * 300,
    "empty": "",
    "space": " ",
    "dots": "..",
    "braces": "{{ 7 * 7 }}{% raw %}",
    "style": "</style></title><b>",
}


class Page(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.titles: list[tuple[str, str]] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self._open: list[str] = []
        self._marks = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img", "br", "wbr"):
            self._open.append(tag)
        if tag == "g":
            self._marks = dict(attrs).get("class") or ""
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self._open.pop() == tag  # well nested, whatever names hold

    def handle_data(self, data):
        self.text += data
        if self._open[-2:] == ["g", "title"]:
            self.titles.append((self._marks, data))
        if {"td", "th"} & set(self._open):
            self.rows[-1][-1] += data

    def all(self, tag, **wanted):
        return [found for name, found in self.elements if name == tag and wanted.items() <= found.items()]


def write(ledger, out):
    page = leaderboard(ledger)
    return page, write_pages(page.evidence, page.board, Samples(ledger), out)


def quality(label, place, seed):
    return (0.9, 0.5, 0.99, 0.7, 0.2, 0.6)[seed] if place == 0 else 1.0 + seed


@pytest.fixture(scope="module")
def made(shared):
    outcomes = {"a": ("..c.e.", "......"), "b": ("cccccc", "..d  n"), "c": ("      ", "eeeeee")}
    page, written = write(shared(outcomes, quality=quality, baseline="a"), shared.folder / "pages")
    return page, shared.folder / "pages", written


def cell_page(made, normalizer, place=0):
    page, out, _ = made
    return Page(out / cell_href(page.evidence.groups[place].cells[normalizer]))


def test_every_cell_setting_and_normalizer_has_a_page(made):
    page, out, written = made
    expected = {out / cell_href(cell) for group in page.evidence.groups for cell in group.cells.values()}
    expected |= {out / setting_href(group) for group in page.evidence.groups}
    expected |= {out / normalizer_href(name) for name in page.evidence.normalizers}
    assert {path for path in written if path.suffix == ".html"} == expected == set(out.rglob("*.html"))
    assert set(written) == {path for path in out.rglob("*") if path.is_file()}
    assert len(written) == len(set(written))


def test_every_trial_with_a_trace_has_a_line_in_every_chart_of_its_cell(made):
    page = cell_page(made, "a")
    charts = len(page.all("svg"))
    assert charts == 3 + 2 * 2  # quality, two gradients, and two figures of each of two layers
    for seed in (0, 1, 2, 3, 5):
        assert sum(f"s{seed}" in marks.split() for marks, _ in page.titles) == charts
    assert not [marks for marks, _ in page.titles if "s4" in marks.split()]  # its method could not run


def test_a_failed_seed_is_told_from_a_stable_one_and_marked_at_its_step(made):
    page = cell_page(made, "a")
    assert dict(page.titles) == {
        "s0": "seed 0: stable",
        "s1": "seed 1: stable",
        "s2 f": "seed 2: mode collapse at step 40",
        "s3": "seed 3: stable",
        "s5": "seed 5: stable",
    }
    assert len(page.all("path", **{"class": "cross"})) == len(page.all("svg"))
    assert len(page.all("path", **{"class": "bound"})) == 2  # one for each layer's variance


def test_the_best_the_median_and_the_worst_seed_are_shown_with_failures_worst(made):
    page = cell_page(made, "a")
    words = re.sub(r"\s+", " ", page.text)
    # By quality 0, 3, 5, 1, then the failed ones: 2, which has the best quality of all, and 4, which has none.
    assert "Best: seed 0, 0.900" in words
    assert "Median: seed 5, 0.600" in words
    assert "Worst: seed 4, –method error" in words
    evidence = made[0].evidence
    trials = {result.seed: result.trial_id for result in evidence.of(evidence.groups[0], "a")}
    assert [item["src"] for item in page.all("img")] == [f"../samples/{trials[seed]}.svg" for seed in (0, 5)]


def test_the_table_of_trials_has_every_seed_with_its_reason(made):
    page, evidence = cell_page(made, "a"), made[0].evidence
    rows = [row for row in page.rows if len(row) == 6][1:]
    results = evidence.of(evidence.groups[0], "a")
    assert [row[0] for row in rows] == [str(result.seed) for result in results]
    assert [row[5] for row in rows] == [result.trial_id for result in results]
    reason = "mode collapse: at the end 50% of the modes are captured"
    assert rows[2][1:5] == ["mode collapse", "step 40", reason, "0.990"]
    assert rows[4][1:5] == ["method error", "did not run", "method error: it raised", "–"]
    assert rows[0][1:5] == ["stable", "", "", "0.900"]
    assert page.all("tr", id="s4")


def test_a_cell_says_what_it_is(made):
    text = cell_page(made, "a").text
    said = re.sub(r"\s+", " ", text)
    assert "a on ring · fast" in said
    assert "2/6 trials failed: 33 % (" in said
    assert "What failed: mode collapse 1, method error 1" in said
    assert "learning rate of D" in said
    assert "samples: 100" in said
    assert "share (higher is better)" in said


def test_a_cell_without_trials_and_one_whose_method_never_ran_have_pages(made):
    missing, broken = cell_page(made, "c"), cell_page(made, "c", 1)
    assert "No trial has been committed yet; 6 are planned." in missing.text
    assert not missing.all("svg")
    assert "6/6 trials failed: 100 % (at least 54" in broken.text.replace("\u00a0", " ")
    assert not broken.all("svg")
    assert broken.text.count("no samples") == 3
    assert "nan" not in (missing.text + broken.text).lower()


def test_a_setting_has_a_line_for_every_normalizer_and_links_to_its_cells(made):
    page, out, _ = made
    group = page.evidence.groups[1]
    setting = Page(out / setting_href(group))
    titles = [title for _, title in setting.titles]
    assert titles[:2] == ["a", "b"]  # the most stable first; c logged nothing
    assert len(titles) == 2 * len([item for item in setting.all("svg") if item.get("role")])
    links = [unquote(item["href"]) for item in setting.all("a")]
    assert {f"../{cell_href(cell)}" for cell in group.cells.values()} <= set(links)
    rows = [row for row in setting.rows if len(row) == 6][1:]
    assert [row[0].strip() for row in rows] == ["a", "b", "c"]
    assert [row[1].split()[0] for row in rows] == ["0/6", "2/4", "6/6"]


def test_the_line_of_a_normalizer_is_its_median(made):
    page, out, _ = made
    evidence = page.evidence
    group = evidence.groups[0]
    cell = (out / cell_href(group.cells["b"])).read_text()
    setting = (out / setting_href(group)).read_text()
    bold = re.findall(r'class="median" d="([^"]*)"', cell)
    line = re.findall(r'<g class="n1"[^>]*><title>b</title><path d="([^"]*)"', setting)
    assert len(bold) == len(line) == 7
    # Heights differ with the axes; steps and their number do not.
    assert [re.findall(r"l(\d+)", path) for path in bold] == [re.findall(r"l(\d+)", path) for path in line]


def test_a_normalizer_lists_its_cells_and_its_failed_trials(made):
    page, out, _ = made
    normalizer = Page(out / normalizer_href("b"))
    tables = [row for row in normalizer.rows if len(row) == 6]
    assert [row[4] for row in tables if row[0] == "setting"] == [  # a column for each protocol
        "ring · share (higher is better)",
        "digits · fid (lower is better)",
    ]
    cells = [row for row in tables if row[0] != "setting"]
    failed = [row for row in normalizer.rows if len(row) == 4][1:]
    assert [row[0] for row in cells] == ["ring · fast", "digits · slow"]
    assert [row[1].split()[0] for row in cells] == ["6/6", "2/4"]
    assert len(normalizer.all("svg")) == 2
    assert [(row[1], row[2]) for row in failed] == [
        *((str(seed), "step 40") for seed in range(6)),
        ("2", "step 40"),
        ("5", "step 100"),
    ]
    cell = page.evidence.groups[1].cells["b"]
    assert f"../{seed_href(cell, 2)}" in [item["href"] for item in normalizer.all("a")]
    assert "abc" in normalizer.text  # the hash of its source
    assert "About b. A paper" in normalizer.text
    assert "the suite's baseline" in Page(out / normalizer_href("a")).text


def test_a_long_list_of_failed_trials_is_cut_and_says_so(ledgers):
    page, _ = write(ledgers({"a": ("c" * (FAILURES + 3),)}, points=2), ledgers.folder / "out")
    normalizer = Page(ledgers.folder / "out" / normalizer_href("a"))
    assert len([row for row in normalizer.rows if len(row) == 4]) == FAILURES + 1
    assert "3 more failed trials" in normalizer.text
    cell = Page(ledgers.folder / "out" / cell_href(page.evidence.groups[0].cells["a"]))
    assert len([row for row in cell.rows if len(row) == 6]) == FAILURES + 4  # all of them


def test_all_links_lead_to_files_that_were_written(made):
    _, out, written = made
    (out / "leaderboard.html").touch()
    known = {path.resolve() for path in written} | {(out / "leaderboard.html").resolve()}
    pages = [path for path in written if path.suffix == ".html"]
    for path in pages:
        parsed = Page(path)
        names = {item["id"] for _, item in parsed.elements if "id" in item}
        for item in (*parsed.all("a"), *parsed.all("img")):
            address, part = urldefrag(item.get("href") or item.get("src"))
            target = (path.parent / unquote(address)).resolve() if address else path.resolve()
            assert target in known | {path.resolve()}, address
            if part:
                assert part in (
                    names if target == path.resolve() else {i["id"] for _, i in Page(target).elements if "id" in i}
                )
    (out / "leaderboard.html").unlink()


def test_the_same_ledger_gives_the_same_bytes(ledgers):
    outcomes = {"a": ("..c.", "...."), "b": ("cccc", ".e..")}
    first, second = ledgers(outcomes), ledgers(outcomes, backwards=True, host="elsewhere")
    second.compact()
    one, two = (write(ledger, ledgers.folder / name)[1] for ledger, name in ((first, "x"), (second, "y")))
    assert [path.relative_to(ledgers.folder / "x") for path in one] == [
        path.relative_to(ledgers.folder / "y") for path in two
    ]
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]


def test_several_processes_write_the_same_bytes(ledgers, monkeypatch):
    ledger = ledgers({"a": ("..c.", "...."), "b": ("cdcc", ".e..")})
    ledger.compact()
    _, one = write(ledger, ledgers.folder / "x")
    monkeypatch.setattr("ganbench.reports.pages.writing.processes", lambda trials: 2)
    _, two = write(ledger, ledgers.folder / "y")
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]


@pytest.fixture(scope="module")
def hostile(shared):
    names = list(HOSTILE.values())
    settings = [(name, (name, name, {"name": name}, [(name, "higher")])) for name in names[:6]]
    outcomes = {name: (".xe",) * len(settings) for name in names}
    ledger = shared(outcomes, settings=settings, suite=names[0], message=names[1], layers=(names[0], names[1]))
    page, written = write(ledger, shared.folder / "deep" / "hostile")
    return page, shared.folder / "deep" / "hostile", written


def test_names_from_outside_stay_in_their_folder_and_are_told_apart(hostile):
    page, out, written = hostile
    assert {path.resolve().parent for path in written} == {
        out.resolve(),  # the style sheet
        *(out.resolve() / name for name in ("cells", "settings", "normalizers", "samples")),
    }
    assert {path.name for path in out.parent.iterdir()} == {"hostile"}
    assert len({normalizer_href(name).lower() for name in HOSTILE.values()}) == len(HOSTILE)
    assert len({setting_href(group).lower() for group in page.evidence.groups}) == len(page.evidence.groups)
    assert all(re.fullmatch(r"[a-z0-9.-]{1,80}", path.name) for path in written)
    assert cell_href("../../x") == cell_href("../../x")
    assert re.fullmatch(r"cells/[a-z0-9-]+\.html", cell_href("../../x"))


def test_names_from_outside_are_escaped(hostile):
    _, out, written = hostile
    for path in written:
        if path.suffix != ".html":
            continue
        page = Page(path)
        assert len(page.all("script")) == 1  # which recalls the theme
        assert not [item for item in page.all("img") if not item["src"].startswith("../samples/")]
        assert not [name for _, found in page.elements for name in found if name.startswith("on")]
        body = path.read_text(encoding="utf-8").split("<body>")[1]
        assert not re.search("[\u202a-\u202e\u2066-\u2069]", body)  # nothing turns the page's own words round
        assert not re.search(r"\b49\b", page.text)  # no name is a template
        if path.parent.name == "cells":
            assert f"layer {HOSTILE['script']} grew" in page.text  # in the reason of a failure
            assert f"method error: {HOSTILE['quotes']}" in page.text
    shown = "".join(Page(out / normalizer_href(name)).text for name in HOSTILE.values())
    for name in (HOSTILE["script"], HOSTILE["quotes"], HOSTILE["braces"], HOSTILE["style"], HOSTILE["right to left"]):
        assert name in shown


def test_a_page_lets_nothing_run_and_asks_for_nothing_but_pictures_and_their_style_sheet(made):
    for path in made[2]:
        if path.suffix == ".html":
            text = path.read_text()
            policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
            assert policy.startswith("default-src 'none'; ")
            assert re.search(r"; script-src 'sha256-[^ ']+'$", policy)
            assert not re.search(r"url\(|@import|https?:", text)


def test_colours_are_those_of_the_leaderboard(made):
    text = (made[1] / STYLESHEET).read_text() + (made[1] / normalizer_href("a")).read_text()
    style = (Path(__file__).parents[2] / "reports" / "templates" / "theme.css").read_text()
    for name in ("paper", "ink", "soft", "line", "tint", "fail", "link", "warn"):
        values = re.findall(rf"--{name}: [^;]*;", style)
        assert values and "light-dark(" in values[0]
        assert values == re.findall(rf"--{name}: [^;]*;", text)
    own = {"--dash", "--low", "--high", "--rate", "--seen", "--shade", "--still", "--width"}
    assert set(re.findall(r"var\((--[a-z0-9]+)", text)) - own <= set(re.findall(r"--[a-z0-9]+(?=:)", text))


def test_trials_without_samples_layers_or_curves_leave_a_page(ledgers):
    def strip(record):
        if record.seed == 1:
            return Record.of(record.spec, None, record.provenance, "it could not run")
        scalars = {"d_loss": record.trace.scalars["d_grad_norm"]}
        return ledgers.retraced(record, samples=None, layers={}, scalars=scalars, evaluations={})

    page, written = write(ledgers({"a": ("..c",), "b": ("ccc",)}, change=strip), ledgers.folder / "out")
    assert not [path for path in written if path.parent.name == "samples"]
    cell = Page(ledgers.folder / "out" / cell_href(page.evidence.groups[0].cells["a"]))
    assert not cell.all("svg")
    assert "no samples" in cell.text


def test_a_trace_that_ended_early_is_drawn_to_its_end(ledgers):
    def cut(record):
        if record.seed:
            return record
        trace = record.trace
        return ledgers.retraced(
            record,
            stopped=40,
            steps=trace.steps[:8],
            scalars={key: values[:8] for key, values in trace.scalars.items()},
            probe_steps=trace.probe_steps[:3],
            layers={
                name: replace(layer, variance=layer.variance[:3], sigma=layer.sigma[:3])
                for name, layer in trace.layers.items()
            },
            evaluation_steps=trace.evaluation_steps[:3],
            evaluations={key: values[:3] for key, values in trace.evaluations.items()},
        )

    page, _ = write(ledgers({"a": ("d...",)}, change=cut), ledgers.folder / "out")
    text = (ledgers.folder / "out" / cell_href(page.evidence.groups[0].cells["a"])).read_text()
    gradient = re.findall(r"<svg.*?</svg>", text)[1]
    lengths = {
        marks: path.count("l") + 1
        for marks, path in re.findall(r'<g class="(s\d f|s\d)"><title>[^<]*</title><path d="([^"]*)"', gradient)
    }
    assert lengths == {"s0 f": 7, "s1": 20, "s2": 20, "s3": 20}  # at step 40, the eighth, it is not finite any more


def test_a_folder_that_cannot_be_written_is_named(made, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file"):
        write_pages(made[0].evidence, made[0].board, lambda trials: iter(()), tmp_path / "file")


def test_samples_of_many_trials_are_read_from_parts_and_single_records(ledgers):
    ledger = ledgers({"a": ("....", "...."), "b": ("c.e.", "....")})
    expected = {record.trial_id: record.trace.samples.values for record in ledger.records() if record.trace}
    wanted = [*sorted(expected)[::2], "f" * 20]
    for compacted in (False, True):
        if compacted:
            ledger.compact()
        found = dict(Samples(ledger)(wanted))
        assert found.keys() == set(wanted) & expected.keys()
        assert all(np.array_equal(found[trial], expected[trial]) for trial in found)


def test_the_leaderboard_writes_them_and_can_leave_them_out(ledgers):
    page = leaderboard(ledgers({"a": (".c",), "b": ("..",)}))
    page.write(ledgers.folder / "out", pages=False)
    assert [path.name for path in (ledgers.folder / "out").iterdir() if path.is_dir()] == ["figures"]
    page.write(ledgers.folder / "out")
    assert (ledgers.folder / "out" / normalizer_href("a")).exists()


def test_names_that_differ_in_case_or_in_signs_only_have_pages_of_their_own():
    names = ["a b", "a_b", "A b", "a-b", "a/b", "a b ", "ａ b"]
    assert len({normalizer_href(name) for name in names}) == len(names)
    assert all(normalizer_href(name) == normalizer_href(name) for name in names)


def test_point_sets_of_a_data_set_have_one_frame(ledgers):
    def circle(record):
        angles = np.linspace(0, 2 * np.pi, 40)
        radius = 1.0 if record.seed else 0.25
        points = (radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)).astype(np.float32)
        return ledgers.retraced(record, samples=HarnessSamples(points))

    page, _ = write(ledgers({"a": ("...",), "b": ("...",)}, change=circle), ledgers.folder / "out")
    evidence = page.evidence
    radii = {}
    for name in ("a", "b"):
        for result in evidence.of(evidence.groups[0], name):
            picture = ledgers.folder / "out" / samples_href(result.trial_id, "svg")
            places = np.array([(int(x), int(y)) for x, y in re.findall(r"M(\d+) (\d+)h0", picture.read_text())])
            radii[name, result.seed] = np.abs(places - 500).max() / 500
    assert radii["a", 1] == radii["a", 2] == radii["b", 1] == pytest.approx(0.8, abs=0.02)
    assert radii["a", 0] == pytest.approx(radii["a", 1] / 4, abs=0.01)


def test_layers_stand_in_the_order_of_their_numbers(ledgers):
    def renamed(record):
        (layer, *_) = record.trace.layers.values()
        return ledgers.retraced(record, layers={f"block{number}": layer for number in (1, 10, 2)})

    page, _ = write(ledgers({"a": ("..",)}, change=renamed), ledgers.folder / "out")
    cell = Page(ledgers.folder / "out" / cell_href(page.evidence.groups[0].cells["a"]))
    words = [item["aria-label"] for item in cell.all("svg") if "variance" in item["aria-label"]]
    assert [text.split(",")[0].split()[-1] for text in words] == ["block1", "block2", "block10"]


def test_a_normalizer_lists_apart_what_its_row_does_not_count(ledgers):
    outcomes = {"v": ("...",) * 4 + ("ccc",), "w": ("ccc",) * 4 + ("...",), "x": ("...",) * 4 + ("   ",)}
    settings = [(f"s{place}", ledgers.points) for place in range(5)]
    _, written = write(ledgers(outcomes, settings=settings), ledgers.folder / "pages")
    texts = {path.name[0]: Page(path).text for path in written if path.parent.name == "normalizers"}
    for name, text in texts.items():
        own, others = text.split("Its cells in settings that the order leaves out")
        assert "The mean over 4 settings of the order. Rank" in own and "s4" not in own
        assert own.count("step 40") == (12 if name == "w" else 0)
        assert others.count("step 40") == (3 if name == "v" else 0)


def test_a_normalizer_says_over_how_many_settings_its_rate_is_as_the_table_does(ledgers):
    page, written = write(graded(ledgers, {"v": ("....", "ssss"), "w": ("..dd", "....")}), ledgers.folder / "pages")
    texts = {path.name[0]: Page(path).text for path in written if path.parent.name == "normalizers"}
    assert "The mean over 1 of 2 settings, as the others have no decided trial." in texts["v"]
    assert "The mean over 2 settings. Rank" in texts["w"]
    assert page.markdown().count("over 1 of 2 settings") == 1
