"""Versions: which file belongs to which, which release is the latest, which Pythons it runs on.

Everything is by PEP 440, in the words of ``packaging``; nothing here asks anybody anything.
"""

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from pkgharvest.model.package import Release

_NEWEST_PYTHON = 15
"""The newest minor of CPython 3 that is out; a project may name a newer one itself."""

_PYTHON_3 = 3
_KNOWN_PYTHONS = ((2, 7), *((3, minor) for minor in range(_NEWEST_PYTHON + 1)))
_ANY_PATCH = 999
"""Stands for the last patch of a minor: ``>=3.6.1`` means that 3.6 will do."""

_PYTHON_CLASSIFIER = re.compile(r"Programming Language :: Python :: (\d{1,3})\.(\d{1,3})", re.ASCII)
_MAJOR_CLASSIFIER = re.compile(r"Programming Language :: Python :: (\d)( :: Only)?", re.ASCII)
_LOWER_BOUNDS = frozenset({">=", ">", "~=", "=="})

_LONGEST_FILENAME = 512
"""No file system holds a longer name; what is longer is not read."""

_SUFFIX = re.compile(r"(?:\.tar)?\.[^.]+\Z")
_DASHLESS = (".whl", ".egg", ".rpm")
"""Kinds of file whose version ends at the first dash: what follows is a build or a tag."""

_SEPARATOR = re.compile("[-._]")
_OTHER_NAME = re.compile(r"-v?(?=\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexFile:
    """A file of a project, as an index lists it (PEP 691)."""

    filename: str
    upload_time: dt.datetime | None
    yanked: bool
    yanked_reason: str | None
    requires_python: str | None


def group_releases(
    files: Iterable[IndexFile], listed: Sequence[str] | None, project: str
) -> tuple[Release, ...]:
    """Sort the ``files`` of ``project`` into releases, newest first.

    ``listed`` are the project's versions as the index spells them (PEP 700), None where it is
    older than that: the versions are then what the names of the files say, normalised. A version
    without a file, or that PEP 440 cannot read, is left out; spellings of one version are one.
    """
    spellings: dict[Version, str] = {}
    unreadable: set[str] = set()
    for text in listed or ():
        version = _version(text)
        if version is None:
            unreadable.add(text.replace("_", "-"))  # as eggs escape it, and back
        else:
            spellings.setdefault(version, text)

    name = "[-_.]+".join(map(re.escape, re.split("[-_.]+", project)))
    prefix = re.compile(f"{name}-", re.IGNORECASE)
    grouped: dict[Version, list[IndexFile]] = {}
    for file in sorted(files, key=lambda file: file.filename):
        for text in _candidates(file.filename, prefix):
            if text.replace("_", "-") in unreadable:
                break
            version = _version(text)
            if version is not None and (listed is None or version in spellings):
                grouped.setdefault(version, []).append(file)
                break
    return tuple(
        _release(version, spellings.get(version, str(version)), grouped[version])
        for version in sorted(grouped, reverse=True)
    )


def latest_release(candidates: Iterable[Release]) -> Release | None:
    """Return the latest release, None where there is none.

    Not yanked goes before yanked, then final before pre-release (a development release is one),
    then what PEP 440 calls higher.
    """
    return max(
        candidates,
        key=lambda release: (
            not release.yanked,
            not release.is_prerelease,
            Version(release.version),
            release.version,
        ),
        default=None,
    )


def supported_pythons(requires_python: str | None, classifiers: Sequence[str]) -> tuple[str, ...]:
    """Return the minors of Python that a release runs on, as ``X.Y``, ascending.

    They are the classifiers' that ``requires_python`` admits; a major without a minor (``Python ::
    3``) claims all of its known ones, where the specifier says from which on. Where the classifiers
    name none, or only such as it shuts out (they are stale then, and installers obey the specifier
    alone), they are the known ones that it admits. A minor is admitted where one of its patches is.
    A specifier that PEP 440 cannot read (``>=3.6.*`` is in use) counts as none.
    """
    claimed = {
        (int(match[1]), int(match[2]))
        for match in map(_PYTHON_CLASSIFIER.fullmatch, classifiers)
        if match
    }
    specifiers, named = _specifiers(requires_python)
    if not named:
        return _minors(claimed)
    whole = _majors(classifiers) - {major for major, _ in claimed}
    claimed |= {minor for minor in _KNOWN_PYTHONS if minor[0] in whole}

    def admitted(minor: tuple[int, int]) -> bool:
        patches = [Version(f"{minor[0]}.{minor[1]}.{patch}") for patch in (0, _ANY_PATCH)]
        patches += [version for _, version in named if (version.major, version.minor) == minor]
        return any(specifiers.contains(patch) for patch in patches)

    known = {
        (version.major, version.minor)
        for operator, version in named
        if operator in _LOWER_BOUNDS and len(version.release) > 1
    }.union(_KNOWN_PYTHONS)
    return _minors(filter(admitted, claimed)) or _minors(filter(admitted, known))


def runs_on_python3(requires_python: str | None, classifiers: Sequence[str]) -> bool:
    """Say whether a release runs on Python 3: it does unless it names Pythons, and none is a 3."""
    pythons = supported_pythons(requires_python, classifiers)
    if any(python.startswith("3.") for python in pythons):
        return True
    majors = _majors(classifiers)
    if _specifiers(requires_python)[1]:
        return not pythons  # the specifier has shut out every 3, or admits nothing that is known
    return _PYTHON_3 in majors or not (pythons or majors)


def _specifiers(requires_python: str | None) -> tuple[SpecifierSet, list[tuple[str, Version]]]:
    """Read a specifier, and the operators and versions in it: none where it cannot be read."""
    try:
        specifiers = SpecifierSet(requires_python or "")
        return specifiers, [
            (specifier.operator, Version(specifier.version.removesuffix(".*")))
            for specifier in specifiers
        ]
    except ValueError:
        return SpecifierSet(), []


def _majors(classifiers: Iterable[str]) -> set[int]:
    """Return the majors of Python that are named without a minor."""
    return {int(match[1]) for match in map(_MAJOR_CLASSIFIER.fullmatch, classifiers) if match}


def _minors(pythons: Iterable[tuple[int, int]]) -> tuple[str, ...]:
    return tuple(f"{major}.{minor}" for major, minor in sorted(pythons))


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except ValueError:  # InvalidVersion, or a number longer than Python reads
        return None


def _candidates(filename: str, prefix: re.Pattern[str]) -> Iterator[str]:
    """Yield what the version in ``filename`` may be, longest first.

    A name is the project's, a dash, the version, and then nothing (``x-1.0.tar.gz``), a tag after
    a dash (``x-1.0-py2.4-win32.egg``) or a platform after a dot (``x-1.0.win32-py2.6.exe``,
    ``x-1.0.macosx-10.13-x86_64.tar.gz``); versions of old have dashes themselves (``1.0-beta``).
    """
    begin = prefix.match(filename) or _OTHER_NAME.search(filename)
    if begin is None or len(filename) > _LONGEST_FILENAME:
        return
    rest = _SUFFIX.sub("", filename[begin.end() :])
    if filename.lower().endswith(_DASHLESS):
        rest = rest.partition("-")[0]
    yield rest
    for separator in reversed(list(_SEPARATOR.finditer(rest))):
        yield rest[: separator.start()]


def _release(version: Version, spelling: str, files: Sequence[IndexFile]) -> Release:
    """Make one release of its ``files``; it is yanked when all of them are (PEP 592)."""
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
