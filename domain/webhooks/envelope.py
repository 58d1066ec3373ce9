"""The CloudEvents 1.0 envelope that webhooks, event lists and streams share."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

SPEC_VERSION = "1.0"
MEDIA_TYPE = "application/cloudevents+json"


def cloud_event(
    *, id: str, source: str, type: str, subject: str, at: datetime, data: Mapping[str, Any]
) -> dict[str, Any]:
    """One event in the JSON format of CloudEvents 1.0; `at` is aware UTC.

    `source` and `id` together name the event for ever: a receiver that saw the pair before has
    seen the event before.
    """
    return {
        "specversion": SPEC_VERSION,
        "id": id,
        "source": source,
        "type": type,
        "subject": subject,
        "time": at.isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": dict(data),
    }
