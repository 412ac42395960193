#!/usr/bin/env python3
"""longest_freeze.py TACOMA SCENARIOS OUT: a link that falls to 400 kbps keeps no picture standing for more than a second, in seeds that once did."""
import pathlib
import subprocess
import sys

tacoma, scenarios, top = sys.argv[1:]
failed = False
for way, link, seeds in (("downlink", "down", (11, 14, 17, 26)), ("uplink", "up", (10,))):
    for seed in seeds:
        out = pathlib.Path(top) / f"{way}-{seed}"
        out.mkdir(parents=True, exist_ok=True)
        run = subprocess.run([tacoma, "run", f"{scenarios}/studies/drop-{way}.yaml", "--world", "light", "--quiet", "--no-report", "--out", out,
                              "--seed", str(seed), "--set", "duration=80s", "--set", f"sites.line.{link}.schedule.60s=400kbps",
                              "--set", "conferences.call.fair.60s=400kbps", "--set", "expect=[freezes.max > 0, longest_freeze.max < 1s]"],
                             timeout=60, capture_output=True, text=True)
        print(f"{way}, seed {seed}: exit {run.returncode}\n{run.stdout}{run.stderr}")
        failed |= run.returncode != 0
sys.exit(failed)
