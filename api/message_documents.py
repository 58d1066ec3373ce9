"""Messages as documents: what is known of them, and the links and forms of what is possible."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from api.hypermedia import Document, Form, Property
from api.instants import rfc3339
from api.meeting_documents import meeting_href
from domain.access import Principal, Scope
from domain.outbox.events import own_subject
from domain.outbox.model import Draft, MessageState, Suppression
from domain.outbox.requests import Every
from domain.outbox.transitions import possible
from domain.outbox.views import (
    MOST_COUNTED,
    MessageStory,
    MessageView,
    StateCounts,
    TimelineLine,
    needs_attention,
)
from domain.outbox.words import is_planned, state_words
from domain.postage import OnUnknown
from settings import Settings

ASK_FORM = Form(
    "/messages",
    title="Send a mail of your own",
    properties=(
        Property("kind", "What kind of mail, for instance order.shipped", required=True),
        Property("subject", "Your id of what it is about", required=True, max_length=120),
        Property("occasion", "Which mail of this kind about it", value="1", max_length=60),
        Property("recipient", "An object {address, name, zone}", "textarea", required=True),
        Property("template", "An object {subject, text, html, variables}", "textarea"),
        Property("mime", "Or a whole mail in base64", "textarea"),
        Property("from_name", "The name it comes from", max_length=100),
        Property("reply_to", "An object {address, name}", "textarea"),
        Property("priority", value="normal", options=("urgent", "normal", "bulk")),
        Property("on_unknown", value=OnUnknown.HOLD.value, options=tuple(OnUnknown)),
        Property("send_at", "Not before", "datetime"),
        Property("expires_at", "Not later", "datetime"),
        Property("quiet", "Can wait for morning", "checkbox"),
        Property("optional", "Its recipient may unsubscribe", "checkbox"),
        Property("digest", f"An object {{every}}: {' or '.join(Every)}", "textarea"),
    ),
)


@dataclass(frozen=True)
class Reader:
    """Who is reading: what they may do, and where the runs of sagas are shown, if anywhere."""

    principal: Principal
    temporal: str = ""

    @property
    def may_write(self) -> bool:
        return self.principal.may(Scope.MESSAGES_WRITE)


def reader_of(principal: Principal, settings: Settings) -> Reader:
    """`principal`, with the address of Temporal's web interface where there is one."""
    if not settings.temporal_ui:
        return Reader(principal)
    ui = settings.temporal_ui.rstrip("/")
    return Reader(principal, f"{ui}/namespaces/{settings.temporal_namespace}")


def message_href(message: int) -> str:
    return f"/messages/{message}"


def message_document(message: MessageView, reader: Reader) -> Document:
    """The message with what may be asked of it now; forms only for keys that may write."""
    here = message_href(message.id)
    document = Document(_members(message)).link("self", here).link("collection", "/messages")
    if message.raw_forgotten_at is None:
        document.link("parley:raw", f"{here}/raw", type="message/rfc822")
    if message.merged_into is not None:
        document.link("parley:merged-into", message_href(message.merged_into))
    _link_cause(document, message, reader)
    if reader.may_write:
        for row in possible(message.standing):
            document.link(f"parley:{row.deed}", f"{here}/{row.deed}", title=row.title)
            document.form(row.deed.value, Form(f"{here}/{row.deed}", title=row.title))
    return document


def _link_cause(document: Document, message: MessageView, reader: Reader) -> None:
    """Links to what the message is about, where the reader may look there."""
    if not message.subject.startswith("meeting/"):
        return
    if reader.principal.may(Scope.MEETINGS_READ):
        meeting = message.subject.partition("/")[2]
        document.link("related", meeting_href(meeting), title="The meeting")
    if reader.temporal:
        run = f"{reader.temporal}/workflows/{quote(message.subject, safe='')}"
        document.link("parley:run", run, title="The run in Temporal")


def _members(message: MessageView) -> dict[str, Any]:
    """`next_at` is null when nothing is planned."""
    return {
        "id": message.id,
        "kind": message.kind,
        "subject": own_subject(message.subject) or message.subject,
        "occasion": message.occasion,
        "party": message.party,
        "recipient": message.recipient,
        "message_id": message.message_id,
        "state": message.state.value,
        "explanation": state_words(message),
        "needs_attention": needs_attention(message),
        "held_because": message.standing.held_because,
        "proof": message.proof,
        "fate": message.fate,
        "whole": _whole(message),
        "attempts": message.attempts,
        "resends": message.resends,
        "last_reply": message.last_reply,
        "created_at": rfc3339(message.created_at),
        "next_at": rfc3339(message.next_at) if is_planned(message) else None,
        "sent_at": rfc3339(message.sent_at),
        "expires_at": rfc3339(message.expires_at),
        "priority": message.priority.name.lower(),
        "on_unknown": message.on_unknown.value,
        "quiet": message.quiet,
        "optional": message.optional,
    }


def _whole(message: MessageView) -> dict[str, Any] | None:
    """The digest that it became a part of, and what became of that."""
    if message.merged_into is None:
        return None
    return {
        "id": message.merged_into,
        "state": message.whole_state,
        "fate": message.whole_fate,
    }


def story_document(
    story: MessageStory, reader: Reader, cause: Mapping[str, Any] | None
) -> Document:
    """The message with its timeline; `cause` is the event it followed from, as a CloudEvent."""
    document = message_document(story.message, reader)
    lines = [_line(each) for each in story.timeline]
    document.data = {**document.data, "cause": cause, "timeline": lines}
    for again in story.resent_as:
        document.link("parley:resent-as", message_href(again))
    return document


def _line(line: TimelineLine) -> dict[str, Any]:
    shown = line.model_dump(mode="json", exclude_none=True, exclude={"times", "until"})
    if line.until is not None:
        shown |= {"times": line.times, "until": rfc3339(line.until)}
    return {**shown, "at": rfc3339(line.at)}


def list_document(shown: Sequence[MessageView], counts: StateCounts, reader: Reader) -> Document:
    """A page of messages with the counts of every state; its own links are the caller's."""
    document = Document(
        {
            "count": len(shown),
            "states": {state.value: counts.get(state, 0) for state in MessageState},
            "most_counted": MOST_COUNTED,
        }
    )
    if reader.may_write:
        document.link("create-form", "/messages").link("describedby", "/schemas/MessageBody")
        document.form("default", ASK_FORM)
    return document.embed("items", [message_document(each, reader) for each in shown])


def preview_document(
    draft: Draft, send_at: datetime | None, suppressed: Sequence[Suppression]
) -> Document:
    """The mail that would be sent, whole; and what would keep it from being sent."""
    members = {
        "dry_run": True,
        "message_id": draft.message_id,
        "recipient": draft.recipient,
        "send_at": rfc3339(send_at),
        "size": len(draft.raw),
        "suppressed_because": suppressed[0].reason.value if suppressed else None,
        "raw": draft.raw.decode("ascii"),
    }
    return Document(members).link("create-form", "/messages")
