"""The license of a PyPI project: an SPDX expression if it is unambiguous, else its own words.

Which classifiers map to one SPDX id, and which must not be mapped, follows PEP 639:
https://peps.python.org/pep-0639/appendix-mapping-classifiers/.
"""

import itertools
import re
from collections.abc import Iterable

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

_CLASSIFIER = "License :: "
_MAX_NAME_CHARACTERS = 100
"""The free field may hold the full text of a license. Anything longer than this is not a name."""
_MAX_EXPRESSION_CHARACTERS = 1000
"""An expression may list the licenses of all that a project bundles, but not be longer."""

_UNSPECIFIC = frozenset({"OSI Approved", "DFSG approved"})
"""Classifiers that do not say which license it is."""

_OSI_APPROVED = {
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
"""SPDX ids by what follows ``License :: OSI Approved ::``, for one license in one version each.
Left out are those that PEP 639 forbids to guess, and those SPDX has several of (W3C, Zope, Eiffel).
"""

_NOT_OSI_APPROVED = {
    "Aladdin Free Public License (AFPL)": "Aladdin",
    "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": "CC0-1.0",
    "CeCILL-B Free Software License Agreement (CECILL-B)": "CECILL-B",
    "CeCILL-C Free Software License Agreement (CECILL-C)": "CECILL-C",
}

_SPDX_BY_CLASSIFIER = {
    **{f"{_CLASSIFIER}OSI Approved :: {name}": spdx for name, spdx in _OSI_APPROVED.items()},
    **{f"{_CLASSIFIER}{name}": spdx for name, spdx in _NOT_OSI_APPROVED.items()},
}

_COMMON_NAMES = {
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
"""Unambiguous names that people use, by SPDX id. "BSD" without its clauses, "Apache" without its
version, and a GPL that does not say whether later versions apply are ambiguous."""

_FILLERS = frozenset({"the", "license", "licence", "version"})
_VERSION_SIGN = re.compile(r"v\.? ?(?=[0-9])")
_TOKENS = re.compile(r"[0-9]+(?:\.[0-9]+)*|[^\W\d_]+|[^\s\"'().,:/_-]")
_NAME_IN_PARENTHESES = re.compile(r"([^()]*[^()\s])\s*\(([^()]+)\)")
_GNU_LICENSES = (
    ("GPL", "General Public", ("2.0", "3.0")),
    ("LGPL", "Lesser General Public", ("2.1", "3.0")),
    ("AGPL", "Affero General Public", ("3.0",)),
)
"""Short name, long name, versions. LGPL 2 is missing: it may be 2.0 or 2.1."""

_GNU_SUFFIXES = {"+": "or-later", "or later": "or-later", "or newer": "or-later", "only": "only"}


def license_expression(
    expression: str | None, text: str | None, classifiers: Iterable[str]
) -> str | None:
    """Return the license of a project, or None if it names none.

    ``expression`` is the field of PEP 639, ``text`` the free-form field before it. The first of
    these that exists is returned: the expression, in canonical form if it is valid; the text, or
    its first line, as an SPDX expression; the SPDX id of the only classifier; then, as they are,
    the text or the names in the classifiers. Several classifiers do not say whether all or any of
    them apply, so they make no expression.

    >>> license_expression(None, "Apache License, Version 2.0", [])
    'Apache-2.0'
    >>> license_expression(None, "BSD", ["License :: OSI Approved :: BSD License"])
    'BSD'
    """
    stated = _canonicalize(expression) or _short_line(expression)
    if stated is not None:
        return stated
    name, named = _short_line(text), _license_classifiers(classifiers)
    spdx = _canonicalize(name) or _recognize(name) or _recognize(_first_line(text))
    if spdx is not None:
        return spdx
    if len(named) == 1 and named[0] in _SPDX_BY_CLASSIFIER:
        return _SPDX_BY_CLASSIFIER[named[0]]
    return name or ", ".join(classifier.rpartition(" :: ")[2] for classifier in named) or None


def _short_line(text: str | None) -> str | None:
    """Return ``text`` if it can be the name of a license: one short line."""
    if not text or len(text) > _MAX_NAME_CHARACTERS or len(text.splitlines()) != 1:
        return None
    return text


def _first_line(text: str | None) -> str | None:
    """Return the first line of a license's full text, which is usually its name."""
    if text is None:
        return None
    return _short_line(text[: 2 * _MAX_NAME_CHARACTERS].strip().partition("\n")[0].strip())


def _canonicalize(text: str | None) -> str | None:
    """Return an SPDX expression in canonical form, or None if ``text`` is not one."""
    if text is None or len(text) > _MAX_EXPRESSION_CHARACTERS:
        return None
    try:
        return canonicalize_license_expression(text)
    except InvalidLicenseExpression:
        return None


def _recognize(name: str | None) -> str | None:
    """Return the SPDX id for ``name``, or None if it is unknown or ambiguous.

    Two names, as in "MIT License (Expat)", must agree.
    """
    if name is None:
        return None
    spdx = _SPDX_BY_NAME.get(_normalize(name))
    if spdx is None and (match := _NAME_IN_PARENTHESES.fullmatch(name.strip())):
        first, second = (
            _canonicalize(part) or _SPDX_BY_NAME.get(_normalize(part)) for part in match.groups()
        )
        return first if first == second else None
    return spdx


def _normalize(name: str) -> str:
    """Return the significant words of ``name``, in one spelling for all its variants."""
    tokens = _TOKENS.findall(_VERSION_SIGN.sub(" ", name.casefold()))
    return " ".join(token.removesuffix(".0") for token in tokens if token not in _FILLERS)


_GNU_NAMES = {
    f"{prefix}{name} {number} {words}": f"{short}-{number}-{suffix}"
    for short, long, numbers in _GNU_LICENSES
    for prefix, name, number in itertools.product(("", "GNU "), (short, long), numbers)
    for words, suffix in _GNU_SUFFIXES.items()
}

_SPDX_BY_NAME = {
    _normalize(name): spdx
    for name, spdx in (
        *_GNU_NAMES.items(),
        *_OSI_APPROVED.items(),
        *((name, spdx) for spdx, names in _COMMON_NAMES.items() for name in names),
    )
}


def _license_classifiers(classifiers: Iterable[str]) -> list[str]:
    """Return the classifiers that name a license, each once, without parents of others."""
    named = [
        classifier
        for classifier in dict.fromkeys(classifiers)
        if classifier.startswith(_CLASSIFIER)
        and classifier.removeprefix(_CLASSIFIER) not in _UNSPECIFIC
    ]
    return [name for name in named if not any(other.startswith(f"{name} :: ") for other in named)]
