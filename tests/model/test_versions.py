"""Which file belongs to which version, which release is the latest, which Pythons it runs on."""

import datetime as dt
import random
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.version import InvalidVersion, Version

from pkgharvest.model.package import Release
from pkgharvest.model.versions import (
    IndexFile,
    group_releases,
    latest_release,
    runs_on_python3,
    supported_pythons,
)

NOON = dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)


def made(
    filename: str,
    *,
    uploaded: dt.datetime | None = NOON,
    yanked: bool = False,
    reason: str | None = None,
    requires: str | None = None,
) -> IndexFile:
    return IndexFile(
        filename=filename,
        upload_time=uploaded,
        yanked=yanked,
        yanked_reason=reason,
        requires_python=requires,
    )


def release(version: str, *, yanked: bool = False) -> Release:
    return Release(
        version=version,
        upload_time=None,
        yanked=yanked,
        yanked_reason=None,
        requires_python=None,
        is_prerelease=Version(version).is_prerelease,
    )


def spelled(names: Sequence[str], listed: Sequence[str] | None, project: str) -> list[str]:
    return [one.version for one in group_releases([made(name) for name in names], listed, project)]


# ── files and versions ──

LISTED = ["1.0", "1.0.1", "1.0.1.1", "0.2-beta", "1.0-2", "2.0.post1", "2004d", "3.3.0b2", "0.1a0"]


@pytest.mark.parametrize(
    ("filename", "version"),
    [
        ("zope.interface-1.0.tar.gz", "1.0"),
        ("zope_interface-1.0.tar.gz", "1.0"),
        ("zope_interface-1.0.1-py3-none-any.whl", "1.0.1"),
        ("zope_interface-1.0-2-py3-none-any.whl", "1.0"),  # a build of 1.0, no 1.0.post2
        ("zope__interface-1.0.1-cp39-cp39-win32.whl", "1.0.1"),
        ("zope.interface-1.0.1-py2.4-win32.egg", "1.0.1"),
        ("zope.interface-3.3.0b2-py2.6-win-amd64.egg", "3.3.0b2"),
        ("zope.interface-1.0.1.1.win32-py2.6.exe", "1.0.1.1"),
        ("zope.interface-1.0.win-amd64-py2.6.exe", "1.0"),
        ("zope.interface-1.0.win32.exe", "1.0"),
        ("zope.interface-1.0.win32-py2.7.msi", "1.0"),
        ("zope_interface-0.1a0.macosx-10.13-x86_64.tar.gz", "0.1a0"),
        ("zope.interface-1.0.linux-i686.tar.gz", "1.0"),
        ("Zope.Interface-1.0.1.zip", "1.0.1"),
        ("zope.interface-1.0.1.tgz", "1.0.1"),
        ("zope.interface-1.0.1.tar.bz2", "1.0.1"),
        ("zope.interface-1.0-1.noarch.rpm", "1.0"),
        ("zope.interface-0.2-beta.tar.gz", "0.2-beta"),
        ("zope.interface-0.2b0.tar.gz", "0.2-beta"),
        ("zope.interface-1.0-2.tar.gz", "1.0-2"),
        ("zope.interface-2.0-1.tar.gz", "2.0.post1"),
        ("zope.interface-2.0.post1.tar.gz", "2.0.post1"),
        ("zope.interface-1.0.0.tar.gz", "1.0"),
        ("Interface-1.0.1.tar.gz", "1.0.1"),  # of a time when names were not looked at
    ],
)
def test_a_file_belongs_to_the_version_in_its_name(filename: str, version: str) -> None:
    assert spelled([filename], LISTED, "zope-interface") == [version]


@pytest.mark.parametrize(
    "filename",
    [
        "zope.interface-2004d.tar.gz",  # listed, but no version of PEP 440
        "zope.interface-9.9.tar.gz",
        "zope.interface.tar.gz",
        "zope.interface-.tar.gz",
        "readme.txt",
        "",
        f"zope.interface-{'1.' * 400}0.tar.gz",
        f"zope.interface-{'9' * 5000}.tar.gz",
    ],
)
def test_a_file_of_no_listed_version_is_ignored(filename: str) -> None:
    assert spelled([filename], LISTED, "zope-interface") == []


def test_a_legacy_version_is_not_mistaken_for_a_shorter_version() -> None:
    listed = ["0.1dev", "0.1dev-r1234"]
    names = ["x-0.1dev-r1234.tar.gz", "x-0.1dev_r1234-py2.5.egg"]
    assert spelled(names, listed, "x") == []
    assert spelled(["x-0.1dev.tar.gz"], listed, "x") == ["0.1dev"]


def test_listed_versions_without_files_are_omitted() -> None:
    assert spelled(["x-1.0.tar.gz"], ["1.0", "3.0.0b1", "legacy"], "x") == ["1.0"]


def test_a_project_name_that_ends_like_a_version_is_not_a_version() -> None:
    assert spelled(["foo-2-1.0.tar.gz"], ["1.0", "2"], "foo-2") == ["1.0"]
    assert spelled(["foo-2-1.0.tar.gz"], None, "foo-2") == ["1.0"]


def test_without_a_list_versions_come_from_file_names() -> None:
    names = [
        "x-1.0.0-py3-none-any.whl",
        "x-1.0.0-1-py3-none-any.whl",
        "x-1.1-1.noarch.rpm",
        "x-1.2.dev3.tar.gz",
        "x-1.2-py2.7.egg",
        "x-1.3+local.1.tar.gz",
        "x-2.0.win32-py2.6.exe",
        "x-0.2-beta.tar.gz",
        "x-2004d.tar.gz",
    ]
    assert spelled(names, None, "x") == [
        *("2.0", "1.3+local.1", "1.2", "1.2.dev3", "1.1", "1.0.0", "0.2b0"),
    ]


def test_an_empty_list_of_versions_allows_no_version() -> None:
    assert spelled(["x-1.0.tar.gz"], [], "x") == []


def test_two_spellings_of_one_version_are_one_release() -> None:
    assert spelled(["x-1.0.tar.gz", "x-1.0.0.tar.gz"], ["1.0", "1.0.0"], "x") == ["1.0"]


def test_releases_are_sorted_newest_first_by_pep_440() -> None:
    versions = ["1.9", "1.10", "1!0.1", "1.10rc1", "1.10.post1", "1.10.dev2"]
    names = [f"x-{version}.tar.gz" for version in versions]
    expected = ["1!0.1", "1.10.post1", "1.10", "1.10rc1", "1.10.dev2", "1.9"]
    assert spelled(names, versions, "x") == expected


def test_a_release_is_yanked_if_all_of_its_files_are() -> None:
    earlier = NOON - dt.timedelta(days=1)
    whole, part = group_releases(
        [
            made("x-2.0.tar.gz", yanked=True, reason="broken"),
            made("x-2.0-py3-none-any.whl", yanked=True, uploaded=earlier, requires=">=3.8"),
            made("x-1.0-py3-none-any.whl", yanked=True, reason="broken", requires=">=2.7"),
            made("x-1.0.tar.gz", requires=">=3.6", uploaded=None),
        ],
        ["1.0", "2.0"],
        "x",
    )
    assert (whole.yanked, whole.yanked_reason) == (True, "broken")
    assert (whole.upload_time, whole.requires_python) == (earlier, ">=3.8")
    assert (part.yanked, part.yanked_reason) == (False, None)
    assert (part.upload_time, part.requires_python) == (NOON, ">=3.6")


@given(st.text(max_size=60), st.none() | st.lists(st.text(max_size=10)), st.integers(0, 3))
@example("x-1.0-\n", None, 0)
def test_any_file_name_can_be_searched_for_a_version(
    text: str, listed: list[str] | None, dashes: int
) -> None:
    files = [made(text), made("x-" + text), made("x-1.0" + "-" * dashes + text + ".whl")]
    for one in group_releases(files, listed, "x"):
        assert Version(one.version)
        assert listed is None or one.version in listed


_VERSIONS = st.from_regex(
    r"([1-2]!)?[0-9]{1,2}(\.[0-9]{1,2}){0,3}((a|b|rc)[0-9])?(\.post[0-9])?(\.dev[0-9])?",
    fullmatch=True,
)
_SHAPES = st.sampled_from(
    [
        "{}.tar.gz",
        "{}.zip",
        "{}-py3-none-any.whl",
        "{}-1-cp39-cp39-linux_x86_64.whl",
        "{}-py2.4-win32.egg",
        "{}.win32-py2.6.exe",
        "{}.macosx-10.13-x86_64.tar.gz",
        "{}-1.noarch.rpm",
    ]
)


@given(st.lists(st.tuples(_VERSIONS, _SHAPES), unique=True, max_size=20), st.randoms())
def test_every_file_finds_its_version(pairs: list[tuple[str, str]], chance: random.Random) -> None:
    files = [made("zope.interface-" + shape.format(version)) for version, shape in pairs]
    listed = list(dict.fromkeys(version for version, _ in pairs))
    found = group_releases(files, listed, "zope-interface")
    assert {Version(one.version) for one in found} == set(map(Version, listed))
    unlisted = group_releases(files, None, "zope-interface")
    assert [Version(one.version) for one in unlisted] == [Version(one.version) for one in found]
    shuffled = chance.sample(files, len(files))
    assert group_releases(shuffled, listed, "zope-interface") == found


# ── the latest ──


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        (["1.0", "1.1rc1"], "1.0"),
        (["0.1a1", "0.1a2"], "0.1a2"),
        (["1.0", "1.0.post1.dev1"], "1.0"),
        (["1!0.1", "2026.1"], "1!0.1"),
        (["1.9", "1.10"], "1.10"),
        (["2.0-yanked", "1.0", "1.1rc1"], "1.0"),
        (["1.0-yanked", "1.1rc1"], "1.1rc1"),
        (["1.0-yanked", "2.0-yanked", "3.0a1-yanked"], "2.0"),
    ],
)
def test_the_latest_release_is_not_yanked_then_final_then_highest(
    versions: list[str], expected: str
) -> None:
    there = [
        release(text.removesuffix("-yanked"), yanked=text.endswith("-yanked")) for text in versions
    ]
    found = latest_release(there)
    assert found is not None
    assert found.version == expected


def test_the_latest_release_does_not_depend_on_the_order_of_spellings() -> None:
    there = [release("1.0"), release("1.0.0")]
    assert latest_release(there) == latest_release(reversed(there))


def test_the_latest_release_of_none_is_none() -> None:
    assert latest_release([]) is None


_RELEASES = st.lists(st.builds(release, _VERSIONS, yanked=st.booleans()), min_size=1)


@given(_RELEASES, st.randoms())
def test_no_release_ranks_above_the_latest_release(
    there: list[Release], chance: random.Random
) -> None:
    found = latest_release(there)
    assert found is not None
    assert found in there
    assert latest_release(chance.sample(there, len(there))) == found
    offered = [one for one in there if not one.yanked]
    assert not (found.yanked and offered)
    peers = offered or there
    finals = [one for one in peers if not one.is_prerelease]
    assert not (found.is_prerelease and finals)
    assert Version(found.version) == max(Version(one.version) for one in finals or peers)


# ── Pythons ──


def claims(*minors: str) -> list[str]:
    return [f"Programming Language :: Python :: {minor}" for minor in minors]


@pytest.mark.parametrize(
    ("requires", "claimed", "expected"),
    [
        (None, [], ()),
        ("", [], ()),
        (None, ["3"], ()),
        (None, ["3", "3 :: Only", "Implementation :: CPython"], ()),
        (None, ["3.10", "3.9", "2.7", "3.9"], ("2.7", "3.9", "3.10")),
        (">=3.8", ["3.6", "3.8", "3.9"], ("3.8", "3.9")),
        (">=3.6.1", ["3.5", "3.6", "3.7"], ("3.6", "3.7")),
        (">3.6.1", ["3.5", "3.6"], ("3.6",)),
        ("<3.9.5,>=3.8", ["3.8", "3.9", "3.10"], ("3.8", "3.9")),
        ("<3.10", ["3.9", "3.10"], ("3.9",)),
        (">=2.7, !=3.0.*, !=3.1.*", ["2.7", "3.0", "3.1", "3.2"], ("2.7", "3.2")),
        (">=3.6.*", ["3.6", "3.7"], ("3.6", "3.7")),
        (">=3.6.*", [], ()),
        ("three", ["3.6"], ("3.6",)),
        (">=" + "9" * 5000, ["3.6"], ("3.6",)),
        ("===three", ["3.6"], ("3.6",)),
        (None, ["9" * 5000 + ".1", "3.٣"], ()),
        (">=3.12,<3.14", [], ("3.12", "3.13")),
        ("~=3.12.4,<4", [], ("3.12",)),
        ("==3.9.7", [], ("3.9",)),
        ("==3.9.*", [], ("3.9",)),
        ("<=3.1", [], ("2.7", "3.0", "3.1")),
        (">=2.6,<3", [], ("2.6", "2.7")),
        (">=3.99.0rc1", [], ("3.99",)),
        (">=3.99", ["3.6"], ("3.99",)),
        (">=2.7,<3.2,!=3.0.*", ["2.7", "3"], ("2.7", "3.1")),
        (">=2.7,<3.2", ["2", "3.1"], ("2.7", "3.1")),
        (">=3.1,<3.3", ["3", "3 :: Only"], ("3.1", "3.2")),
        ("<3", ["2.7", "3"], ("2.7",)),
        (None, ["2.7", "3"], ("2.7",)),
    ],
)
def test_supported_pythons_come_from_classifiers_and_specifier(
    requires: str | None, claimed: list[str], expected: tuple[str, ...]
) -> None:
    assert supported_pythons(requires, claims(*claimed)) == expected


@pytest.mark.parametrize(
    ("requires", "claimed", "expected"),
    [
        (None, [], True),
        (None, ["Implementation :: PyPy"], True),
        (None, ["2.7"], False),
        (None, ["2", "2 :: Only"], False),
        (None, ["2.7", "3"], True),
        (None, ["2.7", "3.4"], True),
        (">=3.8", [], True),
        (">=3.8", ["2.7"], True),
        (">=2.7", ["2.7", "3"], True),
        (">=2.7", ["2.7"], False),
        ("<3", [], False),
        ("<3", ["2.7", "3"], False),
        ("<3", ["3"], False),
        (">=4", [], True),
        ("three", ["2.7"], False),
        ("three", ["2.7", "3"], True),
    ],
)
def test_a_release_runs_on_python_3_unless_it_names_only_others(
    requires: str | None, claimed: list[str], expected: bool
) -> None:
    assert runs_on_python3(requires, claims(*claimed)) is expected


def test_supported_pythons_of_an_open_specifier_end_at_the_newest() -> None:
    found = supported_pythons(">=3.11", [])
    assert found[:4] == ("3.11", "3.12", "3.13", "3.14")
    assert len(found) < 10


def test_a_python_that_is_only_excluded_is_not_supported() -> None:
    assert "3.99" not in supported_pythons(">=3.11, !=3.99.1", [])
    assert "3.99" not in supported_pythons(">=3.11, <=3.99", [])


@given(st.none() | st.text(), st.lists(st.text() | st.sampled_from(claims("3.6", "3.14", "3"))))
def test_supported_pythons_of_any_text_are_sorted_and_unique(
    requires: str | None, classifiers: list[str]
) -> None:
    found = supported_pythons(requires, classifiers)
    assert list(found) == sorted(set(found), key=Version)


@given(st.text())
def test_invalid_versions_make_no_release(text: str) -> None:
    try:
        Version(text)
    except InvalidVersion:
        assert spelled([f"x-{text}.tar.gz"], [text], "x") == []
