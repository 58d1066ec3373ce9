# One image for every part: `parley api`, `parley intake`, `parley worker`, `parley migrate`.
FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN useradd --create-home --uid 10001 parley
WORKDIR /parley

COPY requirements.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements.lock

COPY pyproject.toml cli.py settings.py worker.py ./
COPY domain domain
COPY workflows workflows
COPY activities activities
COPY adapters adapters
COPY api api
COPY console console
RUN printf '#!/bin/sh\nexec python /parley/cli.py "$@"\n' > /usr/local/bin/parley \
  && chmod +x /usr/local/bin/parley \
  && python -m compileall -q .

USER parley
EXPOSE 8700 8725
CMD ["parley", "--help"]
