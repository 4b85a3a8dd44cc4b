#!/usr/bin/env python3
"""Scores the timing of a sound track against known events.

    sync.py SOUND.wav EVENTS.json [SOUND.wav EVENTS.json ...] [--minimum 0.3] [--tolerance 0.08] [--details]
    sync.py --self-test

EVENTS.json is what Scripts/clips/render.py writes (or any object with "events": a list of times, or of
{"time", "strength"}).  Prints one JSON object: for each pair and for all of them pooled, precision, recall and F1 of
one-to-one matches within the tolerance, the median |offset| and the median offset (positive: the sound is late) of the
matches within the tolerance, and the same within 300 ms.  Events weaker than the minimum are neither required nor wrong.

Needs numpy, scipy and soundfile.
"""

import argparse
import json
import sys

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.signal import butter, sosfilt, stft

WIDE = 0.3  # seconds


def onsets(sound, rate, sensitivity=1.0):
    """Times and salience of the onsets of a mono signal: peaks of the flux of log band energies on a 5 ms grid, each
    then moved to the steepest rise of the energy nearby (about 1 ms)."""
    if len(sound) < rate // 10 or np.max(np.abs(sound)) < 1e-5:
        return np.zeros(0), np.zeros(0)
    sound = sosfilt(butter(2, 60, "highpass", fs=rate, output="sos"), sound)
    size, hop = int(0.0213 * rate) // 2 * 2, int(round(0.005 * rate))
    frequencies, times, spectrum = stft(sound, rate, nperseg=size, noverlap=size - hop, boundary="zeros", padded=True)
    power = np.abs(spectrum) ** 2
    edges = np.geomspace(80, min(18000, rate / 2), 37)
    bands = np.stack([power[(frequencies >= low) & (frequencies < high)].sum(0) if
                      np.any((frequencies >= low) & (frequencies < high)) else np.zeros(power.shape[1])
                      for low, high in zip(edges[:-1], edges[1:])])
    # 60 dB below the loudest moment counts as silence.
    level = np.log(bands + 1e-6 * bands.sum(0).max() / len(bands) + 1e-14)
    lag = 3
    reference = level[:, :-lag]
    flux = np.zeros(level.shape[1])
    flux[lag:] = np.maximum(level[:, lag:] - reference, 0).mean(0)
    half = int(0.35 / 0.005)
    padded = np.pad(flux, half, mode="reflect") if len(flux) > half else np.pad(flux, half)
    floor = np.array([np.median(padded[i:i + 2 * half + 1]) for i in range(len(flux))])
    excess = flux - floor
    threshold = max(0.35, 0.22 * np.percentile(excess, 99.5)) / sensitivity
    loudness = bands.sum(0)
    found = []
    for i in range(1, len(flux) - 1):
        near = slice(max(0, i - 6), i + 7)
        if excess[i] > threshold and excess[i] >= excess[near].max():
            # An onset is also loud: the 40 ms after it reach -36 dB of the loudest.
            if loudness[i:i + 8].max() > 2.5e-4 * loudness.max():
                found.append(i)
    envelope = np.convolve(sound ** 2, np.ones(max(1, rate // 1000)), "same")
    block = max(1, int(0.001 * rate))
    fine = np.add.reduceat(sound ** 2, np.arange(0, len(sound), block)) + 1e-12 * np.max(envelope)
    total = np.concatenate([[0], np.cumsum(fine)])
    result, salience = [], []
    for i in found:
        centre, best, when, growth = int(times[i] / 0.001), -np.inf, times[i], 0.0
        for t in range(max(8, centre - 30), min(len(fine) - 8, centre + 31)):
            before, after = total[t] - total[t - 8], total[t + 8] - total[t]
            rise = np.log(after / before) + 0.5 * np.log(after)
            if rise > best:
                best, when, growth = rise, t * block / rate, np.log(after / before)
        if growth < 0.5:  # 2 dB: the wavering of a steady sound
            continue
        if not result or when - result[-1] > 0.05:
            result.append(when)
            salience.append(float(excess[i]))
    return np.array(result), np.array(salience)


def matches(found, known, tolerance):
    """One-to-one pairs (index found, index known) within the tolerance: as many as possible, nearest first."""
    if len(found) == 0 or len(known) == 0:
        return []
    distance = np.abs(found[:, None] - known[None, :])
    cost = np.where(distance <= tolerance, distance, 1e3)
    rows, columns = linear_sum_assignment(cost)
    return [(i, j) for i, j in zip(rows, columns) if distance[i, j] <= tolerance]


def score(found, known, strength, minimum, tolerance):
    pairs = matches(found, known, tolerance)
    hit = {j for _, j in pairs}
    required = [j for j in range(len(known)) if strength[j] >= minimum]
    offsets = [float(found[i] - known[j]) for i, j in pairs]
    wide = [float(found[i] - known[j]) for i, j in matches(found, known, WIDE)]
    return {
        "events": len(required), "onsets": len(found),
        "hits": sum(j in hit for j in required), "extra": len(found) - len(pairs),
        "offsets": offsets, "wideOffsets": wide,
    }


def summary(parts):
    hits, extra = sum(p["hits"] for p in parts), sum(p["extra"] for p in parts)
    events = sum(p["events"] for p in parts)
    offsets = [o for p in parts for o in p["offsets"]]
    wide = [o for p in parts for o in p["wideOffsets"]]
    precision = hits / (hits + extra) if hits + extra else 0.0
    recall = hits / events if events else 0.0

    def middle(values):
        return round(1000 * float(np.median(values)), 1) if len(values) else None

    return {
        "events": events, "onsets": sum(p["onsets"] for p in parts),
        "precision": round(precision, 3), "recall": round(recall, 3),
        "f1": round(2 * precision * recall / (precision + recall), 3) if hits else 0.0,
        "medianAbsoluteOffsetMs": middle(np.abs(offsets)), "medianOffsetMs": middle(offsets),
        "within300ms": {"matched": len(wide), "medianAbsoluteOffsetMs": middle(np.abs(wide)),
                        "medianOffsetMs": middle(wide)},
    }


def read_events(path):
    with open(path) as file:
        events = json.load(file)["events"]
    times = [e["time"] if isinstance(e, dict) else e for e in events]
    strength = [e.get("strength", 1.0) if isinstance(e, dict) else 1.0 for e in events]
    return np.array(times, float), np.array(strength, float)


def self_test():
    """Clicks, thuds and noise bursts at known times over faint noise, and silence."""
    random, rate = np.random.default_rng(3), 48000
    truth = np.cumsum(random.uniform(0.2, 0.7, 20))
    sound = 2e-3 * random.standard_normal(int(rate * (truth[-1] + 1)))
    for n, t in enumerate(truth):
        start, x = int(t * rate), np.arange(int(0.15 * rate)) / rate
        body = [random.standard_normal(len(x)), np.sin(2 * np.pi * 160 * x), np.sin(2 * np.pi * 2100 * x)][n % 3]
        sound[start:start + len(x)] += 0.4 * body * np.exp(-x / 0.03) * random.uniform(0.4, 1)
    found, _ = onsets(sound, rate)
    result = summary([score(found, truth, np.ones(len(truth)), 0.3, 0.08)])
    assert result["f1"] > 0.95 and result["medianAbsoluteOffsetMs"] <= 5, result
    assert len(onsets(np.zeros(rate), rate)[0]) == 0
    steady = random.standard_normal(4 * rate) * 0.1
    assert len(onsets(steady, rate)[0]) <= 2, "steady noise has no onsets"
    print(json.dumps(result))


def main():
    parser = argparse.ArgumentParser(description="Scores the timing of sound tracks against known events.")
    parser.add_argument("files", nargs="*", help="SOUND.wav EVENTS.json, in pairs")
    parser.add_argument("--minimum", type=float, default=0.3, help="events weaker than this are optional")
    parser.add_argument("--tolerance", type=float, default=0.08, help="seconds")
    parser.add_argument("--sensitivity", type=float, default=1.0)
    parser.add_argument("--details", action="store_true", help="also list the onsets found")
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    if not options.files or len(options.files) % 2:
        parser.error("give SOUND.wav EVENTS.json, in pairs")
    import soundfile
    clips, parts = [], []
    for sound_path, events_path in zip(options.files[::2], options.files[1::2]):
        sound, rate = soundfile.read(sound_path, dtype="float64", always_2d=True)
        found, _ = onsets(sound.mean(1), rate, options.sensitivity)
        known, strength = read_events(events_path)
        part = score(found, known, strength, options.minimum, options.tolerance)
        parts.append(part)
        clip = {"sound": sound_path, "events": events_path, **summary([part])}
        if options.details:
            clip["onsetTimes"] = [round(float(t), 4) for t in found]
        clips.append(clip)
    json.dump({"tolerance": options.tolerance, "pooled": summary(parts), "clips": clips}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
