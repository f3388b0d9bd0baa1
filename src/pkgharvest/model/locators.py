"""Any spelling of a repository -> one typed locator, and back.

Purely lexical: no network, and no look at the file system. What a text means does not depend on
what exists, so that two spellings of one repository are one package on every machine.

Refusals never repeat a credential: the reasons in here are fixed sentences, and the only way in
which foreign text gets into a message is `redacted`.
"""

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal
from urllib.parse import quote, unquote, unquote_to_bytes

from pkgharvest.model.errors import LocatorError
from pkgharvest.model.forges import (
    FORGES,
    GITHUB_API,
    PURL_TYPES,
    LocatorRefused,
    canonical_host,
    repository_path,
)
from pkgharvest.model.redaction import redact

__all__ = ["Locator", "Scheme", "normalize_name", "parse_locator", "points_back", "redact"]

Scheme = Literal["https", "http", "ssh", "git", "file"]

_LONGEST = 2048  # characters, of a text and of a printed locator
_ACCEPTED = (
    "accepted: owner/name, a GitHub URL, an https, ssh or git URL, file://, "
    "a path that starts with / or ."
)
_DEFAULT_PORTS = {"https": 443, "http": 80, "ssh": 22, "git": 9418}

# Patterns are text: re compiles them when first used, and start-up does without them.
_CONTROL = "[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]"
_LOCAL = r"/|(\.\.?|~)(/|\Z)"
_GUARDS = (
    (r"\Z", "nothing given"),
    (rf"[\s\S]*?{_CONTROL}", "a control character or half a character in it"),
    ("-", "starts with -"),
    (rf"(?!{_LOCAL})[\s\S]*?\s", "white space in it"),
    (r"[\w+.-]*::", "git's transport:: forms can run programs"),
)
_AUTHORITY_AND_PATH = r"//([^/?#]*)([^?#]*)"
_SCP = r"(?:([^@:/\[\]]*)@)?(\[[^\]/@]*\]|[^@:/\[\]]+):(.*)"
_USER = r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,63}"
_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*"
# Of https://host/@group/name@revision the revision.
_REVISION = r"(?<=[^/])@[^@]*\Z"
# RFC 3986, section 3.3: a segment is made of pchar; a leading "-" could be read as an option.
_SEGMENT = r"(?!-)([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-F]{2})+"


@dataclass(frozen=True, slots=True, kw_only=True)
class Locator:
    """Where a repository is: made by `parse`, printed by `url`, compared by `key`.

    ``host`` is in lower case, without a port, an IPv6 address without its brackets, and "" for
    ``file``. ``path`` has no leading or trailing slash and is percent-encoded (of the forges that
    are known by name: without ``.git``); for ``file`` it is an absolute POSIX path as it is on
    disk. ``port`` is None where it is the scheme's own. ``user`` is for ``ssh`` alone.
    """

    scheme: Scheme
    host: str
    path: str
    port: int | None = None
    user: str = ""

    @property
    def url(self) -> str:
        """The canonical printing; ``parse(locator.url) == locator``."""
        if self.is_local:
            return "file://" + quote(self.path)
        user = f"{self.user}@" if self.user else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port is not None else ""
        return f"{self.scheme}://{user}{host}{port}/{self.path}"

    @property
    def key(self) -> str:
        """The identity: equal for all spellings of one repository.

        Scheme, user, default ports and any port of ssh, the ``~/`` of an account's home, ``.git``
        and the host's case say how to get there and not what is there; on the known forges the
        path's case neither.
        """
        if self.is_local:
            return self.url
        if self.host in FORGES:
            return f"{self.host}/{self.path}".lower()
        port = f":{self.port}" if self.port is not None and self.scheme != "ssh" else ""
        return f"{self.host}{port}/{self._bare}"

    @property
    def kind(self) -> Literal["github", "git"]:
        """Which source reads it."""
        return "github" if self.host == "github.com" else "git"

    @property
    def owner(self) -> str:
        """The segment before the name, or ""."""
        return self._bare.rpartition("/")[0].rpartition("/")[2]

    @property
    def name(self) -> str:
        """The last segment, without ``.git``."""
        return self._bare.rpartition("/")[2]

    @property
    def clone_url(self) -> str:
        """What git is given."""
        return f"{self.url}.git" if self.kind == "github" else self.url

    @property
    def is_local(self) -> bool:
        """Whether it is a directory of this machine."""
        return self.scheme == "file"

    @property
    def _bare(self) -> str:
        path = self.path.removeprefix("~/") if self.scheme == "ssh" else self.path
        return path.removesuffix(".git").rstrip("/")


def parse_locator(
    text: str, *, base: PurePosixPath | None = None, home: PurePosixPath | None = None
) -> Locator:
    """Understand any spelling of a repository.

    ``base`` is what relative paths start from, ``home`` what ``~`` stands for, both absolute;
    where one is missing such paths are refused. An scp-like ``host:path`` or ``git@host:path``
    becomes ``ssh://host/path``, as forges have it. With another user it is an account of a person,
    and ``me@host:path`` starts from its home, as git has it: ``ssh://me@host/~/path``.

    Raises LocatorError, with one line that says what is wrong, and no credential in it.
    """
    try:
        locator = _read(text.strip(), base, home)
        _check_length(locator.url)  # an escaped path is longer than what was typed
    except LocatorRefused as refused:
        raise LocatorError(f"'{redact(text)}': {refused}", hint=refused.hint or _ACCEPTED) from None
    return locator


def points_back(links: Iterable[str], locators: Iterable[Locator]) -> bool:
    """Tell whether a project's ``links`` lead to one of its supposed repositories.

    They do where a link has the same host and owner (case aside) and a name that is equal by
    PEP 503. Links are foreign text: what cannot be understood leads nowhere. Nor does anything
    lead to a local directory.
    """
    wanted = {_whereabouts(locator) for locator in locators if not locator.is_local}
    for link in links if wanted else ():
        try:
            locator = parse_locator(link)
        except LocatorError:
            continue
        if not locator.is_local and _whereabouts(locator) in wanted:
            return True
    return False


def normalize_name(name: str) -> str:
    """Normalise a project's name by PEP 503: ``Django__LTREE`` is ``django-ltree``."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _whereabouts(locator: Locator) -> tuple[str, str, str]:
    owners = locator.path.rpartition("/")[0]
    return locator.host, owners.lower(), normalize_name(locator.name)


def _read(text: str, base: PurePosixPath | None, home: PurePosixPath | None) -> Locator:
    _check_length(text)
    for pattern, why in _GUARDS:
        if re.match(pattern, text):
            raise LocatorRefused(why)
    if re.match(_LOCAL, text):
        return _local(text, base, home)
    scheme, colon, rest = text.partition(":")
    return _with_scheme(scheme.lower(), rest, text) if colon else _shorthand(text)


def _check_length(text: str) -> None:
    if len(text) > _LONGEST:
        raise LocatorRefused(f"longer than {_LONGEST:,} characters")


def _with_scheme(scheme: str, rest: str, text: str) -> Locator:
    plain = scheme.removeprefix("git+")
    match plain:
        case "https" | "http" | "ssh" | "git":
            return _url(plain, rest, pip=scheme != plain)
        case "file":
            return _file_url(rest, pip=scheme != plain)
        case "pkg":
            return _purl(rest)
        case "gh" | "github":
            return _forge("github.com", _segments(_page(rest)), exact=True)
        case _ if rest.startswith("//"):
            raise LocatorRefused("an unknown scheme")
        case _:
            return _scp(text)


def _page(text: str) -> str:
    """Leave query and fragment out."""
    return re.split("[?#]", text, maxsplit=1)[0]


def _shorthand(text: str) -> Locator:
    """``owner/name``, or a known host without its scheme."""
    page = _page(text)
    first, *others = page.split("/")
    if canonical_host(first.lower()) in {*FORGES, GITHUB_API}:
        return _url("https", f"//{page}", pip=False)
    if "@" in first:
        raise LocatorRefused("a user name, but no repository")
    segments = _segments(page)
    if not any(others):
        raise LocatorRefused(
            "an owner without a name" if others else "a single word, not a repository"
        )
    if "." in first:
        raise LocatorRefused("neither owner/name nor a URL", "write https:// in front of a host")
    return _forge("github.com", segments, exact=True)


def _purl(rest: str) -> Locator:
    """A package URL, https://github.com/package-url/purl-spec: type/namespace/name@version."""
    rest, _, qualifiers = rest.partition("#")[0].partition("?")
    if "repository_url=" in qualifiers.lower():
        raise LocatorRefused("a package URL of another host", "give the repository's own URL")
    kind, _, path = re.sub(_REVISION, "", rest.strip("/")).partition("/")
    host = PURL_TYPES.get(kind.lower())
    if host is None:
        raise LocatorRefused(
            "a package URL that names no repository", "accepted: pkg:github/owner/name"
        )
    return _forge(host, _segments(path), exact=True)


def _file_url(rest: str, *, pip: bool) -> Locator:
    """A file: URL, RFC 8089."""
    if not pip and re.search(r"[?#]", rest):
        raise LocatorRefused("? or # in a file URL", "write %3F or %23")
    parts = re.match(_AUTHORITY_AND_PATH, rest)
    host, path = parts.groups() if parts else ("", _page(rest))
    if host.lower() not in {"", "localhost"}:
        raise LocatorRefused("a file URL with a host", "write file:///path, with three slashes")
    if not path.startswith("/"):
        raise LocatorRefused("a file URL without an absolute path")
    path = re.sub(_REVISION, "", path) if pip else path
    try:
        return _directory(unquote_to_bytes(path).decode())
    except UnicodeDecodeError:
        raise LocatorRefused("a path that is not UTF-8") from None


def _local(text: str, base: PurePosixPath | None, home: PurePosixPath | None) -> Locator:
    if text.startswith("/"):
        return _directory(text)
    start = home if text.startswith("~") else base
    if start is None:
        raise LocatorRefused("a relative path, here without a start", "give an absolute path")
    return _directory(posixpath.join(start, text.removeprefix("~").lstrip("/")))


def _directory(path: str) -> Locator:
    if re.search(_CONTROL, path):
        raise LocatorRefused("a control character or half a character in it")
    if not path.startswith("/"):
        raise LocatorRefused("a path that is not absolute")
    path = posixpath.normpath("/" + path.lstrip("/"))
    while path.endswith("/.git"):  # the work tree is the repository, however it was named
        path = posixpath.dirname(path)
    return Locator(scheme="file", host="", path=path)


def _url(scheme: Scheme, rest: str, *, pip: bool) -> Locator:
    """An https, http, ssh or git URL; ``pip``: written git+…, where @revision may follow."""
    parts = re.match(_AUTHORITY_AND_PATH, rest)
    if parts is None:
        raise LocatorRefused("a URL without //")
    authority, path = parts.groups()
    user, at, where = authority.rpartition("@")
    if at and (scheme != "ssh" or ":" in user):
        raise LocatorRefused(
            "credentials in a URL", "leave them out: tokens come from the environment"
        )
    if pip:  # https://pip.pypa.io/en/stable/topics/vcs-support/
        path = re.sub(_REVISION, "", path)
    host, colon, port = where.partition(":") if not where.startswith("[") else _bracketed(where)
    if scheme == "ssh" and re.match(r"[A-Za-z_]", port) and _host(host) in FORGES:
        path, port = f"{port}{path}", ""  # ssh://git@github.com:owner/name, half a URL, half scp
    if colon and port and not re.fullmatch(r"[0-9]{1,5}", port):
        raise LocatorRefused("a port that is not a number")
    return _remote(scheme, user if at else None, _host(host), int(port) if port else None, path)


def _bracketed(where: str) -> tuple[str, str, str]:
    address, bracket, port = where.partition("]")
    if not bracket or (port and not port.startswith(":")):
        raise LocatorRefused("a host with characters that no host has")
    return f"{address}]", ":", port[1:]


def _scp(text: str) -> Locator:
    parts = re.fullmatch(_SCP, text)
    if parts is None:
        raise LocatorRefused("cannot be understood")
    user, host, path = parts.groups()
    if user is None and not ("." in host or host.startswith("[")):
        raise LocatorRefused("an unknown scheme")
    if user is None and re.match(r"[0-9]+(/|\Z)", path):
        raise LocatorRefused(
            "a host and a port, but no scheme", "write https:// in front of a host"
        )
    host = _host(host)
    known = canonical_host(host) in {*FORGES, GITHUB_API}
    if user not in {None, "git"} and not known and path[:1] not in {"/", "~"} and _segments(path):
        path = f"~/{path}"
    return _remote("ssh", user, host, None, path)


def _host(text: str) -> str:
    host = text.lower().removesuffix(".")
    if not host:
        raise LocatorRefused("a URL without a host")
    if not host.isascii():
        raise LocatorRefused("a host that is not ASCII", "give the host in its xn-- form")
    if re.fullmatch(r"\[[0-9a-f:.]+\]", host):
        from ipaddress import AddressValueError, IPv6Address  # noqa: PLC0415

        try:
            return IPv6Address(host[1:-1]).compressed
        except AddressValueError:
            raise LocatorRefused("a host that is no IPv6 address") from None
    if not re.fullmatch(_HOST, host):
        raise LocatorRefused("a host with characters that no host has")
    return host


def _remote(scheme: Scheme, user: str | None, host: str, port: int | None, path: str) -> Locator:
    if user is not None and not re.fullmatch(_USER, user):
        raise LocatorRefused("a user name with characters that none has")
    if port is not None and not 0 < port < 1 << 16:
        raise LocatorRefused("a port that there is not")
    segments = _segments(path)
    host = canonical_host(host)
    if host == GITHUB_API:
        if segments[:1] != ["repos"]:
            raise LocatorRefused("an address of GitHub's API that is no repository")
        host, segments = "github.com", segments[1:]
    if host in FORGES:
        if port not in {None, *_DEFAULT_PORTS.values()}:
            raise LocatorRefused("a port that this host does not have")
        return _forge(host, segments, exact=scheme == "ssh")
    if not segments:
        raise LocatorRefused("a host without a path")
    if not all(re.fullmatch(_SEGMENT, segment) for segment in segments):
        raise LocatorRefused("a path with characters that no URL has, or a part that starts with -")
    port = None if port == _DEFAULT_PORTS[scheme] else port
    return Locator(scheme=scheme, host=host, path="/".join(segments), port=port, user=user or "")


def _segments(path: str) -> list[str]:
    """Split a URL's path, with escapes in their one normal form (RFC 3986, section 6.2.2)."""
    if re.search(_CONTROL, unquote(path)):
        raise LocatorRefused("a control character in it")
    path = re.sub("%([0-9A-Fa-f]{2})", _normal_escape, path)
    path = re.sub(r"[^\x00-\x7f]+", lambda found: quote(found[0]), path)
    segments = [segment for segment in path.split("/") if segment not in {"", "."}]
    if ".." in segments:
        raise LocatorRefused(".. in a URL")
    return segments


def _normal_escape(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if re.match(r"[A-Za-z0-9._~-]", character) else escape[0].upper()


def _forge(host: str, segments: list[str], *, exact: bool) -> Locator:
    path = repository_path(host, segments, exact=exact)
    return Locator(scheme="https", host=host, path=path)
