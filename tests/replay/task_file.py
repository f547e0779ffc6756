"""Puts together a `face_landmarker.task` from the models inside mediapipe 0.10.21's wheel.

The Tasks API wants one output of 478 points; the wheel's plain mesh has 468 (the one with irises splits its points over
six outputs in an order that the Tasks API does not take). So one GATHER is added that repeats points of the lids where
the irises belong. That is enough to run the real thing; it is no model to use.
"""

from __future__ import annotations

import importlib
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

_POINTS = (*range(468), 159, 33, 133, 145, 159, 386, 263, 362, 374, 386)


def write_task(path: Path) -> Path:
    """Writes the bundle; raises ImportError where mediapipe has no models inside."""
    mediapipe = importlib.import_module("mediapipe")
    modules = Path(mediapipe.__file__).parent / "modules"
    mesh = modules / "face_landmark" / "face_landmark.tflite"
    detector = modules / "face_detection" / "face_detection_short_range.tflite"
    if not mesh.is_file() or not detector.is_file():
        raise ImportError("this mediapipe has no models inside")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as bundle:  # mediapipe maps the file: no compression
        bundle.writestr("face_detector.tflite", detector.read_bytes())
        bundle.writestr("face_landmarks_detector.tflite", _with_irises(mesh.read_bytes()))
    return path


def _with_irises(model: bytes) -> bytes:
    schema: Any = importlib.import_module("mediapipe.tasks.metadata.schema_py_generated")
    builder = importlib.import_module("flatbuffers").Builder(len(model) + 65536)
    graph = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(bytearray(model), 0))
    sub = graph.subgraphs[0]
    points, presence = sub.outputs
    order = np.array([3 * point + axis for point in _POINTS for axis in range(3)], np.int32)

    buffer = schema.BufferT()
    buffer.data = np.frombuffer(order.tobytes(), np.uint8)
    graph.buffers.append(buffer)
    indices = _tensor(schema, b"order", schema.TensorType.INT32, (len(order),), len(graph.buffers) - 1)
    mesh = _tensor(schema, b"mesh", schema.TensorType.FLOAT32, (1, 1, 1, len(order)), 0)
    sub.tensors += [indices, mesh]

    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.GATHER
    graph.operatorCodes.append(code)
    gather = schema.OperatorT()
    gather.opcodeIndex = len(graph.operatorCodes) - 1
    gather.inputs = np.array([points, len(sub.tensors) - 2], np.int32)
    gather.outputs = np.array([len(sub.tensors) - 1], np.int32)
    gather.builtinOptionsType, gather.builtinOptions = schema.BuiltinOptions.GatherOptions, schema.GatherOptionsT()
    gather.builtinOptions.axis = 3
    sub.operators.append(gather)
    sub.outputs = np.array([len(sub.tensors) - 1, presence], np.int32)
    builder.Finish(graph.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _tensor(schema: Any, name: bytes, kind: int, shape: tuple[int, ...], buffer: int) -> Any:
    tensor = schema.TensorT()
    tensor.name, tensor.type, tensor.shape, tensor.buffer = name, kind, np.array(shape, np.int32), buffer
    return tensor
