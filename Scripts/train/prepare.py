"""Decodes the training sounds once and stores what training reads: log-mels at three speeds, onsets and
sentence vectors.

    python prepare.py ../../../shared/data/sfx CACHE

Clips are brought to a peak of -1 dBFS, so that the generator learns spectra, not recording levels.
"""

import argparse
import json
import sys
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import soundfile
import soxr

from audio import RATE, log_mel

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "evaluate"))
import sync  # noqa: E402

SPEEDS = (1.0, 0.88, 1.13)


def decode(path):
    """Mono samples at RATE; the data set is mono Opus at 48 kHz."""
    samples, rate = soundfile.read(path, dtype="float32")
    assert rate == RATE and samples.ndim == 1, path
    return samples


def normalised(samples, peak_db=-1.0):
    peak = np.abs(samples).max()
    return samples * (10 ** (peak_db / 20) / peak) if peak > 0 else samples


def spectra(job):
    """One clip's log-mels at every speed; validation and test clips at their own speed only."""
    data, cache, clip = job
    samples = normalised(decode(data / clip["path"]))
    np.save(cache / "wav" / f"{clip['id']}.npy", (samples * 32767).astype(np.int16))
    # Finer than the manifest's: what is to be in time has to be told, ripples of a stroke included.
    fine = [] if clip["kind"] == "texture" else [round(float(t), 3) for t in sync.onsets(samples, RATE)[0]]
    row = []
    for speed in SPEEDS:
        if speed == 1.0:
            row.append(log_mel(samples).astype(np.float16))
        elif clip["split"] == "train":
            row.append(log_mel(normalised(soxr.resample(samples, RATE * speed, RATE))).astype(np.float16))
        else:
            row.append(np.zeros((0, 100), np.float16))
    return row, fine


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("cache", type=Path)
    arguments = parser.parse_args()
    arguments.cache.mkdir(parents=True, exist_ok=True)
    (arguments.cache / "wav").mkdir(exist_ok=True)
    clips = [json.loads(line) for line in open(arguments.data / "manifest.jsonl")]
    jobs = [(arguments.data, arguments.cache, clip) for clip in clips]
    mels, starts, position = [], [], 0
    with Pool(2) as pool:
        for number, (row, fine) in enumerate(pool.imap(spectra, jobs, chunksize=8)):
            clips[number]["fine"] = fine
            starts.append([(position + sum(map(len, row[:i])), len(mel)) for i, mel in enumerate(row)])
            position += sum(map(len, row))
            mels.extend(row)
            if number % 200 == 0:
                print(number, "of", len(clips), flush=True)
    np.save(arguments.cache / "mels.npy", np.concatenate(mels))
    np.save(arguments.cache / "starts.npy", np.array(starts))

    import sentence
    from scenes import QUIET

    np.save(arguments.cache / "quiet_vectors.npy", sentence.vectors(list(QUIET)))
    texts = sorted({text for clip in clips for text in [clip["caption"], *clip["captions"]]} | {""})
    np.save(arguments.cache / "text_vectors.npy", sentence.vectors(texts))
    json.dump(texts, open(arguments.cache / "texts.json", "w"))
    json.dump(clips, open(arguments.cache / "clips.json", "w"))


if __name__ == "__main__":
    main()
