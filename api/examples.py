"""Examples for the OpenAPI document; tests hold them against the models they show."""

from typing import Any

MEETING_REQUEST_EXAMPLE: dict[str, Any] = {
    "title": "First talk about the bridge",
    "location": "By telephone",
    "parties": [
        {"name": "Ada Moreira", "address": "ada@example.org", "zone": "Europe/Lisbon"},
        {"name": "Ben Okafor", "address": "ben@example.com", "zone": "Africa/Lagos"},
    ],
    "slots": [
        {"start": "2027-03-01T09:00:00Z", "end": "2027-03-01T09:30:00Z"},
        {"start": "2027-03-02T15:00:00+01:00", "end": "2027-03-02T15:30:00+01:00"},
    ],
    "answer_for": "P7D",
}

RESCHEDULE_EXAMPLE: dict[str, Any] = {
    "slots": [{"start": "2027-03-08T09:00:00Z", "end": "2027-03-08T09:30:00Z"}]
}

CORRECT_ADDRESS_EXAMPLE: dict[str, Any] = {"party": 2, "address": "ben.okafor@example.com"}

COMMAND_EXAMPLE: dict[str, Any] = {
    "id": "0d9c7c6f0f8a4a0d8a6c2f7f5b1c3e21",
    "kind": "meeting.request",
    "state": "succeeded",
    "accepted_at": "2027-02-20T10:00:00Z",
    "finished_at": "2027-02-20T10:00:01Z",
    "outcome": {"code": "invited", "detail": "Both parties were invited.", "version": 2},
    "_links": {
        "self": {"href": "/commands/0d9c7c6f0f8a4a0d8a6c2f7f5b1c3e21"},
        "related": {"href": "/meetings/7f3a90c2d4e1b865"},
    },
}

MEETING_EXAMPLE: dict[str, Any] = {
    "id": "7f3a90c2d4e1b865",
    "title": "First talk about the bridge",
    "status": "negotiating",
    "sequence": 0,
    "slot": {"start": "2027-03-01T09:00:00Z", "end": "2027-03-01T09:30:00Z"},
    "answer_by": "2027-02-27T10:00:00Z",
    "version": 2,
    "parties": [
        {"number": 1, "name": "Ada Moreira", "partstat": "ACCEPTED", "zone": "Europe/Lisbon"},
        {"number": 2, "name": "Ben Okafor", "partstat": "NEEDS-ACTION", "zone": "Africa/Lagos"},
    ],
    "_links": {
        "self": {"href": "/meetings/7f3a90c2d4e1b865"},
        "parley:events": {"href": "/meetings/7f3a90c2d4e1b865/events"},
        "parley:cancel": {"href": "/meetings/7f3a90c2d4e1b865/cancel"},
    },
    "_templates": {
        "cancel": {"method": "POST", "target": "/meetings/7f3a90c2d4e1b865/cancel"},
    },
}

EVENT_EXAMPLE: dict[str, Any] = {
    "specversion": "1.0",
    "id": "4711",
    "source": "https://parley.example.org/",
    "type": "AnswerRecorded",
    "subject": "meeting/7f3a90c2d4e1b865",
    "time": "2027-02-21T08:30:00Z",
    "datacontenttype": "application/json",
    "data": {
        "version": 3,
        "sentence": "Ada Moreira accepted.",
        "party": {"number": 1, "name": "Ada Moreira"},
        "partstat": "ACCEPTED",
        "sequence": 0,
    },
}

PERSON_REQUEST_EXAMPLE: dict[str, Any] = {
    "name": "Ada Moreira",
    "address": "ada@example.org",
    "zone": "Europe/Lisbon",
}

PERSON_EXAMPLE: dict[str, Any] = {
    "id": "5b1f0c9e7d2a4463",
    **PERSON_REQUEST_EXAMPLE,
    "version": 1,
    "created_at": "2027-02-20T10:00:00Z",
    "updated_at": "2027-02-20T10:00:00Z",
    "_links": {
        "self": {"href": "/people/5b1f0c9e7d2a4463"},
        "parley:rename": {"href": "/people/5b1f0c9e7d2a4463/rename"},
    },
}

WEBHOOK_REQUEST_EXAMPLE: dict[str, Any] = {
    "url": "https://hooks.example.org/parley",
    "events": ["MeetingConfirmed", "MeetingEnded"],
}

WEBHOOK_EXAMPLE: dict[str, Any] = {
    "id": "c41d8e02f6b95a37",
    **WEBHOOK_REQUEST_EXAMPLE,
    "state": "active",
    "disabled_because": None,
    "failing_since": None,
    "created_at": "2027-02-20T10:00:00Z",
    "_links": {
        "self": {"href": "/webhooks/c41d8e02f6b95a37"},
        "parley:deliveries": {"href": "/webhooks/c41d8e02f6b95a37/deliveries"},
        "parley:test": {"href": "/webhooks/c41d8e02f6b95a37/test"},
    },
}

DELIVERY_EXAMPLE: dict[str, Any] = {
    "id": "msg_0d9c7c6f0f8a4a0d8a6c2f7f5b1c3e21",
    "type": "MeetingConfirmed",
    "event": "4711",
    "state": "pending",
    "attempts": 1,
    "next_at": "2027-02-21T08:35:00Z",
    "last_status": 503,
    "last_error": "status 503",
    "created_at": "2027-02-21T08:30:00Z",
    "delivered_at": None,
    "_links": {
        "self": {"href": "/deliveries/msg_0d9c7c6f0f8a4a0d8a6c2f7f5b1c3e21"},
        "up": {"href": "/webhooks/c41d8e02f6b95a37"},
    },
}

MESSAGE_REQUEST_EXAMPLE: dict[str, Any] = {
    "kind": "order.shipped",
    "subject": "order-4711",
    "recipient": {"name": "Ada Moreira", "address": "ada@example.org", "zone": "Europe/Lisbon"},
    "template": {
        "subject": "Your order {{ number }} is on its way",
        "text": "Hello {{ name }},\n\nyour order {{ number }} left us today.",
        "html": "<p>Hello {{ name }},</p><p>your order <b>{{ number }}</b> left us today.</p>",
        "variables": {"name": "Ada", "number": 4711},
    },
    "reply_to": {"name": "The Shop", "address": "orders@shop.example"},
    "on_unknown": "hold",
    "expires_at": "2027-03-08T09:00:00Z",
}

MESSAGE_EXAMPLE: dict[str, Any] = {
    "id": 4711,
    "kind": "order.shipped",
    "subject": "order-4711",
    "occasion": "1",
    "party": None,
    "recipient": "ada@example.org",
    "message_id": "<wycyuqku3hpdwaxfcmraxbbwrh@parley.example.org>",
    "state": "sent",
    "explanation": "sent: the server said that it was taken",
    "needs_attention": False,
    "held_because": None,
    "proof": "reply",
    "fate": None,
    "whole": None,
    "attempts": 1,
    "last_reply": "250 2.0.0 Ok: queued as 4F2A1",
    "created_at": "2027-03-01T09:00:00Z",
    "next_at": None,
    "sent_at": "2027-03-01T09:00:01Z",
    "timeline": [
        {"at": "2027-03-01T09:00:00Z", "type": "requested", "text": "", "by": "ynqxegtfznyq2"},
        {
            "at": "2027-03-01T09:00:01Z",
            "type": "attempt",
            "text": "2.0.0 Ok: queued as 4F2A1",
            "phase": "done",
            "code": 250,
            "server": "relay.example.org, TLSv1.3",
            "state": "sent",
        },
    ],
    "_links": {
        "self": {"href": "/messages/4711"},
        "parley:raw": {"href": "/messages/4711/raw"},
        "parley:resend": {"href": "/messages/4711/resend"},
    },
    "_templates": {"resend": {"method": "POST", "target": "/messages/4711/resend"}},
}

SUPPRESSION_EXAMPLE: dict[str, Any] = {
    "id": 7,
    "address": "ada@example.org",
    "scope": "all",
    "reason": "bounced",
    "detail": "550 5.1.1 no such user",
    "created_at": "2027-03-01T09:05:00Z",
    "until": "2027-03-31T09:05:00Z",
    "_links": {
        "self": {"href": "/suppressions/7"},
        "related": {"href": "/messages/4711"},
    },
}

KEY_REQUEST_EXAMPLE: dict[str, Any] = {
    "name": "booking site",
    "scopes": ["meetings:read", "meetings:write"],
}

KEY_EXAMPLE: dict[str, Any] = {
    "id": "ynqxegtfznyq2",
    **KEY_REQUEST_EXAMPLE,
    "created_at": "2027-02-20T10:00:00Z",
    "expires_at": None,
    "revoked_at": None,
    "last_used_at": "2027-02-21T08:30:00Z",
    "_links": {"self": {"href": "/keys/ynqxegtfznyq2"}},
}

STRAY_EXAMPLE: dict[str, Any] = {
    "id": "q12",
    "state": "kept",
    "reason": "nobody",
    "source": "imap",
    "mail_from": "ana@example.org",
    "recipient": "r+aaaaaaaaaaaaaaaaaaaaaaaaaa@parley.example.org",
    "received_at": "2027-02-20T10:00:00Z",
    "settled_at": None,
    "copies": 1,
    "replays": 0,
    "octets": 2048,
    "raw_forgotten_at": None,
    "problems": [],
    "_links": {"self": {"href": "/quarantine/q12"}, "collection": {"href": "/quarantine"}},
}
