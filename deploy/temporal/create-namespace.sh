#!/bin/sh
# Makes sure that the namespace exists, keeps closed sagas for 30 days, and has the search
# attributes that sagas set; may run again.
set -eu

attempt=0
until temporal operator cluster health; do
  attempt=$((attempt + 1))
  if [ "$attempt" -ge 30 ]; then
    echo "Temporal at $TEMPORAL_ADDRESS did not become healthy." >&2
    exit 1
  fi
  sleep 2
done

temporal operator namespace describe -n "$NAMESPACE" >/dev/null 2>&1 ||
  temporal operator namespace create -n "$NAMESPACE" --retention 720h
temporal operator namespace update -n "$NAMESPACE" --retention 720h
temporal operator search-attribute create -n "$NAMESPACE" --name MeetingStatus --type Keyword
