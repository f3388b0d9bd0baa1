"""Cards and tables: what people see, at every width, in every encoding."""

import datetime as dt
import io
import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from pkgharvest.api_v4.encode import RECORD_FIELDS, OutputStyle
from pkgharvest.formats.fields import FULL_FIELDS, choose_fields
from pkgharvest.formats.sanitize import HIDDEN_CHARACTERS
from pkgharvest.model.package import STATUSES, Downloads, Package, SourceState
from pkgharvest.terminal.console import PIPE_WIDTH, open_console
from pkgharvest.terminal.package_card import print_cards
from pkgharvest.terminal.package_table import print_package_table
from tests.support.packages import COMMITS, NOW, package, published, published_records

STYLE = OutputStyle(now=NOW)
HOSTILE = "[red]x[/red] :gear: \x1b[31m \x1b]0;t\x07 \x9b2J \u202eabc\nhttp://x.y \ud800"
DASH = "\N{EN DASH}"
NEVER = package(
    slug="new",
    title="New",
    last_fetched=None,
    last_updated=None,
    repo_watchers=0,
    repo_forks=0,
    repo_id=None,
    pypi_version=None,
    commits_over_52=(),
    participants=(),
    fetches=(),
)

Printer = Callable[[Console], None]


def printed(printer: Printer, width: int = 80, encoding: str = "utf-8", **options: Any) -> str:
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding=encoding, write_through=True, newline="\n") as file:
        printer(Console(file=file, width=width, markup=False, emoji=False, **options))
        return raw.getvalue().decode(encoding)


def card(*packages: Package, **options: Any) -> Printer:
    return lambda console: print_cards(packages, console, STYLE, **options)


def rows(*packages: Package, **options: Any) -> Printer:
    return lambda console: print_package_table(packages, console, STYLE, **options)


def unframed(text: str) -> str:
    """Return the text of a card as if it had no frame and no line ends."""
    return " ".join(re.sub(r"[│|╭╮╰╯]", " ", text).split())


def hostile(text: str = HOSTILE) -> Package:
    return package(
        title=text,
        repo_description=text,
        participants=(text, text),
        pypi_version=text,
        pypi_name=text,
        repo_url=text,
        documentation_url=text,
        pypi_url="",
        pypi_lookup_note=text,
        topics=(text,),
        pypi_classifiers=(text,),
        fetches=(
            SourceState(
                source="repo",
                last_success=None,
                last_attempt=NOW,
                last_error="malformed",
                message=text,
                consecutive_failures=1,
                next_due=NOW,
            ),
        ),
    )


# ── one package ──────────────────────────────────────────────────────────────────────────


def test_a_card_shows_the_main_facts() -> None:
    text = unframed(printed(card(package(pypi_name="django_ltree"))))
    for part in (
        "django-ltree",
        "Hierarchical tree-like data",
        "★ 72, 19 forks",
        "0.6.0 django_ltree on PyPI",
        "downloads 12,345 last month, 2,987 last week, 431 last day",
        "2025-12-11, 2 mo ago",
        "58 in 52 weeks, at most 34 in one (from 2025-04-20)",
        "▁▁.......█.............▁..▁.....▁.....▃...▁.........",
        "login10, +2 more",
        "https://github.com/mariocesar/django-ltree",
        "https://pypi.org/project/django-ltree/",
        "https://django-ltree.readthedocs.io/",
        "repo data fetched 3 h ago, next due in 21 h",
        "pypi data fetched 2 d ago, failed 3 h ago (2 in a row): pypi.org answered 503, next due",
        "download data fetched 3 h ago",
        "id 4379, category apps, grids ltree, trees, geo",
    ):
        assert part in text
    assert "login11" not in text


def explained(**changes: Any) -> list[str]:
    """Return the lines that explain a score, the number first."""
    text = printed(card(package(**changes), full=True), width=100)
    found = re.search(r"^│ (score .*\n(?:│ {10}.*\n)+)", text, re.MULTILINE)
    assert found
    lines = found[1].splitlines()
    return [" ".join(line.strip("│ ").split()) for line in lines]


def test_a_card_explains_a_score_step_by_step() -> None:
    fetched = package().last_fetched
    assert fetched is not None
    old = {"pypi_requires_python": "<3", "pypi_classifiers": ()}
    runs = "no cost for Python: supports Python 3, or states no versions"
    assert explained(repo_watchers=72, last_updated=fetched) == [
        "score 72, as of the last fetch on 2026-02-15",
        "+72.0 one point per star",
        "no cost for age: last commit less than three months old",
        runs,
    ]
    assert explained(repo_watchers=72, last_updated=fetched - dt.timedelta(days=100)) == [
        "score 64, as of the last fetch on 2026-02-15",
        "+72.0 one point per star",
        "-7.2 -10 % per whole quarter since the last commit (1)",
        runs,
        "-0.8 rounded toward zero",
    ]
    assert explained(repo_watchers=20_000, last_updated=None, **old) == [
        "score 17,000, as of the last fetch on 2026-02-15",
        "+20,000.0 one point per star",
        "-2,000.0 -10 %: date of the last commit unknown",
        "-1,000.0 -30 %, at most -1,000: no Python 3 support",
    ]
    assert explained(repo_watchers=1000, last_updated=fetched - dt.timedelta(days=3660)) == [
        "score -500, as of the last fetch on 2026-02-15",
        "+1,000.0 one point per star",
        "-4,000.0 -10 % per whole quarter since the last commit (40)",
        runs,
        "+2,500.0 the lowest score is -500",
    ]


def test_a_card_explains_the_score_of_a_package_without_stars() -> None:
    old = {"pypi_requires_python": "<3", "pypi_classifiers": (), "last_updated": None}
    assert explained(repo_watchers=0, **old) == [
        "score 0, as of the last fetch on 2026-02-15",
        "+0.0 one point per star",
        "no cost for age: no stars",
        "no cost for Python: no stars",
    ]
    unstated = {"repo_forks": 0, "repo_id": None}
    assert explained(repo_watchers=0, **unstated, **old)[1] == "+0.0 number of stars unknown"


def test_a_card_dates_a_score_without_a_fetch_by_the_last_change() -> None:
    stated = explained(last_fetched=None, fetches=())
    assert stated[0] == "score 72, as of the last change on 2026-01-28, never fetched"


def test_a_card_aligns_the_reasons_of_a_score() -> None:
    text = printed(card(package(), full=True), width=80)
    reasons = ("one point per", "no cost for age", "no cost for Py")
    starts = {line.index(why) for line in text.splitlines() for why in reasons if why in line}
    assert len(starts) == 1


def test_a_card_shows_downloads_once_and_only_if_known() -> None:
    known = printed(card(package(), full=True), width=100)
    assert len(re.findall(r"^│ downloads ", known, re.MULTILINE)) == 1
    without = package(downloads=None)
    assert "downloads" not in printed(card(without))
    assert re.search(rf"downloads +{DASH}", printed(card(without, full=True)))
    none = package(downloads=Downloads(last_day=0, last_week=0, last_month=0))
    assert "0 last month" in printed(card(none))


def test_a_card_aligns_the_ages_of_all_sources() -> None:
    lines = printed(card(package())).splitlines()
    starts = {line.index("fetched") for line in lines if re.search(r"^. \w+ data ", line)}
    labels = {line.index("id 4379") for line in lines if "id 4379" in line}
    assert starts == labels


def test_a_card_aligns_the_sparkline_with_its_first_and_last_day() -> None:
    lines = printed(card(package())).splitlines()
    number = next(number for number, line in enumerate(lines) if "█" in line)
    dates = re.fullmatch(r"│( +)2025-02-16 +2026-02-14 *│", lines[number + 1])
    assert dates
    assert lines[number].index("▁") == 1 + len(dates[1])
    assert lines[number].rindex(".") == lines[number + 1].rindex("4")


def test_a_card_shows_days_in_the_chosen_zone() -> None:
    late = package(last_updated=dt.datetime(2026, 1, 1, 2, tzinfo=dt.UTC))
    west = OutputStyle(now=NOW, zone=dt.timezone(dt.timedelta(hours=-5)))
    assert "2025-12-31" in printed(lambda console: print_cards([late], console, west))


def test_a_card_shows_unknown_values_as_unknown_and_not_zero() -> None:
    text = printed(card(NEVER))
    for label in ("stars", "last commit", "commits", "participants"):
        assert re.search(rf"{label} +unknown", text)
    assert "never fetched" in text
    assert not re.search(r"\b0\b", text)


def test_star_counts_that_a_host_never_stated_are_unknown() -> None:
    unstated = package(repo_watchers=0, repo_forks=0, repo_id=None)
    assert re.search("stars +unknown", printed(card(unstated)))
    assert printed(rows(unstated), width=160).splitlines()[1].split()[1:3] == [DASH, DASH]
    zero = unstated._replace(repo_id="7")
    assert "★ 0, 0 forks" in printed(card(zero))
    assert printed(rows(zero), width=160).splitlines()[1].split()[1:3] == ["0", "0"]
    imported = unstated._replace(repo_forks=3)
    assert "★ 0, 3 forks" in printed(card(imported))
    assert printed(rows(imported), width=160).splitlines()[1].split()[1:3] == ["0", "3"]


@pytest.mark.parametrize(
    ("category", "grids", "words"),
    [
        ("apps", ("a", "b"), "id 4379, category apps, grids a, b"),
        (None, ("a",), "id 4379, grid a"),
        (None, (), "id 4379"),
    ],
)
def test_a_card_shows_the_slugs_of_category_and_grids(
    category: str | None, grids: tuple[str, ...], words: str
) -> None:
    text = printed(card(package(category_slug=category, grid_slugs=grids)))
    assert re.search(rf"catalog +{words} *│", text)


def test_imported_star_counts_of_zero_are_known_if_they_were_fetched() -> None:
    stated = package(repo_id=None, repo_watchers=0, repo_forks=0, fetches=())
    assert re.search("stars +★ 0, 0 forks", printed(card(stated)))
    for never in (stated._replace(repo_url=""), stated._replace(last_fetched=None)):
        assert not never.has_star_counts


def test_a_card_shows_a_year_without_commits_as_zeros() -> None:
    text = printed(card(package(commits_over_52=(0,) * 52)))
    assert "0 in 52 weeks" in text
    assert "." * 52 in text


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_is_shown_in_words(status: Any) -> None:
    gone = package(status=status, archived_at=NOW if status == "archived" else None)
    shown = re.search(rf"status +{status}", printed(card(gone)))
    assert bool(shown) == (status != "active")
    words = "failing" if status == "active" else f"{status}, failing"
    assert printed(rows(gone), width=140).endswith(f"  {words}\n")
    calm = package(status=status, fetches=())
    assert printed(rows(calm), width=140).endswith(f"  {status}\n")


def test_a_card_without_a_pypi_project_shows_what_was_tried() -> None:
    text = printed(card(package(pypi_name=None, pypi_url="", pypi_lookup_note="django_ltree")))
    assert re.search(r"PyPI +none; django_ltree", text)


def test_a_card_shows_what_is_doubtful_about_a_pypi_project() -> None:
    shown = unframed(
        printed(card(package(pypi_lookup_note="it links here no longer: not followed")))
    )
    assert (
        "https://pypi.org/project/django-ltree/ it links here no longer: not followed "
        "documentation" in shown
    )


def test_a_card_shows_the_name_of_a_pypi_project_that_was_never_found() -> None:
    lost = package(pypi_name="no-such-thing", pypi_url="", pypi_version=None)
    assert re.search(r"PyPI +no-such-thing, never found *│", printed(card(lost)))
    new = lost._replace(fetches=())
    assert re.search(r"PyPI +no-such-thing, not fetched yet *│", printed(card(new)))
    nameless = lost._replace(pypi_name=None)
    assert re.search(r"PyPI +none *│", printed(card(nameless)))


@pytest.mark.parametrize("width", [46, 50, 60, 80, 120])
@pytest.mark.parametrize("options", [{}, {"full": True}, {"fields": FULL_FIELDS}])
def test_a_card_keeps_urls_whole_if_they_fit(width: int, options: dict[str, Any]) -> None:
    lines = printed(card(package(homepage="https://h.example/" + 22 * "x"), **options), width)
    for url in (
        "https://github.com/mariocesar/django-ltree",
        "https://pypi.org/project/django-ltree/",
        "https://django-ltree.readthedocs.io/",
        *(["https://h.example/" + 22 * "x"] if options else []),
    ):
        assert re.search(rf"[│ ]{re.escape(url)} *│", lines)


def test_a_card_shows_urls_that_fit_beside_their_labels() -> None:
    lines = printed(card(package()), width=60)
    assert re.search(r"│ repository +│\n│   https://github.com/mariocesar/django-ltree +│", lines)
    assert re.search(r"│ PyPI           https://pypi.org/project/django-ltree/ +│", lines)
    assert re.search(r"│ documentation  https://django-ltree.readthedocs.io/ +│", lines)


def test_a_card_folds_a_url_that_fits_no_line() -> None:
    url = f"https://h.example/{'long/' * 30}"
    lines = printed(card(package(repo_url=url)), width=60)
    assert url in unframed(lines).replace(" ", "")


def test_a_full_card_adds_every_other_field() -> None:
    text = printed(card(package(), full=True), width=100)
    for field in FULL_FIELDS[len(RECORD_FIELDS) :]:
        if field.name not in {"fetches", "pypi_name"}:  # shown by the card itself
            assert re.search(rf"\b{field.name}\b", text)
    assert "yanked: broken wheel" in text


def test_a_full_card_shows_the_newest_versions_and_counts_the_others() -> None:
    many = package(versions=package().versions * 20)
    assert "+30 more" in printed(card(many, full=True))


def test_a_card_shows_exactly_the_chosen_fields() -> None:
    text = printed(card(package(), fields=choose_fields("repo_forks,archived,archived_at,topics")))
    assert [line.strip("│ ").split(maxsplit=1) for line in text.splitlines()[1:-1]] == [
        ["repo_forks", "19"],
        ["archived", "no"],
        ["archived_at", DASH],
        ["topics", "django, postgres"],
    ]


def test_a_card_shows_a_long_title_in_full() -> None:
    title = "word " * 60 + "end"
    assert title in unframed(printed(card(package(title=title))))


# ── many ─────────────────────────────────────────────────────────────────────────────────


def test_a_table_has_a_line_per_package() -> None:
    text = printed(rows(package(), NEVER), width=160)
    header, first, second = text.splitlines()
    assert " ".join(header.split()) == (
        "package stars forks version last commit commits 52 weeks fetched status"
    )
    assert re.split(r"  +", first) == [
        "django-ltree",
        "72",
        "19",
        "0.6.0",
        "2 mo ago",
        "58",
        "▁▁.......█.............▁..▁.....▁.....▃...▁.........",
        "3 h ago",
        "failing",
    ]
    assert re.split(r"  +", second) == [*("new", *[DASH] * 5, "unknown", "never", "active")]


def test_a_narrow_table_omits_the_least_important_columns() -> None:
    calm = package(fetches=())
    headers = {
        width: printed(rows(calm), width=width).splitlines()[0].rstrip()
        for width in (20, 40, 60, 80, 100, 140)
    }
    assert headers[20].split() == ["package", "stars"]
    assert headers[40].split() == ["package", "stars", "forks", "last", "commit"]
    assert "52 weeks" in headers[60]
    assert "fetched" in headers[80]
    assert [len(re.findall(r"status", header)) for header in headers.values()] == [
        *(0, 0, 0, 0, 1, 1)
    ]


@pytest.mark.parametrize(("width", "cells"), [(80, 13), (110, 26), (140, 52)])
def test_a_table_has_the_widest_sparkline_that_fits(width: int, cells: int) -> None:
    line = printed(rows(package(fetches=())), width=width).splitlines()[1]
    assert max(len(part) for part in re.findall("[.▁▂▃▄▅▆▇█]+", line)) == cells


def test_a_narrow_table_keeps_an_unusual_status() -> None:
    text = printed(rows(package(status="gone", fetches=()), package(fetches=())), width=30)
    assert [line.split() for line in text.splitlines()] == [
        ["package", "stars", "status"],
        ["django-ltree", "72", "gone"],
        ["django-ltree", "72", "active"],
    ]


@pytest.mark.parametrize("width", [36, 40, 50, 60, 80, 100, 126])
def test_a_table_never_hides_that_a_package_is_gone_or_failing(width: int) -> None:
    long = "a-very-long-name-" * 6
    for ill, words in (
        (package(slug=long, title=long, status="gone", fetches=()), "gone"),
        (package(slug=long, title=long), "failing"),
        (package(slug=long, title=long, status="archived"), "archived, failing"),
    ):
        first = printed(rows(ill, NEVER), width=width).splitlines()[1]
        assert first.endswith(f"  {words}")


def test_a_table_shows_titles_that_differ_from_the_slug() -> None:
    alike = package(slug="django-tree-2", title="Django_Tree 2", fetches=())
    other = package(slug="zzz", title="All about trees", fetches=())
    assert "title" not in printed(rows(alike), width=160)
    header, first, second = printed(rows(alike, other), width=160).splitlines()
    assert header.endswith("  title")
    assert first.endswith("  active")
    assert second.endswith("  active  All about trees")
    assert "title" not in printed(rows(alike, other), width=40)


def test_a_table_folds_long_names_and_never_cuts_them() -> None:
    slug = "a-very-long-name-" * 6
    text = printed(rows(package(slug=slug)), width=80)
    assert "".join(line.split()[0] for line in text.splitlines()[1:]) == slug


def test_a_table_has_exactly_the_chosen_fields() -> None:
    text = printed(
        rows(package(), fields=choose_fields("slug,repo_forks,commits_over_52")), width=80
    )
    assert [line.split() for line in text.splitlines()] == [
        ["slug", "repo_forks", "commits_over_52"],
        ["django-ltree", "19", "▁...█......▁.▁..▁..▃.▁...."],
    ]


@pytest.mark.parametrize("width", range(40, 140, 5))
def test_a_table_of_chosen_fields_never_cuts_a_sparkline(width: int) -> None:
    fields = choose_fields("slug,title,commits_over_52,participants")
    text = printed(rows(package(), fields=fields), width=width)
    drawn = max(re.findall("[.▁▂▃▄▅▆▇█]{9,}", text), key=len)
    assert len(drawn) == (52 if width >= 100 else 26 if width >= 60 else 13)
    card_text = printed(card(package(), fields=FULL_FIELDS), width=width)
    assert drawn in card_text


def test_a_table_of_too_many_fields_becomes_cards() -> None:
    text = printed(rows(package(), package(), fields=FULL_FIELDS), width=80)
    assert text.count("╭") == 2
    assert all(re.search(rf"│ {field.name} ", text) for field in FULL_FIELDS)


def test_a_table_of_no_packages_is_one_line() -> None:
    assert printed(rows(), width=80).count("\n") == 1
    assert printed(rows(fields=FULL_FIELDS), width=80).count("\n") == 1


# ── on any screen ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1", "cp437"])
def test_hostile_text_is_only_text_in_cards_and_tables(encoding: str) -> None:
    for printer in (
        card(hostile(), full=True),
        card(hostile(), fields=FULL_FIELDS),
        rows(hostile()),
        rows(hostile(), fields=choose_fields("title,participants")),
    ):
        text = printed(printer, width=100, encoding=encoding)
        assert not re.search(r"[\x00-\x09\x0b-\x1f]", text)
        assert not re.search(HIDDEN_CHARACTERS, text)
    assert "[red]x[/red] :gear: \\x1b[31m" in unframed(printed(card(hostile()), 100, encoding))


def test_foreign_text_cannot_set_colors_or_links() -> None:
    shown = printed(
        card(package(repo_description=HOSTILE)), force_terminal=True, color_system="truecolor"
    )
    assert "\x1b]8;" not in shown, "a link"
    assert "[red]x[/red] :gear:" in re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert "\x1b[31m" not in shown, "red is for a package that is gone"


def test_a_card_without_colors_has_the_same_text() -> None:
    gone = package(status="gone")
    colored = printed(card(gone), force_terminal=True, color_system="truecolor")
    assert "\x1b[" in colored
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == printed(card(gone))


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437"])
def test_a_console_without_block_characters_gets_ascii(encoding: str) -> None:
    foreign = package(repo_description="日本 café", title="x" * 200)
    for printer in (
        card(foreign, full=True),
        rows(foreign, NEVER),
        rows(foreign, fields=FULL_FIELDS),
    ):
        text = printed(printer, encoding=encoding)
        assert not set(text) & {*"█▁★…│╭", DASH}
    assert "* 72, 19 forks" in printed(card(foreign), encoding=encoding)


@settings(deadline=None, max_examples=25)
@given(
    st.integers(40, 200),
    st.text(st.characters(), max_size=120),
    st.sampled_from(["utf-8", "ascii"]),
)
def test_no_line_of_a_card_or_table_is_wider_than_the_screen(
    width: int, text: str, encoding: str
) -> None:
    wild = [hostile(text), package(slug="x" * 90, status="archived"), NEVER]
    for printer in (
        card(*wild, full=True),
        card(*wild, fields=FULL_FIELDS),
        rows(*wild),
        rows(*wild, fields=choose_fields("title,repo_description,commits_over_52,versions")),
        rows(*wild, fields=choose_fields("slug,repo_forks")),
    ):
        lines = printed(printer, width, encoding).split("\n")
        assert max(map(cell_len, lines)) <= width


@pytest.mark.parametrize("width", range(40, 201, 20))
def test_a_table_of_published_records_fits_every_screen(width: int) -> None:
    packages: Sequence[Package] = [published(record) for record in published_records()]
    text = printed(rows(*packages or [package()]), width)
    assert max(map(cell_len, text.split("\n"))) <= width
    folded = sum(max(len(each.slug) // 33, len(each.title) // 25) for each in packages)
    assert 0 <= text.count("\n") - 1 - len(packages or [0]) <= folded


def test_a_console_for_a_pipe_is_wide_unless_columns_is_set() -> None:
    assert open_console(io.StringIO(), {}).width == PIPE_WIDTH
    assert open_console(io.StringIO(), {"COLUMNS": "77"}).width == 77
    assert open_console(io.StringIO(), {"COLUMNS": "wide"}).width == PIPE_WIDTH
    assert sum(COMMITS) == 58
