"""Promises of the doctor's checks: every fault is found, and comes with advice."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.catcher.server import Catcher
from adapters.db.database import Database
from adapters.db.installation import claim_secret
from adapters.db.opening import open_database
from adapters.dkim import DkimKey, DkimSigner, read_key
from adapters.doctor.clock import check_clock
from adapters.doctor.database import check_database
from adapters.doctor.finding import Finding, Grade
from adapters.doctor.mail import check_relay, check_way_back, send_test
from adapters.doctor.names import Lookup, NoAnswer, check_names
from adapters.intake.accepting import Reception
from adapters.intake.smtp import Intake
from bench.peers.chaos import ChaosServer
from settings import Settings
from tests.adapters.certificates import private_key, self_signed, server_context

NOW = datetime(2027, 3, 1, 9, tzinfo=UTC)
HEALTHY = {
    ("example.org", "MX"): ["10 mx.example.org."],
    ("example.org", "TXT"): ["v=spf1 include:relay.example.net -all", "unrelated"],
    ("_dmarc.example.org", "TXT"): ["v=DMARC1; p=none"],
    ("one._domainkey.example.org", "TXT"): ["v=DKIM1; p=abc"],
}


def zone(records: Mapping[tuple[str, str], list[str]]) -> Lookup:
    async def lookup(name: str, kind: str) -> list[str]:
        return records.get((name, kind), [])

    return lookup


async def graded(records: Mapping[tuple[str, str], list[str]]) -> dict[str, Finding]:
    found = await check_names("example.org", "one", zone(records))
    return {finding.check: finding for finding in found}


async def test_a_domain_with_all_records_is_fine() -> None:
    found = await graded(HEALTHY)

    assert {f.grade for f in found.values()} == {Grade.FINE}
    assert set(found) == {"MX", "SPF", "DKIM", "DMARC"}


@pytest.mark.parametrize(
    ("missing", "check", "grade"),
    [
        (("example.org", "MX"), "MX", Grade.FAULT),
        (("example.org", "TXT"), "SPF", Grade.WARNING),
        (("_dmarc.example.org", "TXT"), "DMARC", Grade.WARNING),
        (("one._domainkey.example.org", "TXT"), "DKIM", Grade.WARNING),
    ],
)
async def test_a_missing_record_is_named_with_what_to_publish(
    missing: tuple[str, str], check: str, grade: Grade
) -> None:
    found = await graded({key: value for key, value in HEALTHY.items() if key != missing})

    assert found[check].grade is grade
    assert found[check].advice


async def test_two_spf_records_are_a_fault_because_receivers_ignore_both() -> None:
    twice = HEALTHY | {("example.org", "TXT"): ["v=spf1 -all", "v=spf1 mx -all"]}

    assert (await graded(twice))["SPF"].grade is Grade.FAULT


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> list[DkimKey]:
    place = tmp_path_factory.mktemp("keys")
    return [read_key(private_key(place, "genrsa", bits)) for bits in ("2048", "2047", "1024")]


@pytest.mark.parametrize(
    ("number", "published", "grade", "words"),
    [
        (0, "v=DKIM1; k=rsa; p={0.public}", Grade.FINE, "is ours"),
        (0, "k=rsa; p= {0.public}; t=s", Grade.FINE, "is ours"),
        (2, "p={2.public}", Grade.WARNING, "1024 bits"),
        (0, "v=DKIM1; p={1.public}", Grade.FAULT, "looks forged"),
        (0, "v=DKIM1; p=", Grade.FAULT, "looks forged"),  # revoked
        (0, "", Grade.FAULT, "No key"),
    ],
)
async def test_the_key_that_is_published_is_compared_with_ours(
    keys: list[DkimKey], number: int, published: str, grade: Grade, words: str
) -> None:
    signer = DkimSigner("two", "example.org", keys[number])
    text = published.format(*keys)
    records = HEALTHY | {(signer.record_name, "TXT"): [text] if text else []}

    found = await check_names("example.org", "one", zone(records), signer)

    [dkim] = [finding for finding in found if finding.check == "DKIM"]
    assert dkim.grade is grade
    assert words in dkim.said
    assert grade is not Grade.FAULT or signer.key.public in dkim.advice


async def test_a_silent_resolver_is_no_fault_of_the_domain() -> None:
    async def silence(name: str, kind: str) -> list[str]:
        raise NoAnswer("timed out")

    found = await check_names("example.org", "one", silence)

    assert {finding.grade for finding in found} == {Grade.SKIPPED}


@pytest.mark.parametrize("domain", ["parley.localhost", "localhost", "mail.test"])
async def test_a_domain_of_this_machine_is_not_asked_for(domain: str) -> None:
    async def never(name: str, kind: str) -> list[str]:
        raise AssertionError(name)

    [finding] = await check_names(domain, "one", never)

    assert finding.grade is Grade.SKIPPED


async def test_a_database_that_answers_is_fine(database_url: str) -> None:
    settings = Settings(database_url=database_url, secret="s" * 32)

    found = {finding.check: finding.grade for finding in await check_database(settings)}

    assert set(found) == {"database", "migrations", "secret"}
    assert found["database"] is found["migrations"] is Grade.FINE


async def test_another_secret_than_before_is_a_fault(database_url: str, tmp_path: Path) -> None:
    """Every address and link that was mailed would be dead."""
    opened = open_database(database_url)
    await opened.write(lambda c: claim_secret(c, b"s" * 32))
    await opened.close()

    async def graded_with(secret: str) -> Grade:
        settings = Settings(database_url=database_url, secret=secret, data_dir=tmp_path)
        return {each.check: each.grade for each in await check_database(settings)}["secret"]

    assert await graded_with("s" * 32) is Grade.FINE
    assert await graded_with("t" * 32) is Grade.FAULT
    assert await graded_with("") is Grade.FAULT
    assert not (tmp_path / "secret").exists(), "looking makes none"


async def test_a_file_in_use_is_left_to_the_process_that_has_it(sqlite_url: str) -> None:
    opened = open_database(sqlite_url)

    settings = Settings(database_url=sqlite_url)
    found = {finding.check: finding.grade for finding in await check_database(settings)}

    assert found["database"] is Grade.FINE
    assert found["migrations"] is found["secret"] is Grade.SKIPPED
    await opened.close()


async def test_an_old_schema_is_a_fault_with_the_command_that_cures_it(tmp_path: Path) -> None:
    (tmp_path / "old.db").touch()

    settings = Settings(database_url=f"sqlite:///{tmp_path / 'old.db'}")
    found = {f.check: f for f in await check_database(settings)}

    assert found["migrations"].grade is Grade.FAULT
    assert "parley migrate" in found["migrations"].advice


def test_a_clock_that_stands_in_the_past_is_a_fault() -> None:
    [clock, zones] = check_clock(datetime(1970, 1, 2, tzinfo=UTC))

    assert clock.grade is Grade.FAULT
    assert zones.grade is Grade.FINE


@pytest.fixture
async def catcher(tmp_path: Path) -> AsyncIterator[Catcher]:
    catcher = Catcher(tmp_path / "catcher.db")
    await catcher.start()
    yield catcher
    await catcher.stop()


async def test_a_test_mail_really_leaves(catcher: Catcher) -> None:
    settings = Settings(smtp_port=catcher.port)

    assert [f.grade for f in await check_relay(settings)] == [Grade.FINE]
    assert (await send_test(settings, "me@example.org", NOW)).grade is Grade.FINE
    [mail] = await catcher.messages("me@example.org")
    assert b"Auto-Submitted: auto-generated" in mail.raw
    assert mail.mail_from == "", "nobody may answer a test with a bounce"


async def test_the_way_back_is_open_where_our_own_door_answers(sqlite_database: Database) -> None:
    settings = Settings()
    intake = Intake(Reception(sqlite_database, settings.mail_domain), settings.mail_domain)
    await intake.start()

    finding = await check_way_back(settings.model_copy(update={"intake_port": intake.port}))

    assert finding.grade is Grade.FINE
    await intake.stop()


async def test_another_mail_server_in_our_place_is_a_fault(catcher: Catcher) -> None:
    finding = await check_way_back(Settings(intake_port=catcher.port))

    assert finding.grade is Grade.FAULT
    assert "parley intake" in finding.advice


async def test_a_closed_door_is_a_fault() -> None:
    finding = await check_way_back(Settings(intake_port=1))

    assert finding.grade is Grade.FAULT


async def test_the_relay_is_greeted_as_the_dispatcher_does(tmp_path: Path) -> None:
    """With the same idea of whom to trust."""
    certificate = self_signed(tmp_path, "IP:127.0.0.1")
    async with ChaosServer(tls=server_context(certificate)) as server:
        settings = Settings(smtp_port=server.port, smtp_security="starttls")
        trusting = settings.model_copy(update={"smtp_ca_file": certificate})

        [bad], [good] = [await check_relay(one) for one in (settings, trusting)]

    assert bad.grade is Grade.FAULT
    assert "PARLEY_SMTP_CA_FILE" in bad.said
    assert (good.grade, "TLSv1.3" in good.said) == (Grade.FINE, True)


async def test_settings_that_cannot_be_meant_are_a_fault_of_the_relay() -> None:
    settings = Settings(smtp_host="relay.example.org", smtp_username="parley")

    [finding] = await check_relay(settings)

    assert finding.grade is Grade.FAULT
    assert "PARLEY_SMTP_SECURITY" in finding.said
