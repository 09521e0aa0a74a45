#!/usr/bin/env bash
# Runs the tests of each package many times while all processors are busy, and prints
# a table of runs and failures. The arguments are package patterns, of this module or of
# modules in directories below it. $FLAKY is the number of runs (20), $LIMIT the longest
# time of a run (30m); if $RACE is set, the race detector is on. A package that has failed
# three times is not run again. Results are kept in bin/flaky: the same command continues
# from there, and starts again with packages that have changed. Exits 1 if a run failed.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${FLAKY:-20} limit=${LIMIT:-30m} most=3
kept=$PWD/bin/flaky${RACE:+-race}
flags=(-vet=off)
if [ -n "${RACE:-}" ]; then
  flags+=(-race)
  export CGO_ENABLED=1
fi

# folders PATTERN... prints the folders of the packages that have tests.
folders() {
  local pattern folder module more
  for pattern; do
    folder=${pattern%/...} more=
    [ "$folder" = "$pattern" ] || more=/...
    module=$folder
    until [ -f "$module/go.mod" ]; do module=$(dirname "$module"); done
    (cd "$module" && go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.Dir}}{{end}}' "./$(realpath --relative-to=. "$OLDPWD/$folder")$more")
  done
}

# identity FILE prints a hash of the test program and the files in its folder.
identity() { (cat "$1" && git ls-files -co --exclude-standard -z . | xargs -0 sha256sum 2>/dev/null) | sha256sum; }

# repeat FOLDER compiles a package's tests once, runs them, and prints its row.
repeat() {
  cd "$1"
  local name=${1#"$root/"} began
  local state=$kept/${name//\//-}
  mkdir -p "$state"
  if ! go test -c "${flags[@]}" -o "$state/test" . >"$state/build.log" 2>&1; then
    row "$name" 0 1 0
    echo "  does not compile: $state/build.log"
    return 1
  fi
  if [ "$(identity "$state/test")" != "$(cat "$state/identity" 2>/dev/null)" ]; then
    rm -f "$state"/run-*.log "$state/results"
    identity "$state/test" >"$state/identity"
  fi
  touch "$state/results"
  until done=$(wc -l <"$state/results"); ((done >= runs)) || (($(failures) >= most)); do
    began=$SECONDS
    if timeout -k 20 "$limit" "$state/test" -test.count=1 -test.paniconexit0 >"$state/run-$((done + 1)).log" 2>&1; then
      rm "$state/run-$((done + 1)).log"
      echo "pass $((SECONDS - began))" >>"$state/results"
    else
      echo "FAIL $((SECONDS - began))" >>"$state/results"
    fi
  done
  rm -f "$state/test"
  row "$name" "$done" "$(failures)" "$(cut -d' ' -f2 "$state/results" | sort -n | tail -1)"
  (($(failures) == 0)) || { echo "  see $state/run-*.log; remove the folder to begin again" && return 1; }
}

failures() { grep -c FAIL "$state/results" || true; }
row() { printf '%-45s %5s %8s %10s\n' "$@"; }

# Each ends when this script does, however that happens.
for ((i = 0; i < $(nproc); i++)); do
  (while kill -0 $$ 2>/dev/null; do for ((n = 0; n < 300000; n++)); do :; done; done) &
done
trap 'kill $(jobs -p) 2>/dev/null' EXIT

root=$PWD failed=0
all=$(folders "$@")
row package runs failures 'slowest/s'
for folder in $all; do
  (repeat "$folder") || failed=1
done
exit $failed
