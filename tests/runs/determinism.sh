#!/bin/sh
# In virtual time the same seed gives the same digest, in an optimised and in a Debug build; another seed gives another.
# Builds the Debug programs beside the tree's own build. Usage: determinism.sh SOURCE BUILD_DIR OUT
set -eu
source=$1 build=$2 out=$3
debug=$out/build-debug
cmake -S "$source" -B "$debug" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DTACOMA_TESTS=OFF -DTACOMA_BENCH=OFF >/dev/null
ninja -C "$debug" tacoma tacoma-sim >"$out/build-debug.log" 2>&1 || { tail -n 40 "$out/build-debug.log"; exit 1; }

digest() { # BUILD WORLD SEED
  "$1/tacoma" run "$source/scenarios/bad-wifi.yaml" --world "$2" --seed "$3" --quiet --set duration=15s --set 'expect=[]' --out "$out/run" >/dev/null
  sed -n 's/.*"digest": *"\([0-9a-f]*\)".*/\1/p' "$out/run/run.json"
}
for world in light ns3; do
  first=$(digest "$build" $world 1)
  again=$(digest "$build" $world 1)
  plain=$(digest "$debug" $world 1)
  other=$(digest "$build" $world 2)
  echo "$world: seed 1 $first, again $again, Debug $plain; seed 2 $other"
  [ -n "$first" ] && [ "$first" = "$again" ] && [ "$first" = "$plain" ] && [ "$first" != "$other" ] || { echo "$world: digests are wrong"; exit 1; }
done
