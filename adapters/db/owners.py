"""An owner's view of the database, as the HTTP API asks for it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from adapters.db import commands, corrections, inputs, journal, meeting_queries, meetings
from adapters.db.database import Database
from domain.commands import Command, Submission
from domain.journal import JournalEvent
from domain.meetings.messages import AddressCorrection, MeetingInput, stream_of
from domain.meetings.requests import AddressOrder, MeetingOrder
from domain.meetings.views import MailView, MeetingFilter, MeetingView, MessageView


class OwnerCommands:
    """Commands and what they repeat."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, owner: str, command_id: str) -> Command:
        """Raises `NotFound`, also for another owner's."""
        return await self._database.read(lambda c: commands.get(c, command_id, owner))

    async def earlier(self, submission: Submission) -> Command | None:
        """The command that this submission repeats, if it came before. Raises `KeyReused`."""
        return await self._database.read(lambda c: commands.earlier(c, submission.idempotency))


class OwnerMeetings:
    """Meetings asked for and instructed by their owner. `secret` derives the parties' tokens."""

    def __init__(self, database: Database, secret: bytes) -> None:
        self._database = database
        self._secret = secret

    async def request(
        self, submission: Submission, meeting_id: str, order: MeetingOrder
    ) -> tuple[Command, bool]:
        """Create the meeting with its command and its opening input, in one transaction.

        The flag says that the command was there before; then nothing was written.
        Raises `KeyReused`.
        """

        def work(c: sa.Connection) -> tuple[Command, bool]:
            command, replayed = _accept(c, submission, stream_of(meeting_id))
            if not replayed:
                meetings.request(
                    c,
                    meeting_id=meeting_id,
                    owner=submission.owner,
                    order=order,
                    secret=self._secret,
                    at=submission.at,
                    command_id=command.id,
                )
            return command, replayed

        return await self._database.write(work)

    async def instruct(
        self,
        submission: Submission,
        meeting_id: str,
        body: MeetingInput,
        check: Callable[[MeetingView], None],
    ) -> tuple[Command, bool]:
        """Accept `body` as an input of the meeting, with its command, in one transaction.

        `check` sees the meeting in that transaction; when it raises, the key is free again.
        Raises what `check` raises, `NotFound`, `KeyReused`.
        """

        def work(c: sa.Connection) -> tuple[Command, bool]:
            meeting = meeting_queries.get(c, submission.owner, meeting_id)
            command, replayed = _accept(c, submission, stream_of(meeting_id))
            if not replayed:
                check(meeting)
                _accept_input(c, command, body)
            return command, replayed

        return await self._database.write(work)

    async def correct_address(
        self,
        submission: Submission,
        meeting_id: str,
        order: AddressOrder,
        check: Callable[[MeetingView], None],
    ) -> tuple[Command, bool]:
        """Accept another address for a party as an input of the meeting, as `instruct` does.

        Raises `Refused` as well for an address that mail does not go to, and while another
        correction is under way.
        """

        def work(c: sa.Connection) -> tuple[Command, bool]:
            meeting = meeting_queries.get(c, submission.owner, meeting_id)
            stream = stream_of(meeting_id)
            command, replayed = _accept(c, submission, stream)
            if not replayed:
                inputs.queue_up(c, stream)  # so that of two at once one sees the other
                check(meeting)
                corrections.check(c, submission.owner, stream, order, submission.at)
                body = AddressCorrection(party=order.party)
                _accept_input(c, command, body, corrections.words_of(order))
            return command, replayed

        return await self._database.write(work)

    async def view(self, owner: str, meeting_id: str) -> MeetingView:
        """Raises `NotFound`."""
        return await self._database.read(lambda c: meeting_queries.get(c, owner, meeting_id))

    async def search(self, wanted: MeetingFilter) -> list[MeetingView]:
        return await self._database.read(lambda c: meeting_queries.list_page(c, wanted))

    async def messages(self, owner: str, meeting_id: str) -> list[MessageView]:
        """Its mails out. Raises `NotFound`."""
        return await self._database.read(lambda c: meeting_queries.messages(c, owner, meeting_id))

    async def mail(self, owner: str, meeting_id: str) -> list[MailView]:
        """Its mails in. Raises `NotFound`."""
        return await self._database.read(lambda c: meeting_queries.mail(c, owner, meeting_id))


def _accept(c: sa.Connection, submission: Submission, stream: str) -> tuple[Command, bool]:
    return commands.accept(
        c,
        id=submission.id,
        owner=submission.owner,
        kind=submission.kind,
        stream=stream,
        data=submission.data,
        at=submission.at,
        idempotency=submission.idempotency,
    )


def _accept_input(
    c: sa.Connection, command: Command, body: MeetingInput, words: dict[str, Any] | None = None
) -> None:
    inputs.accept(
        c,
        stream=command.stream,
        key=f"command/{command.id}",
        body=body.model_dump(mode="json"),
        received_at=command.accepted_at,
        words=words,
        command_id=command.id,
    )


class OwnerJournal:
    """The journal as owners read it, with what it leaves out joined from elsewhere."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def after(
        self,
        owner: str,
        position: int,
        *,
        stream: str | None = None,
        kinds: Sequence[str] = (),
        types: Sequence[str] = (),
        limit: int = 100,
    ) -> list[JournalEvent]:
        """The owner's events after `position`, in order of position."""
        return await self._database.read(
            lambda c: journal.read_after(
                c, position, owner=owner, stream=stream, kinds=kinds, types=types, limit=limit
            )
        )

    async def last_position(self, owner: str) -> int:
        return await self._database.read(lambda c: journal.last_position(c, owner))

    async def words(self, input_ids: Sequence[int]) -> Mapping[int, dict[str, Any]]:
        """What people wrote with these inputs; ids without words are left out."""
        return await self._database.read(lambda c: inputs.words_of(c, input_ids))

    async def names(self, streams: Sequence[str]) -> Mapping[str, Mapping[int, str]]:
        """The names of the parties of each meeting stream, by number."""
        ids = [stream.partition("/")[2] for stream in streams]
        found = await self._database.read(lambda c: meeting_queries.names_of(c, ids))
        return {stream_of(meeting_id): names for meeting_id, names in found.items()}

    async def news(self, timeout: float) -> None:
        """Wait until something may have been appended, or for `timeout` seconds."""
        await self._database.bell.wait("journal", timeout)
