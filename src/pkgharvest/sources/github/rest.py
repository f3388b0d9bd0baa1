"""Requests to GitHub's REST API: URLs, validators, the way from one page to the next."""

from http import HTTPStatus
from urllib.parse import quote, urljoin

from pkgharvest.model.errors import Malformed
from pkgharvest.model.observations import FetchTarget, Validator
from pkgharvest.model.origin import Origin
from pkgharvest.sources.github import rest_decode as answers
from pkgharvest.sources.github.result_builder import repository_name
from pkgharvest.transport.base import Request, Response, Transport, make_conditional
from pkgharvest.transport.headers import parse_link_header

PARSER_REVISION = 1
"""Revision of the code that reads answers: validators of another revision are not used."""

PER_PAGE = 100
MAX_PAGES = 1_000

HEADERS = {
    "Accept": "application/vnd.github+json",
    "X-GitHub-Api-Version": answers.API_VERSION,
}


class GitHubRestApi:
    """GitHub's REST API at ``api_url``. ``conditional=False`` sends no validators."""

    def __init__(self, client: Transport, *, api_url: str, conditional: bool = True) -> None:
        self._client = client
        self._api = api_url.rstrip("/")
        self.conditional = conditional

    def url(self, target: FetchTarget) -> str:
        """Return where the repository of ``target`` is asked for."""
        return f"{self._api}/repos/{quote(repository_name(target), safe='/%')}"

    def validator(self, target: FetchTarget, url: str) -> Validator | None:
        """Return what vouches for the last answer of ``url``, where it may be used."""
        known = target.validators.get(url) if self.conditional else None
        return known if known is not None and known.parser == PARSER_REVISION else None

    async def get(self, url: str, validator: Validator | None = None) -> Response:
        """Ask for ``url``; the answer is a 304 only where ``validator`` is given."""
        answer = await self._client.send(
            make_conditional(Request(url=url, headers=HEADERS), validator)
        )
        if answer.status == HTTPStatus.NOT_MODIFIED and validator is None:
            raise Malformed(f"{url}: not modified, though nothing was known of it")
        return answer

    async def next_page(
        self, page: Response, turned: set[str], target: FetchTarget
    ) -> Response | None:
        """Return the page after ``page``, or None after the last; ``turned`` gains its URL."""
        link = parse_link_header(page.headers.get("link")).get("next")
        if link is None:
            return None
        try:
            url = urljoin(page.url, link)
        except ValueError as error:
            raise Malformed(f"{page.url}: the link to its next page cannot be read") from error
        if Origin.of(url) != Origin.of(self._api):
            raise Malformed(f"{page.url}: its next page is at another host")
        if url in turned or len(turned) >= MAX_PAGES:
            raise Malformed(f"{page.url}: its pages do not come to an end")
        turned.add(url)
        return answers.whole(await self.get(url), repository_name(target))
