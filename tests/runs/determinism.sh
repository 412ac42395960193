#!/bin/sh
# In virtual time the same seed gives the same digest, in an optimised and in a Debug build; another seed gives another.
# Builds the Debug programs beside the tree's own build. Usage: determinism.sh SOURCE BUILD_DIR OUT
set -eu
source=$1 build=$2 out=$3
debug=$out/build-debug
cmake -S "$source" -B "$debug" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DTACOMA_TESTS=OFF -DTACOMA_BENCH=OFF >/dev/null
ninja -C "$debug" tacoma tacoma-sim >"$out/build-debug.log" 2>&1 || { tail -n 40 "$out/build-debug.log"; exit 1; }

digest() { # BUILD WORLD SEED SCENARIO [SET]
  "$1/tacoma" run "$source/scenarios/$4.yaml" --world "$2" --seed "$3" --quiet --set duration=15s --set 'expect=[]' ${5:+--set "$5"} --out "$out/run" >/dev/null
  sed -n 's/.*"digest": *"\([0-9a-f]*\)".*/\1/p' "$out/run/run.json"
}
hold() { # WORLD SCENARIO [SET]
  first=$(digest "$build" "$1" 1 "$2" "${3:-}")
  again=$(digest "$build" "$1" 1 "$2" "${3:-}")
  plain=$(digest "$debug" "$1" 1 "$2" "${3:-}")
  other=$(digest "$build" "$1" 2 "$2" "${3:-}")
  echo "$1, $2: seed 1 $first, again $again, Debug $plain; seed 2 $other"
  [ -n "$first" ] && [ "$first" = "$again" ] && [ "$first" = "$plain" ] && [ "$first" != "$other" ] || { echo "$1, $2: digests are wrong"; exit 1; }
}
for world in light ns3; do
  hold $world bad-wifi
  hold $world rfc8867/5-7                             # shared links, TCP, congestion control
  hold $world rfc8867/5-6 conferences.0.direct=true   # and no bridge
done
