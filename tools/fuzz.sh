#!/usr/bin/env bash
# Runs each fuzz target for a bounded number of inputs, and prints its seconds. It begins
# with the seeds and with what is under testdata/fuzz each time, so a run does not depend
# on those before it. A crasher is written there: commit it with its mend.
#
#   tools/fuzz.sh [PACKAGE...]     all packages that have a target, without an argument
#
# FUZZ_SHARE=4 runs a quarter of the inputs, FUZZ_SHARE=0.1 ten times as many.
set -euo pipefail
cd "$(dirname "$0")/.."

# inputs TARGET: those that write files, compress, or ask a server, are slower than the others.
inputs() {
	local n
	case $1 in
	FuzzATarIs* | FuzzNoAnswerIsAnImage | FuzzRawFrames* | FuzzAConfiguration*) n=1000 ;;
	*Request | FuzzAManifest* | FuzzAStreamIs* | FuzzABlob* | FuzzARecord* | FuzzAReceipt* | FuzzOnlyAWhole* | FuzzAFailure* | FuzzNoValue*) n=3000 ;;
	*) n=20000 ;;
	esac
	awk -v n=$n -v share="${FUZZ_SHARE:-1}" 'BEGIN { printf "%d", (n / share > 1 ? n / share : 1) }'
}

if [ $# -eq 0 ]; then
	mapfile -t found < <(grep -rl --include='*_test.go' '^func Fuzz' cmd internal | xargs -n1 dirname | sort -u | sed 's|^|./|')
	set -- "${found[@]}"
fi
# As `go test -fuzz` builds, except that only this module's code leads the search: to build
# all of its dependencies another time takes longer than to run the targets.
module=$(go list -m)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ran=0 bad=()
for package in "$@"; do
	begun=$SECONDS
	go test -c -vet=off -ldflags=-w -gcflags="$module/...=-d=libfuzzer" -o "$work/test" "$package"
	printf '%5d s  build %s\n' $((SECONDS - begun)) "$package"
	targets=$(cd "$package" && "$work/test" -test.list '^Fuzz')
	for target in $targets; do
		begun=$SECONDS n=$(inputs "$target")
		if ! (cd "$package" && exec "$work/test" -test.run '^$' -test.fuzz "^$target\$" -test.fuzztime "${n}x" \
			-test.fuzzminimizetime 5s -test.fuzzcachedir "$work/cache" -test.timeout 10m) >"$work/log" 2>&1; then
			cat "$work/log"
			bad+=("$package $target")
		elif grep -q 'not built with coverage' "$work/log"; then
			cat "$work/log"
			bad+=("$package $target: nothing leads the search")
		fi
		ran=$((ran + 1))
		printf '%5d s  %s, %d inputs\n' $((SECONDS - begun)) "$target" "$n"
	done
	rm -f "$work/test"
done
echo "fuzz: $ran targets, ${#bad[@]} with a crasher, $SECONDS s"
if [ ${#bad[@]} -gt 0 ]; then
	printf 'fuzz: %s\n' "${bad[@]}" >&2
	exit 1
fi
if [ "$ran" = 0 ]; then
	echo "fuzz: there is no target in $*" >&2
	exit 1
fi
