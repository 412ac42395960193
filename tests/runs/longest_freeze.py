#!/usr/bin/env python3
"""longest_freeze.py TACOMA SCENARIOS OUT: a link that falls to 400 kbps keeps no picture standing for more than a second, in seeds that once did."""
import pathlib
import subprocess
import sys

tacoma, scenarios, top = sys.argv[1:]
failed = False
to_400 = lambda link: ["duration=80s", f"sites.line.{link}.schedule.60s=400kbps", "conferences.call.fair.60s=400kbps"]
path = lambda delay, queue: [f"sites.line.delay={delay}", f"sites.line.down.queue={queue}"]
plain = ["conferences.call.people.s.video.temporal=1"]
svc = lambda rate, queue: ["conferences.call.people.s.video={size: 1280x720, fps: 25, rate: 1000kbps, codec: vp9, spatial: 3, temporal: 3}", "duration=32s",
                           f"sites.line={{down: {{schedule: {{0s: 50Mbps, 20s: {rate}}}, queue: {queue}}}, up: 10Mbps, delay: 1ms}}"]
for number, (study, sets, seeds) in enumerate((
        ("downlink", to_400("down"), (11, 14, 17, 26)), ("uplink", to_400("up"), (10,)), ("layers", [], (1, 9, 11, 18, 24, 25, 29)),
        ("layers", path("50ms", "200ms") + plain, (5,)), ("layers", path("5ms", "200ms") + plain, (3,)), ("layers", path("50ms", "100ms"), (1, 4)),
        ("layers", path("5ms", "300ms"), (1,)), ("layers", path("50ms", "300ms") + plain, (4,)),
        ("layers", svc("600kbps", "200ms"), (4,)), ("layers", svc("400kbps", "200ms"), (15,)), ("layers", svc("400kbps", "300ms"), (14,)))):
    for seed in seeds:
        out = pathlib.Path(top) / f"{number}-{study}-{seed}"
        out.mkdir(parents=True, exist_ok=True)
        command = [tacoma, "run", f"{scenarios}/studies/drop-{study}.yaml", "--world", "light", "--quiet", "--no-report", "--out", out, "--seed", str(seed)]
        for assignment in sets + ["expect=[freezes.max > 0, longest_freeze.max < 1s]"]:
            command += ["--set", assignment]
        run = subprocess.run(command, timeout=60, capture_output=True, text=True)
        print(f"{study}, seed {seed}: exit {run.returncode}\n{run.stdout}{run.stderr}")
        failed |= run.returncode != 0
sys.exit(failed)
