"""Runs where django-post_office is installed, and imports nothing of Parley:

python post_office_script.py version
python post_office_script.py send PORT THREADS COUNT      prints messages a second
"""

import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any


def settings(folder: str, port: int, threads: int) -> dict[str, Any]:
    """Its defaults, but for the threads, and for a log of every outcome, as ours keeps one."""
    return {
        "INSTALLED_APPS": ["django.contrib.contenttypes", "post_office"],
        "DATABASES": {
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": str(Path(folder) / "post_office.db"),
                "OPTIONS": {
                    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
                    "timeout": 30,
                },
            }
        },
        "TEMPLATES": [{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
        "EMAIL_BACKEND": "post_office.EmailBackend",
        "EMAIL_HOST": "127.0.0.1",
        "EMAIL_PORT": port,
        "POST_OFFICE": {
            "THREADS_PER_PROCESS": threads,
            "BATCH_SIZE": 500,
            "LOG_LEVEL": 2,
            "LOCK_FILE": str(Path(folder) / "lock"),
        },
        "DEFAULT_AUTO_FIELD": "django.db.models.AutoField",
        "SECRET_KEY": "bench",
        "USE_TZ": True,
    }


def send(port: int, threads: int, count: int) -> float:
    import django  # type: ignore[import-not-found]  # in an environment of its own
    from django.conf import settings as configuration  # type: ignore[import-not-found]  # as above
    from django.core.management import call_command  # type: ignore[import-not-found]  # as above

    with tempfile.TemporaryDirectory(prefix="post-office-") as folder:
        configuration.configure(**settings(folder, port, threads))
        django.setup()
        call_command("migrate", verbosity=0)
        from post_office import mail  # type: ignore[import-not-found]  # as above
        from post_office.models import STATUS, Email  # type: ignore[import-not-found]  # as above

        body = "It is agreed that we meet at nine, in the usual place.\n" * 16
        for number in range(count):
            recipient = f"person.{number}@receiver.example"
            mail.send(recipient, "b@parley.example", subject="agreed", message=body)
        started = time.perf_counter()
        mail.send_queued_mail_until_done(lockfile=str(Path(folder) / "lock"), processes=1)
        took = time.perf_counter() - started
        sent = Email.objects.filter(status=STATUS.sent).count()
    if sent != count:
        sys.exit(f"only {sent} of {count} were sent")
    return count / took


if __name__ == "__main__":
    if sys.argv[1] == "version":
        print(f"django-post_office {version('django-post-office')}, Django {version('Django')}")
    else:
        print(send(*map(int, sys.argv[2:])))
