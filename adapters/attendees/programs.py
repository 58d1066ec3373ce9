"""The mail programs that can be played, by name."""

from adapters.attendees.apple import Apple
from adapters.attendees.client import Client
from adapters.attendees.google import Google
from adapters.attendees.outlook import Outlook
from adapters.attendees.thunderbird import Thunderbird

CLIENTS: dict[str, Client] = {
    "google": Google(),
    "outlook": Outlook(),
    "apple": Apple(),
    "thunderbird": Thunderbird(),
}
