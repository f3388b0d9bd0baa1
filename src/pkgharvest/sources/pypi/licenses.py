"""The licence that a project names: an SPDX expression where it can be told, else its own words.

What may be told from a classifier, and what may not, is PEP 639's to say:
https://peps.python.org/pep-0639/appendix-mapping-classifiers/.
"""

import re
from collections.abc import Iterable

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

_CLASSIFIER = "License :: "
_LONGEST = 100
"""A field may hold the whole text of a licence; one that is longer is no name."""
_LONGEST_EXPRESSION = 1000
"""An expression names all that a project bundles; a longer one is no expression."""

_NO_LICENCE = frozenset({"OSI Approved", "DFSG approved"})
"""Classifiers that tell nothing of which licence it is."""

_APPROVED = {
    "Attribution Assurance License": "AAL",
    "Blue Oak Model License (BlueOak-1.0.0)": "BlueOak-1.0.0",
    "Boost Software License 1.0 (BSL-1.0)": "BSL-1.0",
    "CEA CNRS Inria Logiciel Libre License, version 2.1 (CeCILL-2.1)": "CECILL-2.1",
    "CMU License (MIT-CMU)": "MIT-CMU",
    "Common Development and Distribution License 1.0 (CDDL-1.0)": "CDDL-1.0",
    "Common Public License": "CPL-1.0",
    "Eclipse Public License 1.0 (EPL-1.0)": "EPL-1.0",
    "Eclipse Public License 2.0 (EPL-2.0)": "EPL-2.0",
    "Educational Community License, Version 2.0 (ECL-2.0)": "ECL-2.0",
    "European Union Public Licence 1.0 (EUPL 1.0)": "EUPL-1.0",
    "European Union Public Licence 1.1 (EUPL 1.1)": "EUPL-1.1",
    "European Union Public Licence 1.2 (EUPL 1.2)": "EUPL-1.2",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "Historical Permission Notice and Disclaimer (HPND)": "HPND",
    "IBM Public License": "IPL-1.0",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "MirOS License (MirOS)": "MirOS",
    "Motosoto License": "Motosoto",
    "Mozilla Public License 1.0 (MPL)": "MPL-1.0",
    "Mozilla Public License 1.1 (MPL 1.1)": "MPL-1.1",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Mulan Permissive Software License v2 (MulanPSL-2.0)": "MulanPSL-2.0",
    "NASA Open Source Agreement v1.3 (NASA-1.3)": "NASA-1.3",
    "Nethack General Public License": "NGPL",
    "Nokia Open Source License": "Nokia",
    "Open Group Test Suite License": "OGTSL",
    "Open Software License 3.0 (OSL-3.0)": "OSL-3.0",
    "PostgreSQL License": "PostgreSQL",
    "Python License (CNRI Python License)": "CNRI-Python",
    "Python Software Foundation License": "PSF-2.0",
    "Qt Public License (QPL)": "QPL-1.0",
    "Ricoh Source Code Public License": "RSCPL",
    "SIL Open Font License 1.1 (OFL-1.1)": "OFL-1.1",
    "Sleepycat License": "Sleepycat",
    "Sun Public License": "SPL-1.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "Universal Permissive License (UPL)": "UPL-1.0",
    "University of Illinois/NCSA Open Source License": "NCSA",
    "Vovida Software License 1.0": "VSL-1.0",
    "Zero-Clause BSD (0BSD)": "0BSD",
    "zlib/libpng License": "Zlib",
}
"""What follows ``License :: OSI Approved ::`` and is one licence in one version. Left out are those
that PEP 639 forbids to guess at, and those of which SPDX has several (W3C, Zope, Eiffel)."""

_OTHERS = {
    "Aladdin Free Public License (AFPL)": "Aladdin",
    "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": "CC0-1.0",
    "CeCILL-B Free Software License Agreement (CECILL-B)": "CECILL-B",
    "CeCILL-C Free Software License Agreement (CECILL-C)": "CECILL-C",
}

_SPDX = {
    **{f"{_CLASSIFIER}OSI Approved :: {name}": spdx for name, spdx in _APPROVED.items()},
    **{f"{_CLASSIFIER}{name}": spdx for name, spdx in _OTHERS.items()},
}
"""By the whole classifier: PyPI has accepted no others, and of others nothing is known."""

_SPOKEN = {
    "0BSD": ("BSD Zero Clause", "Zero-Clause BSD"),
    "Apache-2.0": ("Apache 2.0", "Apache Software License 2.0", "ASL 2.0"),
    "BSD-2-Clause": ("BSD 2-Clause", "2-Clause BSD", "Simplified BSD", "BSD 2-Clause Simplified"),
    "BSD-3-Clause": (
        *("BSD 3-Clause", "3-Clause BSD", "New BSD", "Modified BSD", "Revised BSD"),
        "BSD 3-Clause New or Revised",
    ),
    "BSL-1.0": ("Boost 1.0", "Boost Software License 1.0"),
    "CC0-1.0": ("CC0", "CC0 1.0", "CC0 1.0 Universal"),
    "EPL-1.0": ("EPL 1.0", "Eclipse Public License 1.0"),
    "EPL-2.0": ("EPL 2.0", "Eclipse Public License 2.0"),
    "EUPL-1.1": ("EUPL 1.1",),
    "EUPL-1.2": ("EUPL 1.2",),
    "ISC": ("ISC", "ISCL"),
    "MIT": ("MIT", "Expat"),
    "MPL-1.1": ("MPL 1.1", "Mozilla Public License 1.1"),
    "MPL-2.0": ("MPL 2.0", "Mozilla Public License 2.0"),
    "PSF-2.0": ("PSF",),
    "PostgreSQL": ("PostgreSQL",),
    "Unlicense": ("Unlicense",),
    "Zlib": ("zlib",),
}
"""What people call a licence, where they can mean no other. A BSD without its clauses, an Apache
without its version and a GPL that does not say whether later ones will do are not here."""

_FILLERS = frozenset({"the", "license", "licence", "version"})
_VERSION_SIGN = re.compile(r"v\.? ?(?=[0-9])")
_TOKENS = re.compile(r"[0-9]+(?:\.[0-9]+)*|[^\W\d_]+|[^\s\"'().,:/_-]")
_IN_BRACKETS = re.compile(r"([^()]*[^()\s])\s*\(([^()]+)\)")
_GNU = re.compile(
    "(?:gnu )?(?P<kind>affero general public|agpl|lesser general public|lgpl|general public|gpl)"
    r" (?P<number>[0-9.]+) (?P<later>\+|or (?:later|newer)|only)"
)
_GNU_KINDS = {
    "affero general public": "agpl",
    "lesser general public": "lgpl",
    "general public": "gpl",
}
_GNU_NUMBERS = frozenset({"gpl 2", "gpl 3", "lgpl 2.1", "lgpl 3", "agpl 3"})
"""Not LGPL 2, which may be 2.0 or 2.1."""


def license_expression(
    expression: str | None, text: str | None, classifiers: Iterable[str]
) -> str | None:
    """Name a project's licence; None where nothing does.

    ``expression`` is PEP 639's field, ``text`` the free one that it replaced. In this order: the
    expression in its canonical form, the text where it, or what it begins with, is one too, the
    classifier where it is one licence and the only one; then, as they stand, the expression, the
    text, the classifiers. Several classifiers do not say whether all of them apply or any.
    """
    spoken = _canonical(expression) or _name(expression)
    if spoken is not None:
        return spoken
    name, named = _name(text), _named(classifiers)
    if (known := _canonical(name) or _spoken(name) or _spoken(_heading(text))) is not None:
        return known
    if len(named) == 1 and named[0] in _SPDX:
        return _SPDX[named[0]]
    return name or ", ".join(one.rpartition(" :: ")[2] for one in named) or None


def _name(text: str | None) -> str | None:
    """Return what may be the name of a licence: a line, and a short one."""
    if not text or len(text) > _LONGEST or len(text.splitlines()) != 1:
        return None
    return text


def _heading(text: str | None) -> str | None:
    """Return the line that the whole text of a licence begins with."""
    return None if text is None else _name(text[: 2 * _LONGEST].strip().partition("\n")[0].strip())


def _canonical(text: str | None) -> str | None:
    if text is None or len(text) > _LONGEST_EXPRESSION:
        return None
    try:
        return canonicalize_license_expression(text)
    except InvalidLicenseExpression:
        return None


def _spoken(name: str | None) -> str | None:
    """Return what people mean by ``name``; None where they may mean several licences."""
    if name is None:
        return None
    told = _meant(name)
    if told is None and (twice := _IN_BRACKETS.fullmatch(name.strip())):
        first, second = (_canonical(part) or _meant(part) for part in twice.groups())
        return first if first == second else None
    return told


def _meant(name: str) -> str | None:
    folded = _folded(name)
    if (known := _BY_FOLDED.get(folded)) is not None:
        return known
    gnu = _GNU.fullmatch(folded)
    if gnu is None:
        return None
    kind = _GNU_KINDS.get(gnu["kind"], gnu["kind"])
    if f"{kind} {gnu['number']}" not in _GNU_NUMBERS:
        return None
    number = gnu["number"] if "." in gnu["number"] else f"{gnu['number']}.0"
    return f"{kind.upper()}-{number}-{'only' if gnu['later'] == 'only' else 'or-later'}"


def _folded(name: str) -> str:
    """Return the words of ``name`` that matter, alike for all spellings of them."""
    tokens = _TOKENS.findall(_VERSION_SIGN.sub(" ", name.casefold()))
    return " ".join(token.removesuffix(".0") for token in tokens if token not in _FILLERS)


_BY_FOLDED = {
    _folded(name): spdx
    for spdx, names in (*((spdx, (name,)) for name, spdx in _APPROVED.items()), *_SPOKEN.items())
    for name in names
}


def _named(classifiers: Iterable[str]) -> list[str]:
    """Return the classifiers that name a licence, each once, without the parents of others."""
    named = [
        one
        for one in dict.fromkeys(classifiers)
        if one.startswith(_CLASSIFIER) and one.removeprefix(_CLASSIFIER) not in _NO_LICENCE
    ]
    return [one for one in named if not any(other.startswith(f"{one} :: ") for other in named)]
