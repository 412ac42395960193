#!/usr/bin/env python3
"""longest_freeze.py TACOMA SCENARIOS OUT: a downlink that falls to 400 kbps keeps no picture standing for more than a second (samples of
200 ms that have frozen time, one after another), in seeds that once did for 1.4 to 1.8 s."""
import pathlib
import sqlite3
import subprocess
import sys

tacoma, scenarios, top = sys.argv[1:]
failed = False
for seed in (11, 14, 17, 26):
    out = pathlib.Path(top) / str(seed)
    out.mkdir(parents=True, exist_ok=True)
    subprocess.run([tacoma, "run", f"{scenarios}/studies/drop-downlink.yaml", "--world", "light", "--quiet", "--no-report", "--out", out,
                    "--seed", str(seed), "--set", "duration=80s", "--set", "sites.line.down.schedule.60s=400kbps",
                    "--set", "conferences.call.fair.60s=400kbps", "--set", "expect=[joined >= 100%]"], check=True, timeout=60)
    stands = longest = 0
    rows = sqlite3.connect(out / "run.sqlite").execute("SELECT frozen FROM received WHERE media = 'video' ORDER BY person, at").fetchall()
    for (frozen,) in rows:
        stands = stands + frozen * 1e-9 if frozen > 0 else 0
        longest = max(longest, stands)
    print(f"seed {seed}: {longest:.2f} s in {len(rows)} samples")
    failed |= not rows or longest == 0 or longest > 1
sys.exit(failed)
