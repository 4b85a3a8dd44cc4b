"""YAMNet class-group hits: is a label of the clip's class among the three it hears best?"""

import json
import zipfile
from pathlib import Path

import numpy as np
import soxr
from ai_edge_litert.interpreter import Interpreter

WINDOW, STEP, RATE = 15600, 7800, 16000


class Evaluator:
    """folder: the data set's evaluator folder (yamnet.tflite, class_groups.json)."""

    def __init__(self, folder):
        folder = Path(folder)
        self.groups = json.load(open(folder / "class_groups.json"))
        self.groups = self.groups.get("groups", self.groups)
        with zipfile.ZipFile(folder / "yamnet.tflite") as archive:
            self.labels = archive.read("yamnet_label_list.txt").decode().splitlines()
        self.model = Interpreter(str(folder / "yamnet.tflite"), num_threads=1)
        self.model.allocate_tensors()
        self.input = self.model.get_input_details()[0]["index"]
        self.output = self.model.get_output_details()[0]["index"]

    def top(self, samples, rate, count=3):
        """The labels with the highest scores over all windows of 0.975 s."""
        sound = soxr.resample(samples, rate, RATE).astype(np.float32) if rate != RATE else samples
        scores = np.zeros(len(self.labels), np.float32)
        for start in range(0, max(1, len(sound) - WINDOW + STEP), STEP):
            window = sound[start : start + WINDOW]
            window = np.pad(window, (0, WINDOW - len(window)))
            self.model.set_tensor(self.input, window)
            self.model.invoke()
            scores = np.maximum(scores, self.model.get_tensor(self.output).reshape(-1))
        return [self.labels[i] for i in np.argsort(-scores)[:count]]

    def hit(self, samples, rate, name):
        return any(label in self.groups[name] for label in self.top(samples, rate))
