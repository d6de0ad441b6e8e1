#!/usr/bin/env bash
# Runs the unit tests of the packages that start a goroutine, or share memory with another,
# under Go's race detector. Tests that need an engine are not among them.
#
#   tools/race.sh [-share N [-of TEXT]]     a package in N; TEXT, for example a commit, decides which
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/chosen.sh

concurrent='^[^/]*\b(go [a-zA-Z]+[^a-zA-Z ]|chan |sync[.]|errgroup[.]|atomic[.]|[.]AfterFunc)'
mapfile -t found < <(grep -rlE --include='*.go' --exclude='*_test.go' "$concurrent" cmd internal | xargs -n1 dirname | sort -u)
tested=$(for package in "${found[@]}"; do ! compgen -G "$package/*_test.go" >/dev/null || echo "./$package"; done)
mapfile -t packages < <(chosen <<<"$tested")
echo "race: ${#packages[@]} of $(wc -l <<<"$tested") packages with goroutines, by -share $share of '$of'"
if [ ${#packages[@]} = 0 ]; then
	exit $((share == 1)) # a share may have none, all of them must have some
fi
CGO_ENABLED=1 exec go tool -modfile=tools/go.mod gotestsum --format pkgname-and-test-fails --format-hide-empty-pkg -- \
	-vet=off -ldflags=-w -short -race -timeout 30m "${packages[@]}"
