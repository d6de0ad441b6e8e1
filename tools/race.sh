#!/usr/bin/env bash
# Runs the unit tests of the packages that start a goroutine, or share memory with another,
# under Go's race detector. Tests that need an engine are not among them.
#
#   tools/race.sh [-share N [-of TEXT]]     one package in N; TEXT, for example a commit, decides which
set -euo pipefail
cd "$(dirname "$0")/.."

share=1 of=''
while [ $# -gt 1 ]; do
	case $1 in
	-share) share=$2 ;;
	-of) of=$2 ;;
	*) break ;;
	esac
	shift 2
done
if [ $# -gt 0 ]; then
	echo "race: want [-share N [-of TEXT]], got $*" >&2
	exit 2
fi

concurrent='^[^/]*\b(go [a-zA-Z]+[^a-zA-Z ]|chan |sync[.]|errgroup[.]|atomic[.]|[.]AfterFunc)'
mapfile -t found < <(grep -rlE --include='*.go' --exclude='*_test.go' "$concurrent" cmd internal | xargs -n1 dirname | sort -u)
tested=0 chosen=()
for package in "${found[@]}"; do
	compgen -G "$package/*_test.go" >/dev/null || continue
	tested=$((tested + 1))
	sum=$(printf '%s' "$of $package" | cksum)
	if [ $((${sum%% *} % share)) = 0 ]; then
		chosen+=("./$package")
	fi
done
echo "race: ${#chosen[@]} of $tested packages with goroutines, by -share $share of '$of'"
if [ ${#chosen[@]} = 0 ]; then
	exit $((share == 1)) # a share may have none, all of them must have some
fi
CGO_ENABLED=1 exec go tool -modfile=tools/go.mod gotestsum --format pkgname-and-test-fails --format-hide-empty-pkg -- \
	-vet=off -ldflags=-w -short -race -timeout 30m "${chosen[@]}"
