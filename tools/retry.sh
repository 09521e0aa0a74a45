#!/usr/bin/env bash
# Runs a command that downloads something, up to three times: registries fail now and
# then. Its exit code is the last one's.
set -u
for pause in 5 30 0; do
  "$@" && exit
  code=$?
  [ "$pause" = 0 ] || { echo "failed, again in $pause seconds: $*" >&2; sleep "$pause"; }
done
exit "$code"
