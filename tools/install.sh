#!/bin/sh
# Installs bin/jwtctl, its man pages and completions. If DESTDIR or PREFIX is set, into
# $DESTDIR$PREFIX (PREFIX defaults to /usr/local); otherwise the program into $GOBIN, and
# the rest into the directory share next to it, where man and bash find it.
set -eu
cd "$(dirname "$0")/.."
if [ -n "${PREFIX:-}${DESTDIR:-}" ]; then
  bin=${DESTDIR:-}${PREFIX:-/usr/local}/bin
else
  bin=$(go env GOBIN)
  [ -n "$bin" ] || bin=$(go env GOPATH | cut -d: -f1)/bin
fi
case $bin in
*/bin) share=${bin%/bin}/share ;;
*) share=$bin/share ;;
esac
man=$share/man/man1
bash=$share/bash-completion/completions
zsh=$share/zsh/site-functions
fish=$share/fish/vendor_completions.d
if [ "${1:-}" = uninstall ]; then
  rm -f "$bin/jwtctl" "$bin/temporal-jwt" "$man"/jwtctl.1 "$man"/jwtctl-*.1 "$bash/jwtctl" "$zsh/_jwtctl" "$fish/jwtctl.fish"
  echo "removed jwtctl and temporal-jwt from $bin, man pages and completion from $share"
  exit
fi
mkdir -p "$bin" "$man" "$bash" "$zsh" "$fish"
rm -f "$bin/jwtctl" "$bin/temporal-jwt" # a running program cannot be overwritten
cp bin/jwtctl "$bin/jwtctl"
ln -s jwtctl "$bin/temporal-jwt" # for temporal jwt token
cp docs/man/*.1 "$man"
bin/jwtctl completion bash >"$bash/jwtctl"
bin/jwtctl completion zsh >"$zsh/_jwtctl"
bin/jwtctl completion fish >"$fish/jwtctl.fish"
echo "$bin/jwtctl, and a link to it for the temporal CLI: $bin/temporal-jwt"
echo "$man/jwtctl*.1"
echo "$bash/jwtctl, $zsh/_jwtctl, $fish/jwtctl.fish"
if [ -z "${DESTDIR:-}" ]; then
  case :$PATH: in
  *:"$bin":*) ;;
  *) echo "$bin is not in PATH: add it" ;;
  esac
  case $share in
  /usr/share | /usr/local/share) ;;
  *) echo "shells may not look for completion there: jwtctl completion --help shows how to load it" ;;
  esac
fi
