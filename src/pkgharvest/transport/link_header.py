"""The Link header (RFC 8288): where the next page is, and which is the last."""

import re
from urllib.parse import parse_qs, urlsplit

_VALUE = re.compile(r'<([^<>]*)>((?:[^,"<]|"(?:[^"\\]|\\.)*+"?)*+)')
_PARAMETER = re.compile(r';\s*+([^\s;=,"]++)\s*+(?:=\s*+(?:"((?:[^"\\]|\\.)*+)"?|([^\s;,"]*+)))?')
_ESCAPED = re.compile(r"\\(.)")


def parse_link_header(header: str | None) -> dict[str, str]:
    """Return the target of each relation, in lower case; of two for one relation the first.

    What cannot be read is left out (RFC 8288, appendix B.2). Targets stand as they are sent:
    they may be relative to the page that they came with.
    """
    found: dict[str, str] = {}
    for target, parameters in _VALUE.findall(header or ""):
        for name, quoted, token in _PARAMETER.findall(parameters):
            if name.lower() == "rel":
                for relation in _ESCAPED.sub(r"\1", quoted or token).lower().split():
                    found.setdefault(relation, target.strip())
                break  # a second rel of one link is ignored (section 3.3)
    return found


def page_number(target: str) -> int | None:
    """Return the ``page`` that ``target`` asks for, or None where it names none."""
    try:
        values = parse_qs(urlsplit(target).query, max_num_fields=100).get("page", [])
    except ValueError:
        return None
    if len(values) != 1 or re.fullmatch("[0-9]{1,18}", values[0]) is None:
        return None
    return int(values[0])
