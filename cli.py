"""The `parley` command. Each subcommand only reads its arguments; the work is in `console/`.

Imports happen inside the commands: `parley --help` answers at once, and the worker does not load
what only the service needs.
"""

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from domain.errors import ParleyError
from settings import Settings

app = typer.Typer(
    help="Agreements between people that must not be dropped, as durable sagas.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
key = typer.Typer(help="API keys of an installation.", no_args_is_help=True)
mail = typer.Typer(help="What Parley makes of mail.", no_args_is_help=True)
app.add_typer(key, name="key")
app.add_typer(mail, name="mail")

DataOption = Annotated[
    Path | None,
    typer.Option("--data", help=r"Data directory \[default: ./data or PARLEY_DATA_DIR]."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
ReadyFd = Annotated[int | None, typer.Option(hidden=True, help="Where to say that we are ready.")]


@contextmanager
def _refusals() -> Iterator[None]:
    """A refusal is one sentence on stderr and status 1, not a traceback."""
    try:
        yield
    except ParleyError as refusal:
        typer.secho(str(refusal), fg="red", err=True)
        raise typer.Exit(1) from refusal


def _settings(data: Path | None) -> Settings:
    settings = Settings()
    return settings if data is None else settings.model_copy(update={"data_dir": data.resolve()})


@app.command(
    epilog="Examples:  parley up   ·   parley up --data /var/lib/parley   ·   parley up --json"
)
def up(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Run everything on this machine: Temporal, the service and the saga worker, supervised.

    Ports, links and keys are kept in the data directory. Ctrl-C stops it in order; after a crash
    of anything, the same command goes on where it was.
    """
    from console.up import run_up

    settings = _settings(data)
    with _refusals():
        raise typer.Exit(run_up(settings, settings.data_dir, as_json=as_json))


@app.command(epilog="Examples:  parley demo   ·   parley demo --keep   ·   parley demo --json")
def demo(
    keep: Annotated[bool, typer.Option(help="Leave it up afterwards, to look around.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Watch two strangers agree on a time by calendar mail, with a crash in the middle."""
    from console.demo.play import run_demo

    with _refusals():
        raise typer.Exit(run_demo(keep=keep, as_json=as_json))


@app.command()
def service(data: DataOption = None, ready_fd: ReadyFd = None) -> None:
    """Run the API, the mail intake, the activities and the dispatchers in one process."""
    _run_process("service", data, ready_fd)


@app.command()
def api(data: DataOption = None, ready_fd: ReadyFd = None) -> None:
    """Run the HTTP API and the pages alone (PostgreSQL)."""
    _run_process("api", data, ready_fd)


@app.command()
def intake(data: DataOption = None, ready_fd: ReadyFd = None) -> None:
    """Run the mail intake alone (PostgreSQL): it keeps mail and never reads it."""
    _run_process("intake", data, ready_fd)


@app.command()
def worker(data: DataOption = None, ready_fd: ReadyFd = None) -> None:
    """Poll Temporal. On PostgreSQL also run activities, the dispatchers and the mail reader."""
    _run_process("worker", data, ready_fd)


def _run_process(name: str, data: Path | None, ready_fd: int | None) -> None:
    from console.processes import run_process

    with _refusals():
        raise typer.Exit(run_process(name, _settings(data), ready_fd))


@app.command(epilog="Example:  PARLEY_DATABASE_URL=postgresql://parley@db/parley parley migrate")
def migrate(data: DataOption = None) -> None:
    """Bring the schema of the database up to date, all or nothing."""
    from adapters.db.opening import migrate as migrate_database

    with _refusals():
        migrate_database(_settings(data).database)
    typer.echo("The schema is up to date.")


@app.command(epilog="Example:  parley adopt --data /var/lib/parley")
def adopt(data: DataOption = None) -> None:
    """Let mail leave from here, where the database was copied or moved to, and from nowhere else.

    A database sends from one place. Anywhere else it looks like a copy, and nothing leaves.
    """
    from console.adopting import adopt as adopt_here

    with _refusals():
        place = asyncio.run(adopt_here(_settings(data)))
    typer.echo(place.because or f"Mail leaves from {place.place} now.")


@app.command(
    epilog="Examples:  parley doctor   ·   parley doctor --send-test me@example.org --json"
)
def doctor(
    data: DataOption = None,
    send_test: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Also send a test mail to ADDRESS.")
    ] = None,
    dkim_selector: Annotated[str, typer.Option(help="The selector of your DKIM key.")] = "default",
    as_json: JsonOption = False,
) -> None:
    """Check database, Temporal, mail and clock, and say what to do for each fault."""
    from console.doctor import run_doctor

    with _refusals():
        settings = _settings(data)
        raise typer.Exit(run_doctor(settings, send_test, dkim_selector, as_json=as_json))


@key.command("create", epilog="Example:  parley key create shop --scope meetings:write")
def key_create(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(help=r"A right of the key; repeat for more \[default: admin]."),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an API key. Its text is shown once and kept nowhere."""
    from console.keys import KeyBook

    with _refusals():
        made = asyncio.run(KeyBook(_settings(data)).create(name, scope or ["admin"]))
    typer.echo(json.dumps(made) if as_json else f"{made['key']}\n(id {made['id']}; shown only now)")


@key.command("list", epilog="Example:  parley key list --json")
def key_list(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Show the API keys, without their text."""
    from console.keys import KeyBook, key_table

    with _refusals():
        keys = asyncio.run(KeyBook(_settings(data)).list())
    typer.echo(json.dumps(keys) if as_json else key_table(keys))


@key.command("revoke", epilog="Example:  parley key revoke xk2v7aqd")
def key_revoke(
    key_id: Annotated[str, typer.Argument(help="The id shown by `parley key list`.")],
    data: DataOption = None,
) -> None:
    """Make a key open nothing from now on."""
    from console.keys import KeyBook

    with _refusals():
        asyncio.run(KeyBook(_settings(data)).revoke(key_id))
    typer.echo(f"Key {key_id} is revoked.")


@mail.command("explain", epilog="Example:  parley mail explain answer.eml invite.ics")
def mail_explain(
    files: Annotated[list[Path], typer.Argument(help=".eml or .ics files.", metavar="FILE...")],
) -> None:
    """Say what Parley would make of each file if it were mailed to it as organizer.

    Prints one JSON object per file and line, whatever the bytes.
    """
    from console.explain import explain

    for verdict in explain(files):
        sys.stdout.write(json.dumps(verdict, ensure_ascii=False) + "\n")
        sys.stdout.flush()


@mail.command("quarantine", epilog="Example:  parley mail quarantine --state discarded --json")
def mail_quarantine(
    state: Annotated[str, typer.Option(help="kept, replayed or discarded.")] = "kept",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show mail that belongs to nobody, and mail that could not be read."""
    from console.strays import StrayBook, stray_table

    with _refusals():
        found = asyncio.run(StrayBook(_settings(data)).list(state))
    typer.echo(json.dumps(found, ensure_ascii=False) if as_json else stray_table(found))


StrayArgument = Annotated[
    str, typer.Argument(metavar="ID", help="As `parley mail quarantine` shows it: q12 or m34.")
]


@mail.command("replay", epilog="Example:  parley mail replay q12 --address r+…@mail.example.org")
def mail_replay(
    mail_id: StrayArgument,
    address: Annotated[
        str | None, typer.Option(help="The token address it is for, if not the one it came to.")
    ] = None,
    data: DataOption = None,
) -> None:
    """Give a mail of the quarantine to the inbox, or have one of the inbox read again."""
    from console.strays import StrayBook

    with _refusals():
        found = asyncio.run(StrayBook(_settings(data)).replay(mail_id, address))
    typer.echo(f"Mail {found['id']} is {found['state']}.")


@mail.command("discard", epilog="Example:  parley mail discard q12")
def mail_discard(mail_id: StrayArgument, data: DataOption = None) -> None:
    """Be done with a mail of the quarantine; its bytes stay until their time is over."""
    from console.strays import StrayBook

    with _refusals():
        found = asyncio.run(StrayBook(_settings(data)).discard(mail_id))
    typer.echo(f"Mail {found['id']} is {found['state']}.")


if __name__ == "__main__":
    app(prog_name="parley")
