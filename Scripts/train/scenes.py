"""Training scenes: stretches of log-mel with the conditions the program would have for them.

A scene has a target (log-mel), one sentence vector per sync frame and motion features simulated from
what sounds: events at the onsets, motion energy rising before an impact and stopping at it, with the
jitter, misses and false alarms a detector makes. Everything is a function of (seed, index).
"""

import json
from pathlib import Path

import numpy as np

FLOOR = np.log(3e-5)
FPS = 100
SYNC_FPS = 25
MOTION = 8
#: Prompts that ask for next to nothing; no recording says so.
QUIET = (
    "silence", "an empty room", "room tone", "nothing can be heard", "a silent room", "it is very quiet",
    "a quiet house at night", "faint background noise", "no sound at all", "a still evening indoors",
)
VECTOR = 384


def log_add(a, b):
    """Log-magnitudes of two uncorrelated sounds together."""
    return 0.5 * np.logaddexp(2 * a, 2 * b)


def motion_features(events, energy, frames, known=True):
    """events [(seconds, strength)], energy [frames] -> [frames, MOTION]; see SyncFeatures in the program."""
    features = np.zeros((frames, MOTION), np.float32)
    if not known:
        return features
    impulse = np.zeros(frames + 75, np.float32)  # traces run on from 3 s before the start
    for time, strength in events:
        frame = int(np.floor(time * SYNC_FPS))
        if -75 <= frame < frames and strength > impulse[frame + 75]:
            impulse[frame + 75] = strength
            if frame >= 0:
                features[frame, 0] = strength
                features[frame, 1] = 1
                features[frame, 2] = time * SYNC_FPS - frame - 0.5
    for column, tau in ((3, 0.1), (4, 0.5)):
        trace, decay = 0.0, np.exp(-0.04 / tau)
        for frame in range(frames + 75):
            trace = max(trace * decay, impulse[frame])
            if frame >= 75:
                features[frame - 75, column] = trace
    features[:, 5] = energy
    features[1:, 6] = energy[1:] - energy[:-1]
    features[:, 7] = 1
    return features


def smooth_noise(random, frames, correlation):
    """A smooth random curve in 0...1."""
    points = max(2, int(frames / correlation) + 2)
    return np.interp(np.linspace(0, points - 1, frames), np.arange(points), random.random(points)).astype(np.float32)


class Scenes:
    def __init__(self, cache, seed=0, split="train"):
        cache = Path(cache)
        self.seed = seed
        self.mels = np.load(cache / "mels.npy", mmap_mode="r")
        self.starts = np.load(cache / "starts.npy")
        clips = json.load(open(cache / "clips.json"))
        texts = {text: row for row, text in enumerate(json.load(open(cache / "texts.json")))}
        self.vectors = np.load(cache / "text_vectors.npy")
        self.quiet = np.load(cache / "quiet_vectors.npy")
        self.clips = clips
        self.rows = [[texts[text] for text in [clip["caption"], *clip["captions"]]] for clip in clips]
        self.members = [i for i, clip in enumerate(clips) if clip["split"] == split]
        counts, families = {}, {}
        for i in self.members:
            clip = clips[i]
            counts[clip["class"]] = counts.get(clip["class"], 0) + 1
            families.setdefault((clip["class"], clip["subclass"], clip["kind"], clip["caption"]), []).append(i)
        weight = np.array([counts[clips[i]["class"]] ** -0.5 for i in self.members])
        self.probability = weight / weight.sum()
        self.families = families

    def mel(self, clip, speed):
        """[frames, 100] at one of the stored speeds, and the factor its times are divided by."""
        start, length = self.starts[clip][speed]
        if length == 0:
            start, length = self.starts[clip][0]
            speed = 0
        values = np.asarray(self.mels[start : start + length], np.float32)
        return np.maximum(values, FLOOR), (1.0, 0.88, 1.13)[speed]

    # One kind of scene each: -> target [frames, 100], events [(s, strength)], energy [sync frames]

    def texture(self, random, clip, frames):
        mel, _ = self.mel(clip, random.integers(3))
        while len(mel) < frames:  # shorter than the scene: repeat it, cross-faded
            overlap = min(len(mel) // 3, 30)
            if overlap < 2:
                mel = np.concatenate((mel, mel))
                continue
            fade = np.linspace(0, 1, overlap)[:, None]
            joint = mel[-overlap:] * (1 - fade) + mel[:overlap] * fade
            mel = np.concatenate((mel[:-overlap], joint, mel[overlap:]))
        offset = random.integers(len(mel) - frames + 1)
        mel = mel[offset : offset + frames]
        sync = frames // 4
        if random.random() < 0.5:
            level = mel.max(1).reshape(sync, 4).mean(1)
            energy = np.clip((level + 6) / 6, 0, 1) * random.uniform(0.3, 1)
        else:
            energy = smooth_noise(random, sync, random.uniform(5, 100)) * random.random()
        events = []
        if random.random() < 0.3:  # things move in the picture that are not heard
            events = self.pattern(random, frames / FPS)
        return mel, events, energy

    def pattern(self, random, seconds):
        """Event times and strengths: single, rhythmic or scattered."""
        kind = random.random()
        if kind < 0.25:
            times = [random.uniform(0, seconds * 0.8)]
        elif kind < 0.7:
            period = np.exp(random.uniform(np.log(0.2), np.log(1.6)))
            times = np.arange(random.uniform(0, period), seconds, period)
            times = times + random.normal(0, random.uniform(0, 0.06), len(times))
        else:
            count = random.poisson(random.uniform(0.5, 3) * seconds)
            times = random.uniform(0, seconds, max(1, count))
        base = random.uniform(0.55, 1)
        return [(float(t), float(np.clip(base + random.normal(0, 0.12), 0.4, 1))) for t in sorted(times)]

    def ripples(self, clip, speed, mel, onset, stop):
        """Onsets of a clip between two frames, as [(frames after `onset`, strength beside the loudest)].

        A stroke is seldom a single one: a latch falls after a door. The picture shows the stroke alone, so unless
        every other onset is told in training, the model makes some up after every stroke."""
        loud = mel.max(1)
        frames = [t / speed * FPS for t in self.clips[clip].get("fine", [])]
        peak = loud.max()
        found = []
        for frame in frames:
            if onset + 4 < frame < stop:
                level = loud[int(frame) : int(frame) + 8].max(initial=FLOOR) - peak
                found.append((frame - onset, float(np.clip(1 + level * 20 / np.log(10) / 20, 0.1, 1))))
        return found

    def takes(self, random, clip):
        """Single strokes of one family: [(mel, onset frame, ripples)]."""
        info = self.clips[clip]
        if info["kind"] == "event":
            family = self.families[(info["class"], info["subclass"], info["kind"], info["caption"])]
            chosen = [clip] if random.random() < 0.5 else list(random.choice(family, min(4, len(family)), replace=False))
            takes = []
            for other in chosen:
                mel, speed = self.mel(other, random.integers(3))
                onsets = self.clips[other]["onsets"]
                onset = onsets[0] / speed if onsets and onsets[0] < 0.5 else 0.0
                takes.append((mel, onset * FPS, self.ripples(other, speed, mel, onset * FPS, len(mel))))
            return takes
        mel, speed = self.mel(clip, random.integers(3))
        loud = mel.max(1)
        if np.percentile(loud, 10) > loud.max() - 3.5:  # strokes over a noise that cannot be cut apart
            return []
        onsets = [t / speed * FPS for t in info["onsets"]]
        takes = []
        for number, onset in enumerate(onsets):
            stop = onsets[number + 1] - 3 if number + 1 < len(onsets) else len(mel)
            start = max(0, onset - 3)
            if stop - start >= 6:
                take = mel[int(start) : int(stop)]
                fade = np.minimum(np.arange(len(take), 0, -1) / 15, 1)[:, None]
                ripples = self.ripples(clip, speed, mel, onset, stop)
                takes.append((FLOOR + (take - FLOOR) * fade, onset - int(start), ripples))
        return takes

    def composed(self, random, clip, frames):
        takes = self.takes(random, clip)
        if not takes:
            return self.recorded(random, clip, frames)
        target = np.full((frames, 100), FLOOR, np.float32)
        events = self.pattern(random, frames / FPS)
        if random.random() < 0.07:  # nothing strikes, so nothing sounds
            events = []
        longest = max(len(mel) for mel, _, _ in takes)
        if longest > 150:  # long sounds are not struck four times a second
            keep, last = [], -9.0
            for time, strength in events:
                if time - last > longest / FPS * random.uniform(0.3, 1):
                    keep.append((time, strength))
                    last = time
            events = keep
        told = list(events)
        for time, strength in events:
            mel, onset, ripples = takes[random.integers(len(takes))]
            start = int(round(time * FPS - onset))
            a, b = max(0, start), min(frames, start + len(mel))
            if b <= a:
                continue
            # Strength 1 is full level, 0.4 about 12 dB below.
            gain = (strength - 1) * 20 * np.log(10) / 20 + random.normal(0, 0.1)
            target[a:b] = log_add(target[a:b], np.maximum(mel[a - start : b - start] + gain, FLOOR))
            told += [
                (time + after / FPS, strength * level) for after, level in ripples if time + after / FPS < frames / FPS
            ]
        return target, sorted(told), None

    def recorded(self, random, clip, frames):
        """The clip as it is, somewhere in the scene, with its own onsets."""
        mel, speed = self.mel(clip, random.integers(3))
        target = np.full((frames, 100), FLOOR, np.float32)
        if len(mel) > frames:
            start = -random.integers(len(mel) - frames + 1)
        else:
            start = random.integers(frames - len(mel) + 1)
        a, b = max(0, start), min(frames, start + len(mel))
        target[a:b] = mel[a - start : b - start]
        loud = mel.max(1)
        peak = loud.max()
        events = []
        fine = self.clips[clip].get("fine", [])
        missed = [t for t in self.clips[clip]["onsets"] if not any(abs(t - other) < 0.04 for other in fine)]
        for onset in sorted(fine + missed):
            frame = onset / speed * FPS
            time = (start + frame) / FPS
            if -1 < time < frames / FPS:
                level = loud[int(frame) : int(frame) + 8].max(initial=FLOOR) - peak
                events.append((time, float(np.clip(1 + level * 20 / np.log(10) / 20, 0.3, 1))))
        return target, events, None

    def hush(self, random, frames):
        """The tone of a quiet room, about -65 dBFS, whatever moves."""
        tilt = np.linspace(random.uniform(0.5, 2.5), random.uniform(-1, 0.5), 100)
        mel = FLOOR + tilt + random.normal(0, 0.25, (frames, 100))
        events = self.pattern(random, frames / FPS) if random.random() < 0.3 else []
        text = self.quiet[random.integers(len(self.quiet))]
        return np.maximum(mel, FLOOR).astype(np.float32), events, None, text

    def seen(self, random, events, energy, sync):
        """What a detector would report of these events."""
        jitter = random.uniform(0, 0.025)
        seen = [
            (time + random.normal(0, jitter), float(np.clip(strength + random.normal(0, 0.06), 0.05, 1)))
            for time, strength in events if random.random() > 0.03
        ]
        for _ in range(random.poisson(0.25)):  # weak hints that are not heard
            seen.append((random.uniform(0, sync / SYNC_FPS), random.uniform(0.05, 0.35)))
        if energy is None:
            grid = (np.arange(sync) + 0.5) / SYNC_FPS
            restless = random.random() < 0.4  # much moves that makes no sound
            energy = smooth_noise(random, sync, random.uniform(3, 40)) * random.uniform(0.3 * restless, 0.3 + 0.7 * restless)
            rise = random.uniform(0.1, 0.4)
            for time, strength in events:
                before = np.where(grid < time, np.exp((grid - time) / rise), np.exp((time - grid) / 0.06))
                energy = np.maximum(energy, strength * random.uniform(0.6, 1) * before)
            if random.random() < 0.2:  # the motion is too small or too far away to be measured
                energy = energy * random.uniform(0, 0.4)
        return seen, np.clip(energy + random.normal(0, 0.02, sync), 0, 1).astype(np.float32)

    def vector(self, random, clip):
        """The sentence vector of one of the clip's captions, often blurred as a picture's would be."""
        rows = self.rows[clip]
        vector = self.vectors[rows[0] if random.random() < 0.4 else rows[random.integers(len(rows))]]
        if random.random() < 0.5:
            vector = vector + random.normal(0, random.uniform(0.1, 0.6) / np.sqrt(VECTOR), VECTOR)
            vector = vector / np.linalg.norm(vector)
        return vector.astype(np.float32)

    def one(self, random, frames):
        if random.random() < 0.02:
            return self.hush(random, frames)
        clip = int(random.choice(self.members, p=self.probability))
        kind = self.clips[clip]["kind"]
        if kind == "texture":
            scene = self.texture(random, clip, frames)
        elif kind == "event" or random.random() < 0.35:
            scene = self.composed(random, clip, frames)
        else:
            scene = self.recorded(random, clip, frames)
        return (*scene, self.vector(random, clip))

    def scene(self, index, latents):
        """-> target [2 latents, 100], motion [sync, 8], vectors [sync, 384], text [384]."""
        random = np.random.default_rng((self.seed, index))
        frames, sync = 2 * latents, latents // 2
        target, events, energy, text = self.one(random, frames)
        vectors = np.repeat(text[None], sync, 0)
        form = random.random()
        if form < 0.07:  # something over a background
            other = self.one(random, frames)
            target = log_add(target, np.maximum(other[0] - random.uniform(0.5, 2), FLOOR))
            events = sorted(events + other[1])
            text = (text + other[3]) / np.linalg.norm(text + other[3])
            vectors = np.repeat(text[None], sync, 0)
        elif form < 0.12:  # a cut to another place
            other = self.one(random, frames)
            cut = int(random.integers(sync // 4, sync - sync // 4))
            target = np.concatenate((target[: 4 * cut], other[0][4 * cut :]))
            events = [e for e in events if e[0] < cut / SYNC_FPS] + [e for e in other[1] if e[0] >= cut / SYNC_FPS]
            vectors[cut:] = other[3]
            text = (text + other[3]) / np.linalg.norm(text + other[3])
            energy = None
        # A tilt of up to 3 dB at the ends of the spectrum.
        tilt = np.linspace(-1, 1, 100, dtype=np.float32) * random.normal(0, 0.2)
        target = np.maximum(target + tilt * (target > FLOOR + 1), FLOOR)
        events, energy = self.seen(random, events, energy, sync)
        motion = motion_features(events, energy, sync, known=random.random() > 0.08)
        if random.random() < 0.12:  # for guidance: the branch without content
            vectors, text = np.zeros_like(vectors), np.zeros_like(text)
        return target.astype(np.float32), motion, vectors, text
