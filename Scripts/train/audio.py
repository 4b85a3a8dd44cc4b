"""The sound representation that training, evaluation and the Swift decoder share.

Log-mel: natural log of mel magnitude, floor 1e-5, 100 bands, 100 frames per second at 48 kHz; frame i
is centred at sample 480 i + 240. Magnitudes are scaled so that a full-scale sine has magnitude 1 in its bin.
"""

import numpy as np
import scipy.fft

RATE = 48000
FFT = 2048
HOP = 480
BANDS = 100
FRAMES_PER_LATENT = 2
FLOOR = 1e-5
WINDOW = np.hanning(FFT + 1)[:-1].astype(np.float32)


def hertz_to_mel(hertz):
    """Slaney's scale: linear below 1 kHz, logarithmic above."""
    hertz = np.asarray(hertz, dtype=np.float64)
    return np.where(
        hertz < 1000, hertz * 3 / 200, 15 + np.log(np.maximum(hertz, 1e-9) / 1000) * 27 / np.log(6.4)
    )


def mel_to_hertz(mel):
    mel = np.asarray(mel, dtype=np.float64)
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))


def band_edges():
    """BANDS + 2 frequencies in hertz: edges and centres of the triangles, 20 Hz to 20 kHz."""
    return mel_to_hertz(np.linspace(hertz_to_mel(20), hertz_to_mel(20000), BANDS + 2))


def mel_filters():
    """[FFT/2 + 1, BANDS] triangles of peak 1."""
    bins = np.arange(FFT // 2 + 1) * RATE / FFT
    edges = band_edges()
    up = (bins[:, None] - edges[None, :-2]) / np.diff(edges)[None, :-1]
    down = (edges[None, 2:] - bins[:, None]) / np.diff(edges)[None, 1:]
    return np.maximum(0, np.minimum(up, down)).astype(np.float32)


FILTERS = mel_filters()


def frames_of(samples):
    """[n] samples -> [ceil(n / HOP), FFT] windows, zero beyond the ends."""
    count = -(-len(samples) // HOP)
    before = FFT // 2 - HOP // 2
    padded = np.zeros(before + count * HOP + FFT, dtype=np.float32)
    padded[before : before + len(samples)] = samples
    index = np.arange(count)[:, None] * HOP + np.arange(FFT)[None]
    return padded[index]


def magnitudes(samples):
    """[n] samples -> [frames, FFT/2 + 1]."""
    spectrum = scipy.fft.rfft(frames_of(samples) * WINDOW, axis=1)
    return (np.abs(spectrum) * (2 / WINDOW.sum())).astype(np.float32)


def log_mel(samples):
    """[n] samples -> [frames, BANDS]."""
    return np.log(np.maximum(magnitudes(samples) @ FILTERS, FLOOR)).astype(np.float32)
