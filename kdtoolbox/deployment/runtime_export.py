"""Export of a student to ONNX, torch.export and safetensors; each is run and compared before it is kept."""

import copy
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from kdtoolbox.deployment.clip_network import ClipNetwork
from kdtoolbox.deployment.onnx_files import (
    OUTPUTS,
    batch_of_example,
    convolutions_of,
    open_onnx,
    quantize_onnx,
    quiet_exporter,
    save_onnx,
)
from kdtoolbox.deployment.preprocessing import FILE as PREPROCESSING
from kdtoolbox.deployment.preprocessing import preprocessing_text
from kdtoolbox.deployment.student import Student
from kdtoolbox.deployment.student_folder import CLASSES, save_tensors
from kdtoolbox.safe_files import load_safely, write_aside
from kdtoolbox.terminal import say

ONNX, TORCH_EXPORT, SAFETENSORS = 'onnx', 'torch-export', 'safetensors'
FILES = {ONNX: 'student.onnx', TORCH_EXPORT: 'student.pt2', SAFETENSORS: 'student.safetensors'}
AGREEMENT = 'agreement.json'
INT8_FILE = 'student_int8.onnx'
# Numbers inside -> largest difference over largest value that is accepted.
TOLERANCES = {'float32': 1e-3, 'float16': 2e-2, 'int8': 0.15}
Run = Callable[[Tensor], tuple[Tensor, ...]]


@dataclass(frozen=True)
class Agreement:
    """How far an output of the exported model is from the student's.

    Args:
        output: 'logits' or 'features'.
        largest: of the student's values.
        difference: the largest.
        tolerance: for their ratio.
        same_top1: share of the clips with the same likeliest class; of features nan.
    """

    output: str
    largest: float
    difference: float
    tolerance: float
    same_top1: float

    @property
    def ratio(self) -> float:
        """Largest difference over largest value."""
        return self.difference / max(self.largest, 1e-12)


def export_to(
    student: Student,
    out: str | Path,
    kind: str,
    *,
    clips: Tensor,
    half: bool = False,
    int8: bool = False,
    dynamic_batch: bool = False,
) -> list[Agreement]:
    """Write a student for another runtime, with its preprocessing and classes, into a folder.

    The input of the model is one clip of pixels, (N, 3, T, H, W), RGB, 0-255, float32; its outputs are logits and
    features, which are averaged over the clips of a video.

    Args:
        out: the folder; other files in it stay.
        kind: :data:`ONNX`, :data:`TORCH_EXPORT` or :data:`SAFETENSORS` (weights alone).
        clips: (N, 3, T, H, W) uint8, on which the exported model is compared with the student.
        half: compute in float16.
        int8: weights and activations in 8 bits, of :data:`ONNX` alone; every other one of the clips calibrates the
            ranges, the others are compared.
        dynamic_batch: any number of clips at a time, instead of one.

    Raises:
        ValueError: a library is missing, there are fewer than two clips for int8, the student cannot be exported, or
            the exported model disagrees with it.
    """
    out = Path(out)
    recognizer = copy.deepcopy(student.recognizer).cpu().eval()
    modality = student.preprocessing.get('modality', 'rgb')
    reference = ClipNetwork(copy.deepcopy(recognizer), modality=modality).eval()
    network = ClipNetwork(recognizer, half=half, modality=modality).eval()
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix='.export.', dir=out) as folder:
        file = Path(folder) / FILES[kind]
        at_once = dynamic_batch or kind == SAFETENSORS
        run = _WRITERS[kind](network, file, clips[:1].float(), dynamic_batch)
        if int8:
            assert kind == ONNX and not half  # the command refuses other kinds
            whole, file = file, Path(folder) / INT8_FILE
            found = _quantized(reference, whole, file, clips, at_once=at_once)
            clips = clips[1::2]
        else:
            tolerance = TOLERANCES['float16' if half else 'float32']
            found = compare(reference, run, clips.float(), tolerance=tolerance, at_once=at_once)
        refuse_disagreement(found, f'{kind} in int8' if int8 else kind)
        os.replace(file, out / file.name)
    size = list(clips.shape[1:])
    described = {
        **student.preprocessing,
        # The weights alone go into the network that the preprocessing of the student is for.
        **({} if kind == SAFETENSORS else {'colour': 'RGB', 'modality': 'rgb'}),
        'model': file.name,
        'input': {
            'name': 'clips',
            'shape': ['batch' if dynamic_batch else 1, *size],
            'type': 'float32',
            'values': f'RGB pixels, 0 to 255: {_inside(network)}',
        }
        if kind != SAFETENSORS
        else None,
        'outputs': list(OUTPUTS),
    }
    write_aside(out / PREPROCESSING, preprocessing_text(described))
    classes = {'classes': student.classes, 'learned': student.learned_classes}
    write_aside(out / CLASSES, json.dumps(classes, indent=2, ensure_ascii=False) + '\n')
    write_aside(out / AGREEMENT, json.dumps([asdict(one) for one in found], indent=2) + '\n')
    return found


def _inside(network: ClipNetwork) -> str:
    """What the network does to pixels, in words."""
    steps = ['the normalisation']
    if network.sees_differences:
        steps.insert(0, 'the difference of each frame to the next')
    if network.swaps_colours:
        steps.insert(0, 'the change to BGR')
    return f'{" and ".join(steps)} {"is" if len(steps) == 1 else "are"} inside'


def _quantized(reference: nn.Module, file: Path, out: Path, clips: Tensor, *, at_once: bool) -> list[Agreement]:
    """Write it in 8 bits: whole, or where that disagrees and it has layers on single frames, the 3D layers alone."""
    calibrating, compared = _calibrating(clips), clips[1::2].float()
    run = quantize_onnx(file, out, calibrating)
    found = compare(reference, run, compared, tolerance=TOLERANCES['int8'], at_once=at_once)
    if all(one.ratio <= one.tolerance for one in found):
        return found
    of_clips, of_frames = convolutions_of(file)
    if not of_clips or not of_frames:
        return found
    worst = max(one.ratio for one in found)
    say(
        f'with all layers in 8 bits, outputs differ by up to {worst:.2g} of the largest: the {len(of_frames)} '
        f'convolutions on single frames stay in float, the {len(of_clips)} 3D convolutions are in 8 bits'
    )
    run = quantize_onnx(file, out, calibrating, only_3d=True)
    return compare(reference, run, compared, tolerance=TOLERANCES['int8'], at_once=at_once)


@torch.no_grad()
def compare(reference: nn.Module, run: Run, clips: Tensor, *, tolerance: float, at_once: bool) -> list[Agreement]:
    """How far the outputs of ``run`` are from those of ``reference``.

    Args:
        clips: (N, 3, T, H, W), float32.
        at_once: all in one batch; else one after the other.
    """
    expected = reference(clips)
    batches = [clips] if at_once else clips.split(1)
    answers = [run(batch) for batch in batches]
    found = [torch.cat([answer[index] for answer in answers]) for index in (0, 1)]
    same = (expected[0].argmax(1) == found[0].argmax(1)).double().mean().item()
    return [
        Agreement(
            name,
            largest=expected[index].abs().max().item(),
            difference=(expected[index] - found[index]).abs().max().item(),
            tolerance=tolerance,
            same_top1=same if name == 'logits' else float('nan'),
        )
        for index, name in enumerate(OUTPUTS)
    ]


def refuse_disagreement(found: list[Agreement], kind: str) -> None:
    """Raise ValueError if an output is further off than its tolerance, or not finite."""
    for one in found:
        if not one.ratio <= one.tolerance:
            raise ValueError(
                f'the student as {kind} gives other {one.output}: they differ by up to {one.difference:.3g}, where the '
                f'largest is {one.largest:.3g}; at most {one.tolerance:g} of it is accepted. Nothing is written'
            )


def _calibrating(clips: Tensor) -> Tensor:
    if len(clips) < 2:
        raise ValueError('int8 needs two clips or more, to calibrate on and to compare: give videos, --videos')
    return clips[::2].float()


def made_clips(student: Student, *, number: int = 4) -> Tensor:
    """Clips of moving shades in the student's size, (N, 3, T, H, W) uint8, the same each time.

    Raises:
        ValueError: its preprocessing does not tell the size.
    """
    size, frames = student.preprocessing['size'], student.preprocessing['frames']
    if size is None or frames is None:
        raise ValueError("the student's preprocessing does not tell the size of its clips: give videos, --videos")
    random = np.random.default_rng(0)
    coarse = torch.from_numpy(random.uniform(0, 255, (number, 3, max(2, frames // 2), 6, 6))).float()
    smooth = nn.functional.interpolate(coarse, (frames, *size), mode='trilinear', align_corners=True)
    noise = torch.from_numpy(random.normal(0, 12, tuple(smooth.shape))).float()
    return (smooth + noise).clamp(0, 255).round().to(torch.uint8)


def _write_onnx(network: nn.Module, file: Path, clip: Tensor, dynamic_batch: bool) -> Run:
    save_onnx(network, file, clip, dynamic_batch=dynamic_batch)
    return open_onnx(file)


def _write_torch_export(network: nn.Module, file: Path, clip: Tensor, dynamic_batch: bool) -> Run:
    shapes = {'clips': {0: torch.export.Dim('batch')}} if dynamic_batch else None
    example = batch_of_example(clip, dynamic_batch)
    with quiet_exporter():
        torch.export.save(torch.export.export(network, (example,), dynamic_shapes=shapes), str(file))
        return torch.export.load(str(file)).module()


def _write_safetensors(network: ClipNetwork, file: Path, clip: Tensor, dynamic_batch: bool) -> Run:
    """Weights alone; they are compared in float32, as a float16 network may need a GPU."""
    state = {f'backbone.{name}': value for name, value in network.backbone.state_dict().items()}
    state |= {f'cls_head.{name}': value for name, value in network.head.state_dict().items()}
    save_tensors(state, file)
    again = copy.deepcopy(network)
    again.half_inside = False
    again.backbone.float()
    again.head.float()
    loaded: Mapping[str, Tensor] = load_safely(file, what='exported weights')
    for prefix, module in (('backbone.', again.backbone), ('cls_head.', again.head)):
        part = {name.removeprefix(prefix): value for name, value in loaded.items() if name.startswith(prefix)}
        module.load_state_dict(part, strict=True)
    return again


_WRITERS: dict[str, Callable[..., Run]] = {
    ONNX: _write_onnx,
    TORCH_EXPORT: _write_torch_export,
    SAFETENSORS: _write_safetensors,
}
