#!/usr/bin/env python3
"""Of three sizes a receiver gets a smaller one within 3 s of the fall of its path, and the largest within 3 s of its rise, however short the fall was:
in these seeds the estimate once rose to a hair below what the largest is charged, and nobody looked again for five seconds; or probes ended short of it;
or were not believed, as a large packet of media closed each of them.

Usage: layers_come_back.py TACOMA SCENARIOS OUT"""
import pathlib
import sqlite3
import subprocess
import sys

tacoma, scenarios, top = sys.argv[1:]
failed = False
worst = [0, 0]
for rate, lasts, seeds in (("400kbps", 1.0, (1, 13, 37)), ("400kbps", 1.4, (9, 12, 16, 22)), ("400kbps", 1.8, (12, 13, 29)), ("400kbps", 2.2, (12, 31)), ("500kbps", 3.0, (9,)),
                           ("600kbps", 3.0, (8, 36)), ("700kbps", 1.4, (7,)), ("800kbps", 1.0, (8,)), ("800kbps", 3.0, (8, 11))):
    for seed in seeds:
        out = pathlib.Path(top) / f"{rate}-{lasts}-{seed}"
        out.mkdir(parents=True, exist_ok=True)
        fall, rise = 20.0, 20.0 + lasts
        sets = ["duration=32s", "sample_every=100ms", f"sites.line={{down: {{schedule: {{0s: 50Mbps, {fall}s: {rate}, {rise}s: 50Mbps}}, queue: 200ms}}, up: 10Mbps, delay: 1ms}}",
                "conferences.call.people.s.video={content: model, size: 1280x720, fps: 20, rate: 1150kbps, simulcast: 3, temporal: 1}", "expect=[]"]
        command = [tacoma, "run", f"{scenarios}/studies/drop-layers.yaml", "--world", "light", "--quiet", "--no-report", "--out", out, "--seed", str(seed)]
        for assignment in sets:
            command += ["--set", assignment]
        run = subprocess.run(command, timeout=60, capture_output=True, text=True)
        if run.returncode != 0:
            sys.exit(f"exit {run.returncode}\n{run.stdout}{run.stderr}")
        with sqlite3.connect(out / "run.sqlite") as db:
            heights = [(at / 1e9, height) for at, height in db.execute("SELECT at, height FROM received WHERE media='video' AND height > 0 AND at > ? ORDER BY at", (fall * 1e9,))]
        smaller = [at for at, height in heights if height < 720]
        down, up = (smaller[0] - fall, smaller[-1] - rise) if smaller else (float("inf"), float("inf"))
        worst = [max(worst[0], down), max(worst[1], up)]
        if down > 3 or up > 3:
            failed = True
            print(f"{rate} for {lasts} s, seed {seed}: smaller after {down:.1f} s, the largest again {up:.1f} s after the rise")
print(f"smaller after {worst[0]:.1f} s at most, the largest again after {max(worst[1], 0):.1f} s at most")
sys.exit(failed)
