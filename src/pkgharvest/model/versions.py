"""Versions of a project: its releases, the latest of them, and the Pythons it supports.

Versions are parsed and compared by ``packaging`` (PEP 440). Nothing is requested here: files come
from `sources.pypi`.
"""

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from pkgharvest.model.package import Release

_NEWEST_MINOR = 15
"""The newest CPython 3 minor version; a project may name a newer one itself."""

_PYTHON_3 = 3
_KNOWN_PYTHONS = ((2, 7), *((3, minor) for minor in range(_NEWEST_MINOR + 1)))
_LAST_PATCH = 999
"""Stands for the last patch of a minor version: ``>=3.6.1`` includes Python 3.6."""

_PYTHON_CLASSIFIER = re.compile(r"Programming Language :: Python :: (\d{1,3})\.(\d{1,3})", re.ASCII)
_MAJOR_CLASSIFIER = re.compile(r"Programming Language :: Python :: (\d)( :: Only)?", re.ASCII)
_LOWER_BOUNDS = frozenset({">=", ">", "~=", "=="})

_MAX_FILENAME_CHARACTERS = 512
"""No file system allows a longer name; longer ones are ignored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexFile:
    """A file of a project as an index lists it (PEP 691)."""

    filename: str
    upload_time: dt.datetime | None
    """When it was uploaded (PEP 700); None if the index does not state it."""
    yanked: bool
    yanked_reason: str | None
    requires_python: str | None
    """Its ``Requires-Python`` specifier (PEP 440); None if it has none."""


def group_releases(
    files: Iterable[IndexFile], listed: Sequence[str] | None, project: str
) -> tuple[Release, ...]:
    """Group the ``files`` of ``project`` into releases, newest first.

    ``listed`` holds the project's versions as the index spells them (PEP 700). It is None for an
    index that predates PEP 700; versions are then taken from file names and normalized. Versions
    without a file, and versions that PEP 440 does not allow, are omitted. Several spellings of
    one version make one release.

    >>> files = [
    ...     IndexFile(
    ...         filename=name,
    ...         upload_time=None,
    ...         yanked=False,
    ...         yanked_reason=None,
    ...         requires_python=">=3.8",
    ...     )
    ...     for name in ("my_app-1.0.tar.gz", "my_app-1.0-py3-none-any.whl", "my_app-1.1b2.zip")
    ... ]
    >>> releases = group_releases(files, ["1.0", "1.1-beta2", "2.0"], "my-app")
    >>> [(release.version, release.is_prerelease) for release in releases]
    [('1.1-beta2', True), ('1.0', False)]
    """
    spellings: dict[Version, str] = {}
    unparsable: set[str] = set()
    for text in listed or ():
        version = _parse_version(text)
        if version is None:
            unparsable.add(text.replace("_", "-"))  # eggs write a dash as an underscore
        else:
            spellings.setdefault(version, text)

    name = "[-_.]+".join(map(re.escape, re.split("[-_.]+", project)))
    prefix = re.compile(f"{name}-", re.IGNORECASE)
    grouped: dict[Version, list[IndexFile]] = {}
    for file in sorted(files, key=lambda file: file.filename):
        for text in _candidate_versions(file.filename, prefix):
            if text.replace("_", "-") in unparsable:
                break
            version = _parse_version(text)
            if version is not None and (listed is None or version in spellings):
                grouped.setdefault(version, []).append(file)
                break
    return tuple(
        _make_release(version, spellings.get(version, str(version)), grouped[version])
        for version in sorted(grouped, reverse=True)
    )


def latest_release(releases: Iterable[Release]) -> Release | None:
    """Return the latest release, or None if there is none.

    Releases that are not yanked come first, then final ones before pre-releases and development
    releases, then the highest version (PEP 440).

    >>> def release(version, *, yanked=False):
    ...     return Release(
    ...         version=version,
    ...         upload_time=None,
    ...         yanked=yanked,
    ...         yanked_reason=None,
    ...         requires_python=None,
    ...         is_prerelease=Version(version).is_prerelease,
    ...     )
    >>> latest_release([release("1.9"), release("1.10"), release("2.0rc1")]).version
    '1.10'
    >>> latest_release([release("1.10", yanked=True), release("2.0rc1")]).version
    '2.0rc1'
    """
    return max(
        releases,
        key=lambda release: (
            not release.yanked,
            not release.is_prerelease,
            Version(release.version),
            release.version,
        ),
        default=None,
    )


def supported_pythons(requires_python: str | None, classifiers: Sequence[str]) -> tuple[str, ...]:
    """Return the Python minor versions that a release supports, as ``X.Y``, ascending.

    These are the versions in the classifiers that ``requires_python`` allows. A major version
    without minors (``Python :: 3``) stands for all of its known minors if there is a specifier to
    narrow them. If the classifiers name no allowed version, the result is every known version that
    ``requires_python`` allows: classifiers may be stale, and installers only obey the specifier.
    A minor version is allowed if any of its patches is. A specifier that PEP 440 does not allow
    (such as ``>=3.6.*``, which is in use) is ignored.

    >>> claimed = [f"Programming Language :: Python :: {minor}" for minor in ("3.7", "3.8", "3.9")]
    >>> supported_pythons(">=3.8", claimed)
    ('3.8', '3.9')
    >>> supported_pythons(">=3.10,<3.13", ["Framework :: Django"])
    ('3.10', '3.11', '3.12')
    >>> supported_pythons(None, [])
    ()
    """
    claimed = {
        (int(match[1]), int(match[2]))
        for match in map(_PYTHON_CLASSIFIER.fullmatch, classifiers)
        if match
    }
    specifiers, bounds = _parse_specifiers(requires_python)
    if not bounds:
        return _format_minors(claimed)
    without_minors = _claimed_majors(classifiers) - {major for major, _ in claimed}
    claimed |= {minor for minor in _KNOWN_PYTHONS if minor[0] in without_minors}

    def is_allowed(minor: tuple[int, int]) -> bool:
        patches = [Version(f"{minor[0]}.{minor[1]}.{patch}") for patch in (0, _LAST_PATCH)]
        patches += [version for _, version in bounds if (version.major, version.minor) == minor]
        return any(specifiers.contains(patch) for patch in patches)

    known = {
        (version.major, version.minor)
        for operator, version in bounds
        if operator in _LOWER_BOUNDS and len(version.release) > 1
    }.union(_KNOWN_PYTHONS)
    allowed = _format_minors(filter(is_allowed, claimed))
    return allowed or _format_minors(filter(is_allowed, known))


def runs_on_python3(requires_python: str | None, classifiers: Sequence[str]) -> bool:
    """Return whether a release runs on Python 3.

    It does unless it names the Pythons it supports, and none of them is a 3.
    """
    pythons = supported_pythons(requires_python, classifiers)
    if any(python.startswith("3.") for python in pythons):
        return True
    majors = _claimed_majors(classifiers)
    if _parse_specifiers(requires_python)[1]:
        # The specifier excludes every Python 3, or allows no known Python at all.
        return not pythons
    return _PYTHON_3 in majors or not (pythons or majors)


def _parse_specifiers(
    requires_python: str | None,
) -> tuple[SpecifierSet, list[tuple[str, Version]]]:
    """Return the specifiers, and their operators with versions; both empty if not parsable."""
    try:
        specifiers = SpecifierSet(requires_python or "")
        return specifiers, [
            (specifier.operator, Version(specifier.version.removesuffix(".*")))
            for specifier in specifiers
        ]
    except ValueError:
        return SpecifierSet(), []


def _claimed_majors(classifiers: Iterable[str]) -> set[int]:
    """Return the major versions of Python that are named without a minor version."""
    return {int(match[1]) for match in map(_MAJOR_CLASSIFIER.fullmatch, classifiers) if match}


def _format_minors(pythons: Iterable[tuple[int, int]]) -> tuple[str, ...]:
    return tuple(f"{major}.{minor}" for major, minor in sorted(pythons))


def _parse_version(text: str) -> Version | None:
    try:
        return Version(text)
    except ValueError:  # InvalidVersion, or more digits than Python converts
        return None


def _candidate_versions(filename: str, prefix: re.Pattern[str]) -> Iterator[str]:
    """Yield what the version in ``filename`` may be, longest first.

    A name is the project, a dash, the version, and then nothing (``x-1.0.tar.gz``), a tag after a
    dash (``x-1.0-py2.4-win32.egg``) or a platform after a dot (``x-1.0.win32-py2.6.exe``,
    ``x-1.0.macosx-10.13-x86_64.tar.gz``). Old versions contain dashes themselves (``1.0-beta``).
    """
    begin = prefix.match(filename) or re.search(r"-v?(?=\d)", filename)
    if begin is None or len(filename) > _MAX_FILENAME_CHARACTERS:
        return
    rest = re.sub(r"(?:\.tar)?\.[^.]+\Z", "", filename[begin.end() :])
    if filename.lower().endswith((".whl", ".egg", ".rpm")):
        rest = rest.partition("-")[0]  # a build number or a tag follows
    yield rest
    for separator in reversed(list(re.finditer("[-._]", rest))):
        yield rest[: separator.start()]


def _make_release(version: Version, spelling: str, files: Sequence[IndexFile]) -> Release:
    """Build a release from its ``files``; it is yanked if all of them are (PEP 592)."""
    offered = [file for file in files if not file.yanked]
    reasons = (file.yanked_reason for file in files if file.yanked_reason)
    return Release(
        version=spelling,
        upload_time=min((file.upload_time for file in files if file.upload_time), default=None),
        yanked=not offered,
        yanked_reason=None if offered else next(reasons, None),
        requires_python=next(
            (file.requires_python for file in offered or files if file.requires_python), None
        ),
        is_prerelease=version.is_prerelease,
    )
