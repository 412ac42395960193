#!/usr/bin/env python3
"""Keeps the map true: which room may include which, and which words the engines may not say."""
import pathlib
import re
import sys

# Room (longest prefix wins) -> the rooms it may include besides itself.
MAY_INCLUDE = {
    "core/base": [],
    "core/rtp": ["core/base"],
    "core/secure": ["core/base", "core/rtp"],
    "core/cc": ["core/base", "core/rtp"],
    "core/signal": ["core/base"],
    "bridge/engine": ["core"],
    "bridge/app": ["core", "bridge", "host"],
    "focus/engine": ["core"],
    "focus/app": ["core", "focus", "host"],
    "loadgen/media": ["core/base", "loadgen/plan"],
    "loadgen/plan": ["core/base"],
    "loadgen/traffic": ["core/base"],
    "loadgen/people": ["core", "loadgen/media", "loadgen/plan"],
    "loadgen/app": ["core", "loadgen", "bridge/engine", "focus/engine", "sim/router", "sim/light", "host", "analysis", "up"],
    "up": ["core/base", "host"],
    "host": ["core/base"],
    "sim/light": ["core/base"],
    "sim/ns3": ["core/base"],
    "sim/router": ["core/base", "core/signal"],
    "sim/app": ["core", "loadgen/app", "sim"],
    "analysis": ["core/base"],
}
# Time, randomness and I/O arrive as arguments in these rooms.
PURE = ["core", "bridge/engine", "focus/engine", "loadgen/people", "loadgen/traffic", "sim/router"]
BANNED = re.compile(
    r"\b(system_clock|steady_clock|high_resolution_clock|clock_gettime|gettimeofday|time\(nullptr\)|time\(NULL\)|std::thread|std::jthread|pthread_\w+"
    r"|std::async|std::mutex|sleep_for|usleep|rand\(\)|srand|random_device|mt19937|std::uniform_\w+|getenv|fopen|std::[io]?fstream|socket\(|std::cout|std::cerr)")
# File -> why it may say a banned word. No entry without a why.
EXCEPTIONS = {
    "core/secure/openssl_scope.cc": "OpenSSL's DTLS timer reads gettimeofday: this file puts the process's time in its place",
}
# A hash map's order differs between libraries, and what is written in that order is not the same bytes on every machine.
ORDERED = ["core", "bridge/engine", "focus/engine", "loadgen/people", "loadgen/traffic", "loadgen/plan", "sim", "analysis"]
UNORDERED = re.compile(r"\bstd::unordered_\w+")
# File -> why it may hold one. No entry without a why.
UNORDERED_EXCEPTIONS = {
    "core/base/host_links.cc": "only asks whether a host's name is taken; nothing walks it",
}
# What the documents name must be there, but for what a build or a run makes.
DOCUMENTS = ["README.md", "CONTRIBUTING.md", "docs/*.md"]
MADE = ("build", "out", "dist")
LINK = re.compile(r"\]\(([^)\s]+)\)")
TICKED = re.compile(r"`([\w.-]+(?:/[\w.-]+)+/?)`")
FENCE = re.compile(r"^```.*?^```", re.M | re.S)
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.S)


def room_of(path):
    best = ""
    for room in MAY_INCLUDE:
        if path.startswith(room + "/") and len(room) > len(best):
            best = room
    return best


def problems_of(path, text):
    room = room_of(path)
    if not room:
        return
    for included in INCLUDE.findall(text):
        target = room_of(included)
        if not target or target == room or included.startswith(room + "/"):
            continue
        allowed = MAY_INCLUDE[room]
        if not any(target == a or target.startswith(a + "/") for a in allowed):
            yield f"{path}: {room} may not include {included} (allowed: {', '.join(allowed) or 'only itself'})"
    if any(path.startswith(p + "/") for p in PURE) and path not in EXCEPTIONS:
        code = COMMENT.sub("", text)
        for word in sorted({m.group(0) for m in BANNED.finditer(code)}):
            yield f"{path}: '{word}' in a pure room: time, randomness and I/O arrive as arguments"


    if any(path.startswith(p + "/") for p in ORDERED) and path not in UNORDERED_EXCEPTIONS:
        for word in sorted(set(UNORDERED.findall(COMMENT.sub("", text)))):
            yield f"{path}: '{word}': its order is nobody's promise; use std::map, a sorted vector, or list the file with a why"


def document_problems(name, text, top_names, exists):
    """Relative links are read from the document's folder, paths in backticks from the top. A path in backticks counts as one of
    ours when its first part is a folder at the top."""
    folder = pathlib.PurePosixPath(name).parent
    text = FENCE.sub("", text)
    for target in LINK.findall(text):
        path = target.split("#")[0]
        if path and "://" not in path and not path.startswith("mailto:") and not exists((folder / path).as_posix()):
            yield f"{name}: the link to {target} leads nowhere"
    for path in TICKED.findall(text):
        first = path.split("/")[0]
        if first in top_names and first not in MADE and not exists(path):
            yield f"{name}: there is no {path}"


def self_test():
    bad = [
        ("core/base/a.h", '#include "core/rtp/x.h"\n'),
        ("bridge/engine/a.cc", '#include "focus/engine/focus.h"\n'),
        ("loadgen/people/a.cc", "auto t = std::chrono::steady_clock::now();\n"),
        ("host/linux/a.cc", '#include "bridge/engine/bridge.h"\n'),
        ("sim/router/a.cc", "std::unordered_map<int, int> rooms;\n"),
    ]
    good = [
        ("bridge/engine/a.cc", '#include "core/rtp/x.h"\n// steady_clock is not for us\n'),
        ("host/linux/a.cc", "auto t = std::chrono::steady_clock::now();\n"),
    ]
    tree = {"docs/a.md", "core/base/time.h", "README.md", "docs/../README.md"}
    for text in ["[gone](b.md)", "![gone](b.png)", "[up](../gone.md#part)", "see `core/base/gone.h`", "see `core/gone/`"]:
        assert list(document_problems("docs/a.md", text, {"core", "docs", "build"}, tree.__contains__)), text
    for text in ["[here](a.md#part)", "[up](../README.md)", "[out](https://example.org/x)", "[part](#part)", "`core/base/time.h`", "`build/tacoma`",
                 "`out/quickstart/light`", "`standup/far-2`", "```\n[gone](b.md)\n```"]:
        assert not list(document_problems("docs/a.md", text, {"core", "docs", "build", "out"}, tree.__contains__)), text
    for path, text in bad:
        assert list(problems_of(path, text)), path
    for path, text in good:
        assert not list(problems_of(path, text)), path
    print("arch: the check itself works")


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    top = pathlib.Path(sys.argv[1])
    found, files, seen = [], 0, set()
    for room in sorted({r.split("/")[0] for r in MAY_INCLUDE}):
        for path in sorted((top / room).rglob("*")):
            if path.suffix in (".h", ".cc") and "node_modules" not in path.parts:
                files += 1
                name = path.relative_to(top).as_posix()
                seen.add(name)
                found += problems_of(name, path.read_text())
    top_names = {path.name for path in top.iterdir() if path.is_dir()}
    for path in sorted(path for pattern in DOCUMENTS for path in top.glob(pattern)):
        files += 1
        found += document_problems(path.relative_to(top).as_posix(), path.read_text(), top_names, lambda name: (top / name).exists())
    found += [f"{name}: an exception for a file that is not there" for name in [*EXCEPTIONS, *UNORDERED_EXCEPTIONS] if name not in seen and (top / "core/secure").exists()]
    for line in found:
        print(line)
    print(f"arch: {files} files, {len(found)} problems")
    return 1 if found or not files else 0


if __name__ == "__main__":
    sys.exit(main())
