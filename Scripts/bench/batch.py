#!/usr/bin/env python3
"""What `foley batch` makes of hundreds of clips: throughput, overhead, memory, and whether it bears what goes wrong.

    batch.py FOLEY [--items 200] [--stress 500] [--options "--steps 4"] [--seconds 1] [--turns 1]

Needs the ffmpeg tool. First the same clips by one process and by two (`--jobs`); then a batch of which a
tenth is broken in ten ways, whose worker processes are killed at random. Prints a table; exits with 1 where a record is
missing, wrong or there twice, a partial file stays, or a second run does more than the missing work.
"""

import argparse
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path


def ffmpeg(*arguments):
    subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, arguments)], check=True)


def make_clip(path, seconds):
    ffmpeg("-f", "lavfi", "-i", f"testsrc2=s=320x180:r=25:d={seconds}", "-pix_fmt", "yuv420p", path)


def processes_below(parent):
    """The worker processes of a batch."""
    found = []
    for task in Path(f"/proc/{parent}/task").glob("*/children"):
        try:
            found += [int(number) for number in task.read_text().split()]
        except OSError:
            pass
    return found


def proportional_memory(processes):
    """Bytes, pages that several processes map counted once."""
    total = 0
    for process in processes:
        try:
            for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += 1024 * int(line.split()[1])
        except (OSError, ValueError):
            pass
    return total


class Watched:
    """A batch under way, its memory and, if wanted, its workers killed at random."""

    def __init__(self, command, kill=None):
        self.peak, self.kills = 0, 0
        began = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        ended = threading.Event()
        watcher = threading.Thread(target=self.watch, args=(process.pid, ended, kill))
        watcher.start()
        self.output = json.loads(process.communicate()[0])
        self.seconds = time.monotonic() - began
        ended.set()
        watcher.join()
        self.status = process.returncode

    def watch(self, parent, ended, kill):
        while not ended.wait(kill.uniform(0.3, 1.5) if kill else 0.2):
            workers = processes_below(parent)
            self.peak = max(self.peak, proportional_memory([parent, *workers]))
            if kill and workers:
                try:
                    os.kill(kill.choice(workers), signal.SIGKILL)
                    self.kills += 1
                except ProcessLookupError:
                    pass


def records(folder):
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


def throughput(arguments, folder):
    clip = folder / "clip.mp4"
    make_clip(clip, arguments.seconds)
    manifest = folder / "clips.jsonl"
    lines = [json.dumps({"id": f"i{n}", "video": str(clip), "prompt": "rain"}) for n in range(arguments.items)]
    manifest.write_text("\n".join(lines))
    ways = {"--jobs 1 --threads 1": [], "--jobs 1": [], "--jobs 2": []}
    overhead = []
    for _ in range(arguments.turns):
        for way, runs in ways.items():
            output = folder / "out"
            shutil.rmtree(output, ignore_errors=True)
            run = Watched([str(arguments.foley), "batch", str(manifest), "--output-dir", str(output), "--json",
                           *way.split(), *arguments.options.split()])
            assert run.status == 0, run.output
            runs.append(run)
            if way == "--jobs 1":
                working = sum(r["samples"] / 48000 / r["speed"] for r in records(output))
                overhead.append((run.seconds - working) / arguments.items)
    print(f"| {arguments.items} clips of {arguments.seconds} s | clips a second | memory of all processes, MB |")
    print("|---|---|---|")
    for way, runs in ways.items():
        speed = statistics.median(arguments.items / run.seconds for run in runs)
        print(f"| `{way}` | {speed:.2f} | {max(run.peak for run in runs) / 1e6:.0f} |")
    print(f"\nBeyond generation: {1000 * statistics.median(overhead):.1f} ms a clip (`--jobs 1`).\n")


def broken(kind, path, clip):
    """A file of that name that is no clip."""
    whole = clip.read_bytes()
    if kind == "text":
        path.write_text("This is a shopping list: milk, bread.\n")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "noise":
        path.write_bytes(random.Random(1).randbytes(50_000))
    elif kind == "headless":
        path.write_bytes(whole[len(whole) // 2:])
    elif kind == "cut short":
        path.write_bytes(whole[:40])
    elif kind == "sound":
        ffmpeg("-f", "lavfi", "-i", "sine=d=1", path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "dangling link":
        path.symlink_to("nowhere.mp4")
    elif kind == "zeros":
        path.write_bytes(bytes(50_000))
    # "missing": nothing


KINDS = ["text", "empty", "noise", "headless", "cut short", "sound", "folder", "dangling link", "zeros", "missing"]


def stress(arguments, folder):
    chance = random.Random(7)
    clip = folder / "clip.mp4"
    make_clip(clip, arguments.seconds)
    bad = {}
    lines = []
    for number in range(arguments.stress):
        path = clip
        if number % 10 == 3:
            kind = KINDS[number // 10 % len(KINDS)]
            path = folder / f"broken-{number}.mp4"
            broken(kind, path, clip)
            bad[f"i{number}"] = path
        lines.append(json.dumps({"id": f"i{number}", "video": str(path), "prompt": "rain"}))
    manifest, output = folder / "clips.jsonl", folder / "out"
    manifest.write_text("\n".join(lines))
    command = [str(arguments.foley), "batch", str(manifest), "--output-dir", str(output), "--json", "--jobs", "2",
               "--retries", "100", *arguments.options.split()]

    def check(run, status, unchanged, failed):
        assert run.status == status, (run.status, status)
        found = records(output)
        assert [r["id"] for r in found] == [f"i{n}" for n in range(arguments.stress)], "one record each, in order"
        for record in found:
            wrong = record["id"] in failed
            assert record["status"] == ("failed" if wrong else "done"), record
            assert not wrong or record["exitCode"] in (65, 66), record
            assert wrong or (output / record["outputs"][0]).stat().st_size == 44 + 96_000 * arguments.seconds, record
        names = {path.name for path in output.iterdir()}
        assert names == {f"i{n}.wav" for n in range(arguments.stress) if f"i{n}" not in failed} | {"results.jsonl"}
        assert run.output["unchanged"] == unchanged, run.output

    first = Watched(command, kill=chance)
    check(first, 1, 0, bad)
    attempts = sum(record["attempts"] for record in records(output))
    second = Watched(command)
    check(second, 1, arguments.stress - len(bad), bad)
    for path in bad.values():
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        path.unlink(missing_ok=True)
        shutil.copy(clip, path)
    third = Watched(command)
    check(third, 0, arguments.stress - len(bad), {})
    print(f"{arguments.stress} items, {len(bad)} broken in {len(KINDS)} ways, workers killed {first.kills} times: "
          f"{attempts} attempts, every item one right record, no partial file, exit code 1.")
    print(f"Again: {arguments.stress - len(bad)} unchanged in {second.seconds:.1f} s, exit code 1. Repaired: "
          f"{len(bad)} made, exit code 0.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("foley", type=Path)
    parser.add_argument("--items", type=int, default=200)
    parser.add_argument("--stress", type=int, default=500)
    parser.add_argument("--turns", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=1)
    parser.add_argument("--options", default="", help="further options for foley batch, such as '--steps 4'")
    arguments = parser.parse_args()
    arguments.foley = arguments.foley.resolve()
    for items, part in (arguments.items, throughput), (arguments.stress, stress):
        if not items:
            continue
        with tempfile.TemporaryDirectory() as folder:
            part(arguments, Path(folder))


if __name__ == "__main__":
    main()
