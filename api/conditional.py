"""Conditional requests: strong entity tags from versions (RFC 9110 §13)."""

from fastapi import Request

from api.errors import PreconditionFailed


def etag(version: object) -> str:
    """The strong entity tag of a version or state."""
    return f'"{version}"'


def _tags(value: str) -> list[str]:
    return [tag.strip().removeprefix("W/") for tag in value[:2000].split(",")]


def not_modified(request: Request, tag: str) -> bool:
    """Whether the client already has the representation that `tag` names (If-None-Match)."""
    sent = request.headers.get("if-none-match")
    return sent is not None and (sent.strip() == "*" or tag in _tags(sent))


def need_match(sent: str | None, tag: str) -> None:
    """Raises `PreconditionFailed` when an If-Match was sent and names another version. Weak tags
    never match (RFC 9110 §13.1.1)."""
    if sent is None or sent.strip() == "*":
        return
    if tag not in [each.strip() for each in sent[:2000].split(",")]:
        raise PreconditionFailed(f"The present version is {tag}; read it again.")
