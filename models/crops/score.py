"""Scores of the crops of each fold by the network that has not seen it, as the running check would give them.

    python models/crops/score.py swap DATA STORE OUT     # after train.py

Writes OUT/<check>/fold<k>/scores.npz: of each crop its `item`, `view` (0 as it is, 1 after VP8), `face_px`, `score`, and
`sharpness`, a figure without any learning to compare with. One core, about 10 ms a crop.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime
from corpus import CHECKS, COUNT, Check, concerns, fold_of, read_items
from points import PARTS, places
from store import CROPS_OF, SEEN, SIDE, VIEWS, Store, load

from liveguard.types import ByteArray, FloatArray

BATCH = 8
INNER, OUTER = 0.75, 1.25  # of the outline of a face: what is inside, and where the ring around it ends


def sharpness(image: ByteArray, points: FloatArray) -> float:
    """How much less fine detail the inner face has than the ring around it, in nepers: a blended face is often softer."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    energy = np.square(cv2.Laplacian(grey, cv2.CV_32F))
    outline = points[places(PARTS["face"])]
    middle = outline.mean(0)
    masks = []
    for scale in (INNER, 1.0, OUTER):
        polygon = np.round(middle + (outline - middle) * scale).astype(np.int32)
        masks.append(cv2.fillPoly(np.zeros(grey.shape, np.uint8), [polygon], (1.0,)).astype(bool))
    ring = masks[2] & ~masks[1] & (image.max(2) > 8)
    if not ring.any() or not masks[0].any():
        return 0.0
    return float(np.log(energy[ring].mean() + 1) - np.log(energy[masks[0]].mean() + 1))


def session(model: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model.read_bytes(), options, providers=["CPUExecutionProvider"])


def said(
    model: onnxruntime.InferenceSession, store: Store, which: npt.NDArray[np.int64]
) -> tuple[FloatArray, FloatArray]:
    """Scores and sharpness (n,) each of the crops `which`."""
    edge = (SIDE - SEEN) // 2
    scores, plain = [], []
    for k in range(0, len(which), BATCH):
        images = store.images(which[k : k + BATCH].tolist())
        middle = images[:, edge : edge + SEEN, edge : edge + SEEN].transpose(0, 3, 1, 2)
        out = model.run(None, {model.get_inputs()[0].name: np.ascontiguousarray(middle, np.float32) / 255})[0]
        scores.append(out[:, 0])
        plain += [sharpness(image, store.points[at]) for image, at in zip(images, which[k : k + BATCH], strict=True)]
    return np.concatenate(scores).astype(np.float32), np.array(plain, np.float32)


def spread(item: npt.NDArray[np.int64], most: int) -> npt.NDArray[np.int64]:
    """Numbers of the crops (n,): of each item at most `most`, evenly spread."""
    total, seen, kept = Counter(item.tolist()), Counter[int](), []
    for k, i in enumerate(item.tolist()):
        at, of = seen[i], total[i]
        seen[i] += 1
        if at == 0 or of <= most or (at * most) // of != ((at - 1) * most) // of:
            kept.append(k)
    return np.array(kept, np.int64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("check", choices=CHECKS)
    parser.add_argument("data", type=Path)
    parser.add_argument("store", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--frames", type=int, default=10, help="of a clip, at most")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    check: Check = given.check
    items = read_items(given.data)
    stores = [("stills", 0)] + [("clips", number) for number in range(len(VIEWS))]
    loaded = [
        (view, load(path)) for kind, view in stores
        if (path := given.store / f"{CROPS_OF[check]}-{kind}-{VIEWS[view]}.npz").is_file()
    ]  # fmt: skip
    for fold in range(COUNT):
        folder = given.out / check / f"fold{fold}"
        if not (folder / "model.onnx").is_file():
            continue
        model, parts = session(folder / "model.onnx"), []
        tested = np.array([concerns(item, check) and fold_of(item) == fold for item in items])
        for view, store in loaded:
            which = spread(store.item, given.frames)
            which = which[tested[store.item[which]]]
            if len(which):
                score, plain = said(model, store, which)
                parts.append((store.item[which], np.full(len(which), view), store.face_px[which], score, plain))
        names = ("item", "view", "face_px", "score", "sharpness")
        np.savez(folder / "scores.npz", **dict(zip(names, map(np.concatenate, zip(*parts, strict=True)), strict=True)))
        print(f"{check} fold {fold}: {sum(len(part[0]) for part in parts)} crops", flush=True)


if __name__ == "__main__":
    main()
