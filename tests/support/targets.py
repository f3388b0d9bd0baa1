"""Targets for tests of sources, and a transport with prepared responses."""

import asyncio
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pkgharvest.model import locators
from pkgharvest.model.observations import FetchTarget, RepositoryResult
from pkgharvest.transport.base import Request, Response

API = "https://api.github.com"


def new_target(text: str = "octo/cat") -> FetchTarget:
    """Return a package that was just added."""
    return FetchTarget(
        package_id=1, slug="cat", sources=("repo",), locator=locators.parse_locator(text)
    )


def update_target(target: FetchTarget, result: RepositoryResult, at: dt.datetime) -> FetchTarget:
    """Return ``target`` as the catalog has it after ``result``, read ``at`` that instant."""
    activity = result.activity
    if result.repository is not None:
        target = replace(
            target,
            locator=result.repository.locator,
            repo_id=result.repository.repo_id,
            default_branch=result.repository.default_branch,
        )
    if activity is not None:
        target = replace(target, head=activity.head, days_since=activity.since)
    if result.contributors_asked:
        target = replace(target, contributors_known=True, contributors_read=at)
    validators = {
        key: validator
        for key, validator in target.validators.items()
        if key.partition("?")[0] not in {new.key.partition("?")[0] for new in result.validators}
    }
    validators |= {validator.key: validator for validator in result.validators}
    return replace(target, validators=validators)


@dataclass(slots=True)
class CannedTransport:
    """A Transport with prepared responses by URL; requesting another URL is a KeyError."""

    responses: Mapping[str, Response | BaseException]
    requests: list[Request] = field(default_factory=list)

    async def send(self, request: Request) -> Response:
        """Return the response for the URL, or raise it."""
        await asyncio.sleep(0)
        self.requests.append(request)
        response = self.responses[request.url]
        if isinstance(response, BaseException):
            raise response
        return response

    @property
    def urls(self) -> list[str]:
        """The requested URLs, in order."""
        return [request.url for request in self.requests]


def response(url: str, body: bytes = b"", status: int = 200, **headers: str) -> Response:
    """Return a response from ``url``. Underscores in the names of headers become hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=status, headers=named, body=body, url=url)
