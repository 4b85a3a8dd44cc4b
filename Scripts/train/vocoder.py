"""Log-mel to waveform by phase reconstruction; the plain version of Sources/Signal/MelDecoder.

The mel envelope is smooth and most foley is not: white noise shaped by it has the right grain but no
pitch, Griffin-Lim on the bare envelope has neither. So iteration starts at shaped noise and aims at a
magnitude between the envelope and the grain of that noise.
"""

import numpy as np
import scipy.fft

from audio import BANDS, FFT, FILTERS, HOP, RATE, WINDOW, band_edges

CENTRES = band_edges()[1:-1]
BINS = np.arange(FFT // 2 + 1) * RATE / FFT
#: Energy of a flat spectrum through each filter: a mel value is this many times the bin magnitude.
GAIN = FILTERS.sum(0)


def envelope(log_mel):
    """[frames, BANDS] -> [frames, FFT/2 + 1] magnitudes, log-interpolated between band centres."""
    level = log_mel - np.log(GAIN)
    position = np.interp(BINS, CENTRES, np.arange(BANDS))
    low = np.minimum(position.astype(int), BANDS - 2)
    part = (position - low).astype(np.float32)
    result = np.exp(level[:, low] * (1 - part) + level[:, low + 1] * part)
    result[:, (BINS < 20) | (BINS > 20000)] = 0
    return result.astype(np.float32)


def stft(samples, frames):
    before = FFT // 2 - HOP // 2
    padded = np.zeros(before + frames * HOP + FFT, np.float32)
    padded[before : before + len(samples)] = samples
    index = np.arange(frames)[:, None] * HOP + np.arange(FFT)[None]
    return scipy.fft.rfft(padded[index] * WINDOW, axis=1) * np.float32(2 / WINDOW.sum())


def inverse(spectrum):
    frames = len(spectrum)
    before = FFT // 2 - HOP // 2
    pieces = scipy.fft.irfft(spectrum * np.float32(WINDOW.sum() / 2), axis=1).astype(np.float32) * WINDOW
    total = np.zeros(before + frames * HOP + FFT, np.float32)
    weight = np.zeros_like(total)
    for i in range(frames):
        total[i * HOP : i * HOP + FFT] += pieces[i]
        weight[i * HOP : i * HOP + FFT] += WINDOW**2
    return (total / np.maximum(weight, 1e-3))[before : before + frames * HOP]


def decode(log_mel, iterations=16, grain=0.5, momentum=0.0, seed=0):
    """[frames, BANDS] -> [frames HOP] samples."""
    frames = len(log_mel)
    target = envelope(log_mel)
    noise = stft(np.random.default_rng(seed).standard_normal(frames * HOP).astype(np.float32), frames)
    magnitude = np.abs(noise)
    noise /= np.sqrt((magnitude**2).mean())  # unit power per bin
    magnitude = np.abs(noise)
    # E|X| of a complex Gaussian is sqrt(pi)/2 of its rms: a mel magnitude measures E|X|.
    spectrum = target * noise / 0.8862
    aim = target * (magnitude / 0.8862) ** grain
    previous = spectrum
    for _ in range(iterations):
        rebuilt = stft(inverse(spectrum), frames)
        ahead = rebuilt + momentum * (rebuilt - previous)
        previous = rebuilt
        spectrum = aim * ahead / np.maximum(np.abs(ahead), 1e-9)
    return inverse(spectrum)
