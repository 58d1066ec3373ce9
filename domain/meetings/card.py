"""The personal side of a meeting: names, addresses and zones, kept out of every history."""

from domain.values import Frozen


class PartyCard(Frozen):
    """One party as mails and pages need it.

    `uid` is the UID of this party's own copy of the event, for ever. `reply_address` is the
    ORGANIZER, From and Reply-To of everything this party is sent; `bounce_address` the
    envelope sender; `alias_address` is how the other parties' calendars see this one, unless
    `shows_address` lets them see the real one. `page_url` is the party's own page;
    `unsubscribe_url` and `unsubscribe_address` end optional mail, and are '' for meetings that
    were asked for before there were such.
    """

    number: int
    name: str
    address: str
    zone: str
    uid: str
    reply_address: str
    bounce_address: str
    alias_address: str
    page_url: str
    shows_address: bool = False
    known_addresses: tuple[str, ...] = ()
    unsubscribe_url: str = ""
    unsubscribe_address: str = ""


class MeetingCard(Frozen):
    """What a meeting is about, and for whom. `organizer` is the name mails come from."""

    meeting_id: str
    owner: str
    title: str
    description: str
    location: str
    organizer: str
    parties: tuple[PartyCard, ...]

    def party(self, number: int) -> PartyCard:
        return self.parties[number - 1]
