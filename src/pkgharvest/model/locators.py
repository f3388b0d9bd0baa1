"""Any spelling of a repository becomes one typed locator, and is printed from it again.

Purely lexical: no network, no file system, no configuration. What a text means does not depend on
what exists, so that two spellings of one repository are one package on every machine. What the
known forges call their repositories is in ``model/forges/``.

Error messages never repeat a credential: reasons are fixed sentences, and other people's text only
gets into a message through `redact`.
"""

import contextlib
import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal
from urllib.parse import quote, unquote, unquote_to_bytes

from pkgharvest.model.errors import LocatorError
from pkgharvest.model.forges.base import Forge, LocatorRefused, find_forges
from pkgharvest.model.redaction import redact

__all__ = ["Locator", "Scheme", "normalize_name", "parse_locator", "points_back", "redact"]

Scheme = Literal["https", "http", "ssh", "git", "file"]

_MAX_CHARACTERS = 2048
"""Of a text, and of a printed locator."""

_DEFAULT_PORTS = {"https": 443, "http": 80, "ssh": 22, "git": 9418}

# Patterns are text: re compiles them when first used, and start-up does without them.
_CONTROL = "[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]"
_LOCAL_PATH = r"/|(\.\.?|~)(/|\Z)"
_REFUSED_TEXTS = (
    (r"\Z", "nothing given"),
    (rf"[\s\S]*?{_CONTROL}", "a control character or an unpaired surrogate"),
    ("-", "starts with -"),
    (rf"(?!{_LOCAL_PATH})[\s\S]*?\s", "white space"),
    (r"[\w+.-]*::", "git's transport:: syntax, which can run programs"),
)
_AUTHORITY_AND_PATH = r"//([^/?#]*)([^?#]*)"
_HOST_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = rf"(?=.{{1,253}}\Z){_HOST_LABEL}(\.{_HOST_LABEL})*"
# The revision in https://host/@group/name@revision.
_REVISION = r"(?<=[^/])@[^@]*\Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Locator:
    """Where a repository is: made by `parse_locator`, printed by `url`, compared by `key`.

    ``host`` is in lower case, without a port, an IPv6 address without its brackets, and "" for
    ``file``. ``path`` has no leading or trailing slash and is percent-encoded; on the own hosts of
    known forges it has no ``.git``. For ``file`` it is an absolute POSIX path as it is on disk.
    ``port`` is None where it is the scheme's default. ``user`` is for ``ssh`` alone.
    """

    scheme: Scheme
    host: str
    path: str
    port: int | None = None
    user: str = ""

    @property
    def url(self) -> str:
        """The canonical address; ``parse_locator(locator.url) == locator``.

        >>> parse_locator("git@git.example.org:me/tool.git").url
        'ssh://git@git.example.org/me/tool.git'
        """
        if self.is_local:
            return "file://" + quote(self.path)
        user = f"{self.user}@" if self.user else ""
        port = f":{self.port}" if self.port is not None else ""
        return f"{self.scheme}://{user}{self._bracketed_host}{port}/{self.path}"

    @property
    def key(self) -> str:
        """The identity: equal for all spellings of one repository.

        Left out is what says how to get there: scheme, user, default ports, any port of ssh, the
        ``~/`` of an account's home and ``.git``. The path's case is kept, except on the own hosts
        of the known forges. A key never depends on configuration.

        >>> parse_locator("git@github.com:Django/Django.git").key
        'github.com/django/django'
        >>> parse_locator("https://git.example.org:8443/Team/Tool.git").key
        'git.example.org:8443/Team/Tool'
        """
        if self.is_local:
            return self.url
        forge = find_forges().by_host.get(self.host)
        if forge is not None:
            return f"{self.host}/{self.path.lower() if forge.ignores_case else self.path}"
        port = f":{self.port}" if self.port is not None and self.scheme != "ssh" else ""
        return f"{self.host}{port}/{self._bare_path}"

    @property
    def host_with_port(self) -> str:
        """The web server of the host, as a configuration file names it: ``git.example.org:8443``.

        The port is left out where it is the scheme's default, and for ssh and git, which have
        ports of their own.
        """
        is_web = self.scheme in {"https", "http"} and self.port is not None
        return f"{self._bracketed_host}:{self.port}" if is_web else self._bracketed_host

    @property
    def owner(self) -> str:
        """The segment before the name, or ""."""
        return self._bare_path.rpartition("/")[0].rpartition("/")[2]

    @property
    def name(self) -> str:
        """The last segment, without ``.git``."""
        return self._bare_path.rpartition("/")[2]

    @property
    def clone_url(self) -> str:
        """The address that git is given."""
        forge = find_forges().by_host.get(self.host)
        return self.url if forge is None else f"{self.url}{forge.clone_suffix}"

    @property
    def is_local(self) -> bool:
        """Whether it is a directory on this machine."""
        return self.scheme == "file"

    @property
    def _bracketed_host(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def _bare_path(self) -> str:
        path = self.path.removeprefix("~/") if self.scheme == "ssh" else self.path
        return path.removesuffix(".git").rstrip("/")


def parse_locator(
    text: str, *, base: PurePosixPath | None = None, home: PurePosixPath | None = None
) -> Locator:
    """Read any spelling of a repository.

    Relative paths start from ``base``, and ``~`` stands for ``home``; both are absolute, and
    without them such paths are refused. An scp-like ``host:path`` or ``git@host:path`` becomes
    ``ssh://host/path``, as forges mean it. With another user it is somebody's account, and
    ``me@host:path`` starts from its home, as git means it: ``ssh://me@host/~/path``.

    Raises LocatorError: one line that says what is wrong, without any credential.

    >>> parse_locator("django/django")
    Locator(scheme='https', host='github.com', path='django/django', port=None, user='')
    >>> parse_locator("git+https://gitlab.com/group/sub/tool.git@v1").url
    'https://gitlab.com/group/sub/tool'
    >>> parse_locator("file:///srv/git/tool/.git").path
    '/srv/git/tool'
    """
    try:
        locator = _parse(text.strip(), base, home)
        _check_length(locator.url)  # an escaped path is longer than what was typed
    except LocatorRefused as refused:
        raise LocatorError(
            f"'{redact(text)}': {refused}",
            hint=refused.hint
            or (
                "accepted: owner/name, a GitHub URL, an https, ssh or git URL, file://, "
                "a path that starts with / or ."
            ),
        ) from None
    return locator


def points_back(links: Iterable[str], locators: Iterable[Locator]) -> bool:
    """Return whether one of a project's ``links`` leads to one of these repositories.

    A link does where it has the same host and owner (ignoring case) and a name that is equal by
    PEP 503. A link that cannot be read leads nowhere, and nothing leads to a local directory.

    >>> points_back(["https://github.com/MaRIO/Django_LTree/issues"],
    ...             [parse_locator("mario/django-ltree")])
    True
    """
    wanted = {_link_target(locator) for locator in locators if not locator.is_local}
    for link in links if wanted else ():
        with contextlib.suppress(LocatorError):
            if _link_target(parse_locator(link)) in wanted:
                return True
    return False


def normalize_name(name: str) -> str:
    """Normalize a project's name by PEP 503.

    >>> normalize_name("Django__LTREE")
    'django-ltree'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def _link_target(locator: Locator) -> tuple[str, str, str]:
    owners = locator.path.rpartition("/")[0].lower()
    return locator.host, owners, normalize_name(locator.name)


def _parse(text: str, base: PurePosixPath | None, home: PurePosixPath | None) -> Locator:
    _check_length(text)
    for pattern, why in _REFUSED_TEXTS:
        if re.match(pattern, text):
            raise LocatorRefused(why)
    if re.match(_LOCAL_PATH, text):
        return _local_path(text, base, home)
    scheme, colon, rest = text.partition(":")
    return _with_scheme(scheme.lower(), rest, text) if colon else _shorthand(text)


def _check_length(text: str) -> None:
    if len(text) > _MAX_CHARACTERS:
        raise LocatorRefused(f"longer than {_MAX_CHARACTERS:,} characters")


def _with_scheme(scheme: str, rest: str, text: str) -> Locator:
    plain = scheme.removeprefix("git+")
    match plain:
        case "https" | "http" | "ssh" | "git":
            return _url(plain, rest, pip=scheme != plain)
        case "file":
            return _file_url(rest, pip=scheme != plain)
        case "pkg":
            return _package_url(rest)
        case _ if (forge := find_forges().by_scheme.get(plain)) is not None:
            return _on_forge(forge, forge.hosts[0], _segments(_page(rest)), exact=True)
        case _ if rest.startswith("//"):
            raise LocatorRefused("an unknown scheme")
        case _:
            return _scp_address(text)


def _page(text: str) -> str:
    """Return ``text`` without query and fragment."""
    return re.split("[?#]", text, maxsplit=1)[0]


def _shorthand(text: str) -> Locator:
    """Read ``owner/name``, or a known host without its scheme."""
    forges, page = find_forges(), _page(text)
    first, *others = page.split("/")
    if forges.names_repositories(first.lower()):
        return _url("https", f"//{page}", pip=False)
    if "@" in first:
        raise LocatorRefused("a user name without a repository")
    segments = _segments(page)
    if not any(others):
        raise LocatorRefused(
            "an owner without a name" if others else "a single word, not a repository"
        )
    if "." in first:
        raise LocatorRefused("neither owner/name nor a URL", "write https:// in front of a host")
    forge = forges.by_kind["github"]
    return _on_forge(forge, forge.hosts[0], segments, exact=True)


def _package_url(rest: str) -> Locator:
    """Read type/namespace/name@version (https://github.com/package-url/purl-spec)."""
    rest, _, qualifiers = rest.partition("#")[0].partition("?")
    if "repository_url=" in qualifiers.lower():
        raise LocatorRefused("a package URL of another host", "give the repository's own URL")
    kind, _, path = re.sub(_REVISION, "", rest.strip("/")).partition("/")
    forge = find_forges().by_purl_type.get(kind.lower())
    if forge is None:
        raise LocatorRefused(
            "a package URL that names no repository", "accepted: pkg:github/owner/name"
        )
    return _on_forge(forge, forge.hosts[0], _segments(path), exact=True)


def _file_url(rest: str, *, pip: bool) -> Locator:
    """Read a file: URL (RFC 8089)."""
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


def _local_path(text: str, base: PurePosixPath | None, home: PurePosixPath | None) -> Locator:
    if text.startswith("/"):
        return _directory(text)
    directory = home if text.startswith("~") else base
    if directory is None:
        raise LocatorRefused(
            "a relative path without a directory to start from", "give an absolute path"
        )
    return _directory(posixpath.join(directory, text.removeprefix("~").lstrip("/")))


def _directory(path: str) -> Locator:
    if re.search(_CONTROL, path):
        raise LocatorRefused("a control character or an unpaired surrogate")
    if not path.startswith("/"):
        raise LocatorRefused("a path that is not absolute")
    path = posixpath.normpath("/" + path.lstrip("/"))
    # The work tree is the repository, however it was named.
    return Locator(scheme="file", host="", path=re.sub(r"(/\.git)+\Z", "", path) or "/")


def _url(scheme: Scheme, rest: str, *, pip: bool) -> Locator:
    """Read an https, http, ssh or git URL; after git+ (``pip``), @revision may follow."""
    parts = re.match(_AUTHORITY_AND_PATH, rest)
    if parts is None:
        raise LocatorRefused("a URL without //")
    authority, path = parts.groups()
    user, at, server = authority.rpartition("@")
    if at and (scheme != "ssh" or ":" in user):
        raise LocatorRefused(
            "credentials in a URL", "leave them out: tokens come from the environment"
        )
    # https://pip.pypa.io/en/stable/topics/vcs-support/
    path = re.sub(_REVISION, "", path) if pip else path
    host_and_port = re.fullmatch(r"(\[[^\]]*\]|(?!\[)[^:]*)(?::(.*))?", server)
    if host_and_port is None:
        raise LocatorRefused("an invalid character in the host")
    host, port = host_and_port.groups("")
    if scheme == "ssh" and re.match(r"[A-Za-z_]", port) and _host(host) in find_forges().by_host:
        path, port = f"{port}{path}", ""  # ssh://git@github.com:owner/name, half a URL, half scp
    if port and not re.fullmatch(r"[0-9]{1,5}", port):
        raise LocatorRefused("a port that is not a number")
    return _remote(scheme, user if at else None, _host(host), int(port) if port else None, path)


def _scp_address(text: str) -> Locator:
    parts = re.fullmatch(r"(?:([^@:/\[\]]*)@)?(\[[^\]/@]*\]|[^@:/\[\]]+):(.*)", text)
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
    known = find_forges().names_repositories(host)
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
            raise LocatorRefused("an invalid IPv6 address") from None
    if not re.fullmatch(_HOST, host):
        raise LocatorRefused("an invalid character in the host")
    return host


def _remote(scheme: Scheme, user: str | None, host: str, port: int | None, path: str) -> Locator:
    if user is not None and not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,63}", user):
        raise LocatorRefused("an invalid character in the user name")
    if port is not None and not 0 < port < 1 << 16:
        raise LocatorRefused("port out of range (1-65535)")
    segments = _segments(path)
    forges = find_forges()
    host = forges.canonical_host(host)
    forge = forges.by_api_host.get(host)
    if forge is not None:
        if segments[:1] != [forge.api_hosts[host]]:
            raise LocatorRefused(f"an address of {forge.name}'s API, not a repository")
        host, segments = forge.hosts[0], segments[1:]
    forge = forges.by_host.get(host)
    if forge is not None:
        if port not in {None, *_DEFAULT_PORTS.values()}:
            raise LocatorRefused("a port that this host does not have")
        return _on_forge(forge, host, segments, exact=scheme == "ssh")
    if not segments:
        raise LocatorRefused("a host without a path")
    # RFC 3986, section 3.3: a segment is made of pchar; a leading "-" could be read as an option.
    if not all(
        re.fullmatch(r"(?!-)([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-F]{2})+", segment)
        for segment in segments
    ):
        raise LocatorRefused("an invalid character in the path, or a segment that starts with -")
    return Locator(
        scheme=scheme,
        host=host,
        path="/".join(segments),
        port=None if port == _DEFAULT_PORTS[scheme] else port,
        user=user or "",
    )


def _segments(path: str) -> list[str]:
    """Split a URL's path and normalize its escapes (RFC 3986, section 6.2.2)."""
    if re.search(_CONTROL, unquote(path)):
        raise LocatorRefused("a control character")
    path = re.sub("%([0-9A-Fa-f]{2})", _normalize_escape, path)
    path = re.sub(r"[^\x00-\x7f]+", lambda match: quote(match[0]), path)
    segments = [segment for segment in path.split("/") if segment not in {"", "."}]
    if ".." in segments:
        raise LocatorRefused(".. in a URL")
    return segments


def _normalize_escape(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if re.match(r"[A-Za-z0-9._~-]", character) else escape[0].upper()


def _on_forge(forge: Forge, host: str, segments: list[str], *, exact: bool) -> Locator:
    return Locator(
        scheme="https", host=host, path=forge.repository_path(segments, host=host, exact=exact)
    )
