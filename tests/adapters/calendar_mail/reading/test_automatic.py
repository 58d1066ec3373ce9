"""Which mail no person wrote."""

import pytest

from adapters.calendar_mail.reading.reader import read_mail
from domain.inbox.model import Delivery, Verdict

HEAD = "From: alice@example.org\nTo: r+token@parley.example\n"


def verdict(headers: str, body: str = "Hello") -> Verdict:
    return read_mail(f"{HEAD}{headers}\n\n{body}".encode()).verdict


def report(status: str) -> str:
    return (
        f"{HEAD}Subject: Report\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        "--b\n\nSome words.\n--b\nContent-Type: message/delivery-status\n\n"
        f"Reporting-MTA: dns; mx.example.org\n\n{status}\n--b--"
    )


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: Auto-Generated; owner-email=x@example.org",
        "Precedence: bulk",
        "Precedence: auto_reply",
        "List-Id: <list.example.org>",
        "X-Auto-Response-Suppress: All",
        "X-Autoreply: yes",
        "X-Autorespond: vacation",
        "Return-Path: <>",
        "Subject: Automatische Antwort: A meeting",
        "Subject: =?utf-8?q?R=C3=A9ponse_automatique_=3A_A_meeting?=",
        "Subject: Re: [Auto-Reply] A meeting",
        "\n".join("Received: from a by b" for _ in range(26)),
    ],
)
def test_a_program_is_known_by_its_headers(header: str) -> None:
    assert verdict(header) is Verdict.AUTOMATIC


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        ("Out of Office: A meeting", "I am out of the office until Monday."),
        ("Abwesenheitsnotiz: A meeting", "Ich bin nicht da."),
        ("Ausente hasta el lunes", "Estoy fuera de la oficina."),
        ("[OOO] A meeting", "On annual leave."),
        ("Vacation", "I will be back in May."),
        ("Autoreply from Carl", "I am away."),
    ],
)
def test_a_notice_of_absence_is_known_by_its_subject_and_its_words(
    subject: str, words: str
) -> None:
    assert verdict(f"Subject: {subject}", words) is Verdict.AUTOMATIC
    assert verdict(f"Subject: {subject}", "Friday suits me better.") is Verdict.NOTE


@pytest.mark.parametrize(
    "subject",
    [
        "Vacation next week, can we meet Friday?",
        "OOO Tuesday - Wednesday works",
        "Absence of Carl",
        "Away from desk, call me",
        "Automatic sprinklers",
    ],
)
def test_a_person_may_write_of_an_absence(subject: str) -> None:
    assert verdict(f"Subject: {subject}", "I am away from Monday to Thursday.") is Verdict.NOTE


@pytest.mark.parametrize(
    ("subject", "words", "resembles"),
    [
        ("DELIVERY FAILURE: no such user", "Sorry", True),
        ("About your mail", "Your mail was not delivered to ben: 550 no such user", True),
        ("A meeting", "I live at 550 Main Street, Friday suits me.", False),
        ("Out of Office: Undeliverable", "I am on vacation.", False),
        ("Automatic reply: Returned mail", "", False),
    ],
)
def test_the_words_of_a_bounce_are_told_where_they_are_no_proof(
    subject: str, words: str, resembles: bool
) -> None:
    reading = read_mail(f"{HEAD}Subject: {subject}\n\n{words}".encode())

    assert reading.verdict is not Verdict.BOUNCE
    assert reading.resembles_bounce is resembles


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("DELIVERY FAILURE: User ben not listed in Domino Directory", Verdict.BOUNCE),
        ("Message delivery failed?", Verdict.NOTE),
        ("Fwd: Undelivered Mail", Verdict.NOTE),
        ("A question about undeliverable mail", Verdict.NOTE),
    ],
)
def test_a_bounce_from_anybody_needs_its_subject_and_its_words(
    subject: str, expected: Verdict
) -> None:
    words = "Your message was not delivered to ben because: User not listed"

    assert verdict(f"Subject: {subject}", words) is expected


@pytest.mark.parametrize(
    "header",
    [
        "Subject: Re: A meeting",
        "Auto-Submitted: no",
        "Subject: Automatic doors, and our meeting",
        "Return-Path: <alice@example.org>",
        "Precedence: normal",
        "Subject: I was away last week",
    ],
)
def test_a_person_is_not_taken_for_a_program(header: str) -> None:
    assert verdict(header) is Verdict.NOTE


@pytest.mark.parametrize(
    ("status", "expected", "delivery"),
    [
        (
            "Final-Recipient: rfc822; alice@example.org\nAction: failed\nStatus: 5.1.1",
            Verdict.BOUNCE,
            Delivery(action="failed", status="5.1.1", recipient="alice@example.org"),
        ),
        (
            "Final-Recipient: rfc822;alice@example.org\nAction: Delayed\nStatus: 4.4.7 (slow)",
            Verdict.BOUNCE,
            Delivery(action="delayed", status="4.4.7", recipient="alice@example.org"),
        ),
        (
            "Final-Recipient: rfc822; alice@example.org\nAction: delivered\nStatus: 2.1.5",
            Verdict.AUTOMATIC,
            Delivery(action="delivered", status="2.1.5", recipient="alice@example.org"),
        ),
        ("", Verdict.BOUNCE, Delivery(action="failed")),
    ],
)
def test_a_delivery_report_says_what_became_of_the_mail(
    status: str, expected: Verdict, delivery: Delivery
) -> None:
    reading = read_mail(report(status).encode())

    assert reading.verdict is expected
    assert reading.delivery == delivery


def test_a_failure_among_several_recipients_counts() -> None:
    groups = "\n\n".join(
        f"Final-Recipient: rfc822; {who}@example.org\nAction: {what}\nStatus: 5.0.0"
        for who, what in (("a", "delivered"), ("b", "failed"))
    )

    delivery = read_mail(report(groups).encode()).delivery

    assert delivery is not None
    assert (delivery.action, delivery.recipient) == ("failed", "b@example.org")


def test_two_senders_are_no_sender() -> None:
    assert read_mail(b"From: a@example.org\nFrom: b@example.org\n\nx").sender is None
    assert read_mail(b"From: a@example.org, b@example.org\n\nx").sender is None
    assert read_mail(b'From: "a@example.org" <b@example.net>\n\nx').sender == "b@example.net"
    assert read_mail(b"From: a@example.org)b@example.net\n\nx").sender is None
    assert read_mail(b"From: A@Example.org (Alice)\n\nx").sender == "a@example.org"


def test_the_envelope_id_of_a_report_is_read() -> None:
    raw = report("Action: failed").replace("Reporting-MTA", "Original-Envelope-Id: 4711\nX-MTA")

    assert read_mail(raw.encode()).envelope_id == "4711"


def test_what_a_mail_answers_is_read_once_each_and_within_bounds() -> None:
    many = " ".join(f"<{n}@example.org>" for n in range(100))
    raw = f"{HEAD}In-Reply-To: <1@example.org> (yes)\nReferences: {many}\n\nHello"

    references = read_mail(raw.encode()).references

    assert references[:3] == ("<1@example.org>", "<0@example.org>", "<2@example.org>")
    assert len(references) == 20


def test_a_report_about_several_recipients_names_each() -> None:
    status = "Final-Recipient: rfc822; a@example.org\nAction: delivered\n\n" * 2
    found = read_mail(
        report(f"{status}Final-Recipient: rfc822;b@example.org\nAction: FAILED").encode()
    )

    assert [(one.recipient, one.action) for one in found.deliveries] == [
        ("a@example.org", "delivered"),
        ("a@example.org", "delivered"),
        ("b@example.org", "failed"),
    ]
    assert found.delivery == found.deliveries[2]
