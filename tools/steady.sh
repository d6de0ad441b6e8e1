#!/usr/bin/env bash
# Runs the tests of packages ten times beside eight busy loops, and prints how many of the
# ten pass. It is for tests that wait: on a busy machine they must only take longer.
#
#   tools/steady.sh PACKAGE... [-unit PACKAGE...]
#
# Of the packages after -unit it runs the unit tests only, and of all packages what `go test
# -short` runs: what computes for long waits for nothing.
# STEADY_TIMES and STEADY_LOOPS are other numbers than 10 and 8, STEADY_RUN is a pattern of
# tests, and STEADY_LIMIT the time for all of it (2h). The loops end with this script, also
# when it is interrupted or killed.
set -euo pipefail
cd "$(dirname "$0")/.."

times=${STEADY_TIMES:-10} tags=integration packages=0 loops=() work=$(mktemp -d) child=''
if [ $# -eq 0 ]; then
	sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2
	exit 2
fi
finish() {
	kill "${loops[@]}" 2>/dev/null || true
	if [ -n "$child" ]; then # a group of its own
		kill -- "-$child" 2>/dev/null || true
	fi
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

for _ in $(seq "${STEADY_LOOPS:-8}"); do
	(
		trap - EXIT INT TERM HUP
		while kill -0 $$ 2>/dev/null; do for ((i = 0; i < 100000; i++)); do :; done; done
	) &
	loops+=($!)
done

# within COMMAND... runs it in what is left of the time.
limit=${STEADY_LIMIT:-2h}
case $limit in *h) left=$((${limit%h} * 3600)) ;; *m) left=$((${limit%m} * 60)) ;; *) left=${limit%s} ;; esac
within() {
	local code=0
	set -m
	timeout --kill-after=30 $((left > SECONDS ? left - SECONDS : 1)) "$@" &
	child=$!
	set +m
	wait "$child" || code=$?
	child=''
	return $code
}

bad=0
for package in "$@"; do
	if [ "$package" = -unit ]; then
		tags=''
		continue
	fi
	begun=$SECONDS passed=0 packages=$((packages + 1))
	within go test -c -vet=off -ldflags=-w -tags "$tags" -o "$work/test" "$package"
	for n in $(seq "$times"); do
		if within env -C "$package" "$work/test" -test.run "${STEADY_RUN:-.}" -test.short -test.count 1 -test.timeout 80m >"$work/log" 2>&1; then
			passed=$((passed + 1))
		else
			echo "run $n of $package fails:"
			grep -v '^=== ' "$work/log" | tail -n 60
		fi
	done
	number=$passed
	[ "$passed" = 10 ] && number=ten
	of=$times
	[ "$times" = 10 ] && of=ten
	printf '%s of %s  %s  %d s\n' "$number" "$of" "$package" $((SECONDS - begun))
	[ "$passed" = "$times" ] || bad=$((bad + 1))
done
echo "steady: $packages packages beside ${STEADY_LOOPS:-8} busy loops, $bad that fail at times, $SECONDS s"
[ $bad = 0 ]
