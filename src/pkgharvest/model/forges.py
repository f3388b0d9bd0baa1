"""The forges that are known by name: how they are addressed, and what their paths look like."""

import itertools
import re

FORGES = frozenset({"github.com", "gitlab.com", "codeberg.org", "bitbucket.org"})
GITHUB_API = "api.github.com"
PURL_TYPES = {"github": "github.com", "gitlab": "gitlab.com", "bitbucket": "bitbucket.org"}

_ALIASES = {
    "ssh.github.com": "github.com",  # ssh through port 443
    "altssh.gitlab.com": "gitlab.com",
    "altssh.bitbucket.org": "bitbucket.org",
    **{f"www.{host}": host for host in FORGES},
}
# Patterns are text: re compiles them when first used, and start-up does without them.
# GitHub's own pages that people paste: names that nobody can register as an owner.
_GITHUB_PAGES = (
    "about|apps|codespaces|collections|dashboard|explore|features|issues|join|login|logout|"
    "marketplace|notifications|organizations|orgs|pricing|pulls|search|settings|signup|"
    "sponsors|stars|topics|trending|users"
)
_GITHUB_OWNER = "[A-Za-z0-9_][A-Za-z0-9_-]{0,38}"
_GITHUB_NAME = r"(?!\.\.?\Z)[A-Za-z0-9._-]{1,100}"
_SEGMENT = r"(?!\.\.?\Z)[A-Za-z0-9_.][A-Za-z0-9_.-]{0,254}"
_DOT_GIT = r"(?i:\.git)+\Z"


class LocatorRefused(ValueError):
    """Why a text is no repository: a fixed sentence, never with a part of the text in it."""

    def __init__(self, why: str, hint: str | None = None) -> None:
        super().__init__(why)
        self.hint = hint


def canonical_host(host: str) -> str:
    """Give the host by which a forge is known; others stay as they are. In lower case, both."""
    return _ALIASES.get(host, host)


def graphql_endpoint(api_url: str) -> str:
    """Return where GraphQL is asked, as GitHub and GitHub Enterprise Server place it."""
    base = api_url.rstrip("/")
    return f"{base.removesuffix('/v3') if base.endswith('/api/v3') else base}/graphql"


def repository_path(host: str, segments: list[str], *, exact: bool) -> str:
    """Find the repository's path among the segments of a page's, without ``.git``.

    ``exact``: nothing may follow it, as in an address that is for git. Raises Refused.
    """
    if host == "github.com" and segments and re.fullmatch(_GITHUB_PAGES, segments[0].lower()):
        raise LocatorRefused("a page of GitHub that is no repository")
    if host == "gitlab.com":  # groups nest; what follows "-" is a page
        path = list(itertools.takewhile(lambda segment: segment != "-", segments))
    else:
        path = segments[:2]
    if len(path) < 2:  # noqa: PLR2004
        raise LocatorRefused("an owner without a name" if path else "no owner, and no name")
    if exact and path != segments:
        raise LocatorRefused("more than an owner and a name")
    path[-1] = re.sub(_DOT_GIT, "", path[-1])
    owner, name = (_GITHUB_OWNER, _GITHUB_NAME) if host == "github.com" else (_SEGMENT, _SEGMENT)
    if not all(re.fullmatch(owner, segment) for segment in path[:-1]):
        raise LocatorRefused(f"an owner that {host} does not allow")
    if not re.fullmatch(name, path[-1]):
        raise LocatorRefused(f"a name that {host} does not allow")
    return "/".join(path)
