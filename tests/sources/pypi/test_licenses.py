"""Licenses: SPDX expressions if they are unambiguous, else as they are (PEP 639)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.licenses import canonicalize_license_expression

from pkgharvest.sources.pypi import licenses
from pkgharvest.sources.pypi.licenses import license_expression


def approved(*names: str) -> list[str]:
    return ["License :: OSI Approved", *(f"License :: OSI Approved :: {name}" for name in names)]


@pytest.mark.parametrize(
    ("expression", "text", "classifiers", "expected"),
    [
        (None, None, [], None),
        (None, None, ["Topic :: Licenses", "License :: OSI Approved"], None),
        (None, None, ["License :: DFSG approved", *approved("ISC License (ISCL)")], "ISC"),
        # the expression
        ("apache-2.0 or mit", "BSD", approved("MIT License"), "Apache-2.0 OR MIT"),
        ("gpl-2.0-only with Classpath-exception-2.0", None, [], None),
        ("licenseref-mine", None, [], "LicenseRef-mine"),
        (" and ".join(["MIT"] * 40), None, [], " AND ".join(["MIT"] * 40)),
        ("BSD", "MIT", approved("MIT License"), "BSD"),
        ("no " * 50, "mit", [], "MIT"),
        # the free text
        (None, "mit", [], "MIT"),
        (None, "bsd-3-clause", approved("MIT License"), "BSD-3-Clause"),
        (None, "MIT AND Apache-2.0", [], "MIT AND Apache-2.0"),
        (None, "MIT License", approved("MIT License"), "MIT"),
        (None, "GPLv3+", approved("GNU General Public License v3 or later (GPLv3+)"),
         "GPL-3.0-or-later"),
        (None, "BSD", approved("BSD License"), "BSD"),
        (None, "Apache 2.0", approved("Apache Software License"), "Apache-2.0"),
        (None, "Apache", approved("Apache Software License"), "Apache"),
        (None, "Copyright (c) 2020\n\nAll rights\n", [], None),
        (None, "\n  MIT License\r\n\nCopyright (c) 2020 Ann\n" + 900 * "x", [], "MIT"),
        (None, "BSD 3-Clause License\n\nCopyright", approved("BSD License"), "BSD-3-Clause"),
        (None, "BSD License\n\nCopyright", approved("BSD License"), "BSD License"),
        (None, "Permission is hereby granted " * 5, approved("MIT License"), "MIT"),
        (None, "Permission is hereby granted " * 5, approved("BSD License"), "BSD License"),
        # the classifiers
        (None, None, approved("Mozilla Public License 2.0 (MPL 2.0)"), "MPL-2.0"),
        (None, None, approved("MIT License", "MIT License"), "MIT"),
        (None, None, approved("BSD License"), "BSD License"),
        (None, None, approved("GNU General Public License v3 (GPLv3)"),
         "GNU General Public License v3 (GPLv3)"),
        (None, None, approved("MIT License", "BSD License"), "MIT License, BSD License"),
        (None, None, approved("MIT License", "ISC License (ISCL)"),
         "MIT License, ISC License (ISCL)"),
        (None, None, ["License :: Public Domain"], "Public Domain"),
        (None, None, ["License :: MIT License"], "MIT License"),
    ],
)  # fmt: skip
def test_the_license_of_a_project_is_named(
    expression: str | None, text: str | None, classifiers: list[str], expected: str | None
) -> None:
    if expression is not None and expected is None:
        expected = canonicalize_license_expression(expression)
    assert license_expression(expression, text, classifiers) == expected


# https://peps.python.org/pep-0639/appendix-mapping-classifiers/: "Tools MUST NOT attempt to ..."
@pytest.mark.parametrize(
    "name",
    [
        "Academic Free License (AFL)",
        "Apache Software License",
        "Apple Public Source License",
        "Artistic License",
        "BSD License",
        "GNU Affero General Public License v3",
        "GNU Free Documentation License (FDL)",
        "GNU General Public License (GPL)",
        "GNU General Public License v2 (GPLv2)",
        "GNU General Public License v3 (GPLv3)",
        "GNU Lesser General Public License v2 (LGPLv2)",
        "GNU Lesser General Public License v2 or later (LGPLv2+)",
        "GNU Lesser General Public License v3 (LGPLv3)",
        "GNU Library or Lesser General Public License (LGPL)",
    ],
)
def test_ambiguous_license_classifiers_are_not_guessed(name: str) -> None:
    assert license_expression(None, None, approved(name)) == name


@pytest.mark.parametrize(
    ("spdx", "names"),
    [
        ("MIT", "MIT license|The MIT License|MIT License|the mit licence|MIT License.|Expat"),
        ("MIT", "The MIT License (MIT)|MIT (MIT)"),
        ("Apache-2.0", "Apache 2.0|Apache License 2.0|Apache License, Version 2.0|Apache 2"),
        ("Apache-2.0", "Apache-2.0 License|Apache Software License 2.0|Apache License v2.0"),
        ("Apache-2.0", "Apache License, Version 2.0 (Apache-2.0)|ASL 2.0|apache2|APACHE V2"),
        ("MPL-2.0", "MPL 2.0|Mozilla Public License 2.0|MPLv2|MPL v2.0|MPL-2"),
        ("MPL-2.0", "Mozilla Public License, Version 2.0|Mozilla Public License 2.0 (MPL 2.0)"),
        ("BSD-3-Clause", "BSD 3-Clause|BSD-3-Clause License|3-Clause BSD License|New BSD License"),
        ("BSD-3-Clause", "BSD 3 clause|BSD (3-clause)|3-clause BSD|Modified BSD License|new BSD"),
        ("BSD-3-Clause", "BSD 3-Clause \"New\" or \"Revised\" License|Revised BSD"),
        ("BSD-2-Clause", "Simplified BSD License|BSD 2-Clause License|2-clause BSD"),
        ("BSD-2-Clause", "BSD 2-Clause \"Simplified\" License"),
        ("0BSD", "BSD Zero Clause License|0BSD"),
        ("GPL-3.0-or-later", "GPLv3+|GNU GPLv3+|GPL v3 or later|GPL-3+|GPL 3.0+|GPLv3 or newer"),
        ("GPL-3.0-or-later", "GNU General Public License v3 or later (GPLv3+)"),
        ("GPL-3.0-or-later", "GNU General Public License, version 3.0 or later|GPLv3-or-later"),
        ("GPL-3.0-only", "GPLv3 only"),
        ("GPL-2.0-or-later", "GPLv2+|GPL 2.0+|GNU GPL v2 or later"),
        ("LGPL-3.0-or-later", "LGPLv3+|GNU LGPLv3+|GNU Lesser General Public License v3 or later"),
        ("LGPL-2.1-or-later", "LGPLv2.1+"),
        ("AGPL-3.0-or-later", "AGPLv3+|GNU AGPLv3+|AGPL-3+"),
        ("ISC", "ISC License|ISC License (ISCL)"),
        ("Unlicense", "The Unlicense|Unlicense|UNLICENSE|The Unlicense (Unlicense)"),
        ("PSF-2.0", "PSF|PSF License|Python Software Foundation License"),
        ("Zlib", "zlib/libpng License|zlib License|zlib"),
        ("CC0-1.0", "CC0 1.0|CC0|CC0 1.0 Universal"),
        ("BSL-1.0", "Boost Software License 1.0"),
        ("EPL-2.0", "EPL 2.0|Eclipse Public License v2.0"),
        ("EUPL-1.2", "EUPL 1.2"),
    ],
)  # fmt: skip
def test_common_license_names_are_recognized(spdx: str, names: str) -> None:
    for name in names.split("|"):
        assert license_expression(None, name, []) == spdx, name


@pytest.mark.parametrize(
    "name",
    [
        *("BSD", "BSD License", "BSD 2.0", "BSD-3", "GPL", "GPLv3", "GPL v2", "GNU GPL", "LGPL"),
        *("LGPLv2+", "LGPL 2+", "LGPLv3", "AGPLv3", "AGPL", "Apache", "Apache License", "MPL"),
        *("Apache Software License", "GPLv4+", "MIT/X11", "MIT?", "MIT or BSD", "MIT, BSD"),
        *("Apache 2.0 / MIT", "not MIT", "BSD (MIT)", "Apache 2.0 (MIT)", "GPLv3+ (MIT)", "EPL"),
        *("MIT <https://x.test>", "Apache 1.1+", "License", "the", "+", "Proprietary", "MIT+"),
        *("Python License", "Mozilla Public License", "FreeBSD", "GPL 3.1+", "LGPL 2.0 only"),
        *("MPL 2.0 or later", "GPLv2+ or later", "Other/Proprietary License", "see LICENSE"),
    ],
)
def test_ambiguous_license_names_stay_as_they_are(name: str) -> None:
    assert license_expression(None, name, []) == name


def test_a_license_text_or_classifier_wins_if_the_other_is_ambiguous() -> None:
    assert license_expression(None, "BSD 3-Clause", approved("BSD License")) == "BSD-3-Clause"
    assert (
        license_expression(
            None, "GPLv3", approved("GNU Affero General Public License v3 or later (AGPLv3+)")
        )
        == "AGPL-3.0-or-later"
    )
    assert license_expression(None, None, approved("zlib/libpng License")) == "Zlib"


def test_every_license_classifier_maps_to_a_valid_expression() -> None:
    for spdx in licenses._SPDX_BY_CLASSIFIER.values():
        assert canonicalize_license_expression(spdx) == spdx


_WORDS = st.sampled_from(["MIT", "and", "OR", "with", "(", ")", "+", "LicenseRef-", "0BSD", "\n"])


@given(
    st.none() | st.text() | st.lists(_WORDS, max_size=300).map(" ".join),
    st.none() | st.text() | st.lists(_WORDS).map("".join),
    st.lists(st.text() | st.text().map("License :: {}".format)),
)
def test_any_license_text_is_accepted(
    expression: str | None, text: str | None, classifiers: list[str]
) -> None:
    license_ = license_expression(expression, text, classifiers)
    assert license_ is None or license_


@pytest.mark.parametrize(
    "deep", ["(" * 400 + "MIT" + ")" * 400, "((" * 200, "MIT or " * 120 + "MIT"]
)
def test_nested_license_expressions_are_accepted(deep: str) -> None:
    license_expression(deep, deep[:100], [])
