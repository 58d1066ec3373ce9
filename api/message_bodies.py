"""The body that a mail of an integrator's own is asked for with."""

import base64
import binascii
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StringConstraints,
    model_validator,
)

from api.addresses import Mailbox
from api.examples import MESSAGE_REQUEST_EXAMPLE
from api.meeting_bodies import Time
from domain.commands import fingerprint
from domain.errors import BadInput
from domain.outbox.requests import (
    KIND_PATTERN,
    OCCASION_PATTERN,
    SUBJECT_LIMIT,
    SUBJECT_PATTERN,
    TEXT_LIMIT,
    Correspondent,
    DigestOrder,
    Every,
    MessageOrder,
    ReadyMime,
    Words,
)
from domain.outbox.templates import render, render_html
from domain.postage import OnUnknown, Postage, Priority
from domain.values import Line, Prose, ZoneName

_PRIORITIES = {"urgent": Priority.URGENT, "normal": Priority.NORMAL, "bulk": Priority.BULK}


def _filled(value: str) -> str:
    if not value:
        raise ValueError("This must not be empty.")
    return value


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ReplyToBody(_Body):
    """Who gets the answers."""

    address: Mailbox
    name: Line = Field(default="", max_length=100)

    def correspondent(self) -> Correspondent:
        return Correspondent(address=self.address, name=self.name)


class RecipientBody(ReplyToBody):
    """Whom the mail goes to: one person."""

    zone: ZoneName | None = Field(
        default=None, description="Their IANA time zone, for quiet hours and daily digests."
    )


Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.]{0,59}$")]
Text = Annotated[Prose, Field(max_length=10_000)]
Value = StrictBool | StrictInt | StrictFloat | Text


class TemplateBody(_Body):
    """A mail as a template: `{{ name }}` stands for the variable of that name, and nothing else
    is special. Values are escaped in HTML."""

    subject: Annotated[Line, AfterValidator(_filled)] = Field(max_length=SUBJECT_LIMIT)
    text: Annotated[Prose, AfterValidator(_filled)] = Field(max_length=TEXT_LIMIT)
    html: Prose | None = Field(default=None, max_length=TEXT_LIMIT)
    variables: dict[Name, Value] = Field(default={}, max_length=200)

    def words(self) -> Words:
        """The mail written out. Raises `BadInput` with the field at fault."""
        given = self.variables
        return Words(
            subject=self._subject(),
            text=render(self.text, given, limit=TEXT_LIMIT, field="template.text"),
            html=None
            if self.html is None
            else render_html(self.html, given, limit=TEXT_LIMIT, field="template.html"),
        )

    def _subject(self) -> str:
        field = "template.subject"
        subject = render(self.subject, self.variables, limit=SUBJECT_LIMIT, field=field)
        if not subject.strip():
            raise BadInput("With its variables it is empty.", field=field)
        return subject


class DigestBody(_Body):
    """That the mail may wait and go as a part of one mail with others of its kind."""

    every: Every = Field(description="PT1H: at the full hour; P1D: at 8:00 in `recipient.zone`.")
    subject: Line = Field(
        default="", max_length=SUBJECT_LIMIT, description="Of the digest; parts share it."
    )


class MessageBody(_Body):
    """A mail of a kind of your own, about something of your own."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [MESSAGE_REQUEST_EXAMPLE]}
    )

    kind: str = Field(
        pattern=KIND_PATTERN, description="What kind of mail it is, for instance `order.shipped`."
    )
    subject: str = Field(
        pattern=SUBJECT_PATTERN, description="What it is about: your own id of an order or such."
    )
    occasion: str = Field(
        default="1", pattern=OCCASION_PATTERN, description="Which mail of this kind about it."
    )
    recipient: RecipientBody
    template: TemplateBody | None = Field(default=None, description="Either this or `mime`.")
    mime: str | None = Field(
        default=None,
        max_length=245_000,
        description="A whole mail in base64, its parts 7-bit; either this or `template`.",
    )
    from_name: Line = Field(
        default="", max_length=100, description="The name it comes from; yours, by default."
    )
    reply_to: ReplyToBody | None = Field(
        default=None, description="Who gets answers; without it, answers reach nobody."
    )
    priority: Literal["urgent", "normal", "bulk"] = "normal"
    on_unknown: OnUnknown = Field(
        default=OnUnknown.HOLD,
        description="What to do when nobody knows whether it arrived.",
    )
    send_at: Time | None = Field(default=None, description="Not before.")
    expires_at: Time | None = Field(default=None, description="Not wanted any more from then on.")
    quiet: bool = Field(default=False, strict=True, description="Whether it can wait for morning.")
    optional: bool = Field(
        default=False, strict=True, description="Whether its recipient may unsubscribe from it."
    )
    digest: DigestBody | None = None

    @model_validator(mode="after")
    def _one_way_or_the_other(self) -> Self:
        if (self.template is None) == (self.mime is None):
            raise ValueError("Give either `template` or `mime`.")
        return self

    def order(self, owner: str, organizer: str) -> MessageOrder:
        """The mail as it is asked for by `owner`, whose name is `organizer` unless it says
        otherwise. Raises `BadInput` with the field at fault."""
        return MessageOrder(
            owner=owner,
            kind=self.kind,
            subject=self.subject,
            occasion=self.occasion,
            recipient=self.recipient.correspondent(),
            content=self._content(),
            sender_name=self.from_name or organizer,
            reply_to=None if self.reply_to is None else self.reply_to.correspondent(),
            postage=self._postage(),
            send_at=self.send_at,
            digest=self.digest and DigestOrder(**self.digest.model_dump()),
            fingerprint=self._fingerprint(),
        )

    def _content(self) -> Words | ReadyMime:
        if self.template is not None:
            return self.template.words()
        try:
            return ReadyMime(raw=base64.b64decode(self.mime or "", validate=True))
        except (binascii.Error, ValueError):
            raise BadInput("This is not base64.", field="mime") from None

    def _postage(self) -> Postage:
        return Postage(
            priority=_PRIORITIES[self.priority],
            on_unknown=self.on_unknown,
            expires_at=self.expires_at,
            zone=self.recipient.zone,
            quiet=self.quiet,
            optional=self.optional,
        )

    def _fingerprint(self) -> str:
        """Of everything that was said; the address whatever its case, as in the key."""
        said = self.model_dump(mode="json")
        said["recipient"]["address"] = self.recipient.address.casefold()
        return fingerprint(said)


class DeedBody(_Body):
    """A deed needs no words; the body may be left out."""
