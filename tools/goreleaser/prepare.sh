#!/bin/sh
# Puts the files of archives and packages, except the program, and the program that writes
# the bills of materials, into bin/release. goreleaser runs it before the builds.
set -eu
cd "$(dirname "$0")/../.."
rm -rf bin/release
mkdir -p bin/release/completions bin/release/man
CGO_ENABLED=0 go build -trimpath -tags=grpcnotrace -o bin/release/jwtctl ./cmd/jwtctl
bin/release/jwtctl completion bash >bin/release/completions/jwtctl.bash
bin/release/jwtctl completion zsh >bin/release/completions/_jwtctl
bin/release/jwtctl completion fish >bin/release/completions/jwtctl.fish
bin/release/jwtctl completion powershell >bin/release/completions/jwtctl.ps1
for page in docs/man/*.1; do # packages have them compressed; -n leaves the time out
  gzip -9nc "$page" >"bin/release/man/$(basename "$page").gz"
done
go -C tools/goreleaser build -o ../../bin/release/sbom ./sbom
