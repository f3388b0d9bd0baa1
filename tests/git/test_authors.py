"""Authors of histories without logins."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from pkgharvest.git.repository import Authors
from pkgharvest.model.observations import Contributor

NAMES = st.sampled_from(["Ann", "Bo", "ann@x.org", "@cy", "", " ", "Émile"])
ADDRESSES = st.sampled_from(["a@x.org", "A@X.org", "b@x.org", "", "c@x.org"])
COMMITS = st.lists(st.tuples(NAMES, ADDRESSES, st.none() | st.integers(0, 5)), max_size=30)


def ranked(*commits: tuple[str, str, int | None]) -> list[tuple[str, int]]:
    authors = Authors()
    for name, address, at in commits:
        authors.add(name, address, at)
    return [(person.name, person.commits) for person in authors.contributors()]


def test_an_address_is_one_author_whatever_its_case() -> None:
    assert ranked(("Ann", "a@x.org", 1), ("Ann B", "A@X.ORG", 2)) == [("Ann B", 2)]


def test_the_latest_name_of_an_author_is_shown_in_any_order() -> None:
    assert ranked(("new", "a@x.org", 2), ("old", "a@x.org", 1)) == [("new", 2)]
    assert ranked(("old", "a@x.org", 1), ("new", "a@x.org", 2)) == [("new", 2)]


def test_two_addresses_with_one_name_are_one_author() -> None:
    commits = (("Bo", "b@x.org", 1), ("Ann", "a@x.org", 1), ("Ann", "a@y.org", 1))
    assert ranked(*commits) == [("Ann", 2), ("Bo", 1)]


def test_authors_are_sorted_by_commits_then_by_date() -> None:
    commits = (("old", "o@x", 1), ("new", "n@x", 9), ("most", "m@x", 0), ("most", "m@x", 0))
    assert ranked(*commits) == [("most", 2), ("new", 1), ("old", 1)]


def test_authors_without_an_address_are_told_apart_by_name() -> None:
    assert ranked(("Ann", "", 1), ("Bo", "", 2), ("Ann", " ", 3)) == [("Ann", 2), ("Bo", 1)]


def test_an_author_is_never_shown_as_an_address() -> None:
    assert ranked(("ann@x.org", "a@x.org", 1)) == [("ann", 1)]
    assert ranked(("@handle", "a@x.org", 1)) == [("handle", 1)]


def test_an_author_without_a_name_is_left_out() -> None:
    assert ranked(("", "a@x.org", 1), ("@", "b@x.org", 1)) == []
    assert ranked(("", "a@x.org", 2), ("Ann", "a@x.org", 1)) == [("Ann", 2)]


@given(COMMITS)
def test_author_names_are_unique_and_sorted(commits: list[tuple[str, str, int | None]]) -> None:
    authors = Authors()
    for commit in commits:
        authors.add(*commit)
    people = authors.contributors()
    assert len({person.name for person in people}) == len(people)
    assert all(person.name and "@" not in person.name for person in people)
    assert [p.commits for p in people] == sorted((p.commits for p in people), reverse=True)
    assert sum(person.commits for person in people) <= len(commits)


@given(st.lists(st.sampled_from("abcdef")))
def test_commits_are_counted_by_author(names: list[str]) -> None:
    authors = Authors()
    for name in names:
        authors.add(name, f"{name}@x.org", 0)
    expected = {Contributor(name=name, commits=count) for name, count in Counter(names).items()}
    assert set(authors.contributors()) == expected
