"""Networks as ONNX files, and running them in ONNX Runtime."""

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import torch
from mmengine.utils import digit_version
from torch import Tensor, nn

OUTPUTS = ('logits', 'features')
INPUT = 'clips'


def save_onnx(
    network: nn.Module, file: Path, example: Tensor, *, dynamic_batch: bool, outputs: Sequence[str] = OUTPUTS
) -> None:
    """Write a network of one input as an ONNX file.

    Args:
        example: an input of the shape to export, its batch 1; with ``dynamic_batch`` any batch can be run.
        outputs: names of what the network gives.

    Raises:
        ValueError: a library is missing.
    """
    require_onnx_runtime()
    with quiet_exporter():
        program = torch.onnx.export(
            network,
            (batch_of_example(example, dynamic_batch),),
            dynamo=True,
            input_names=[INPUT],
            output_names=list(outputs),
            dynamic_shapes=({0: torch.export.Dim('batch')},) if dynamic_batch else None,
            verbose=False,
        )
        assert program is not None  # as torch.export makes one
        program.save(str(file))


def open_onnx(file: Path, *, num_threads: int | None = None) -> Callable[[Tensor], tuple[Tensor, ...]]:
    """A function that runs an ONNX file of :func:`save_onnx` on the CPU: its input -> all its outputs.

    Args:
        num_threads: of an operator; None is as many as there are cores.

    Raises:
        ValueError: ONNX Runtime is missing.
    """
    onnxruntime = require_onnx_runtime()
    options = onnxruntime.SessionOptions()
    if num_threads is not None:
        options.intra_op_num_threads = num_threads
    session = onnxruntime.InferenceSession(str(file), options, providers=['CPUExecutionProvider'])

    def run(inputs: Tensor) -> tuple[Tensor, ...]:
        return tuple(torch.from_numpy(answer) for answer in session.run(None, {INPUT: inputs.numpy()}))

    return run


def quantize_onnx(
    file: Path, out: Path, clips: Tensor, *, only_3d: bool = False
) -> Callable[[Tensor], tuple[Tensor, ...]]:
    """Write an ONNX file of :func:`save_onnx` with weights and activations in 8 bits, and open it.

    Static quantization by ONNX Runtime, per channel; weights have 7 bits of the 8, as sums of products of 8 bits
    saturate on CPUs without VNNI.

    Args:
        out: the file to write.
        clips: inputs that tell the ranges of activations, one after the other.
        only_3d: the 3D convolutions alone, see :func:`convolutions_of`.
    """
    require_onnx_runtime()
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Clips(quantization.CalibrationDataReader):
        """Hands the clips out."""

        def __init__(self) -> None:
            self.left = iter(clips.split(1))

        def get_next(self) -> dict | None:
            clip = next(self.left, None)
            return None if clip is None else {INPUT: clip.numpy()}

    prepared = file.with_suffix('.prepared.onnx')
    with quiet_exporter():
        quant_pre_process(str(file), str(prepared), skip_symbolic_shape=True)
        quantization.quantize_static(
            str(prepared),
            str(out),
            Clips(),
            per_channel=True,
            reduce_range=True,
            activation_type=quantization.QuantType.QUInt8,
            nodes_to_quantize=convolutions_of(prepared)[0] if only_3d else None,
        )
    return open_onnx(out)


def convolutions_of(file: Path) -> tuple[list[str], list[str]]:
    """Names of the 3D convolutions of an ONNX file, and of its others, on single frames.

    The first layers of an image network lose much in 8 bits where they are depthwise, as those of MobileNets.
    """
    import onnx

    graph = onnx.load(str(file), load_external_data=False).graph
    dimensions = {tensor.name: len(tensor.dims) for tensor in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type == 'Conv']
    is_3d = {node.name: dimensions.get(node.input[1]) == 5 for node in convolutions}  # weights (out, in, T, H, W)
    return [name for name, yes in is_3d.items() if yes], [name for name, yes in is_3d.items() if not yes]


LAST_WITHOUT_BATCH_NORM = (2, 6)  # of torch: seen there, and no more in 2.12


def require_onnx_runtime() -> ModuleType:
    """The module onnxruntime.

    Raises:
        ValueError: it, or what torch's exporter is built on, is not installed, or torch is too old.
    """
    if digit_version(torch.__version__)[:2] <= LAST_WITHOUT_BATCH_NORM:
        raise ValueError(
            f'torch {torch.__version__}: its exporter to ONNX fails on batch norms, expected a newer torch'
        )
    try:
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ValueError(f"ONNX needs {error.name}: pip install 'kdtoolbox[onnx]'") from error
    return onnxruntime


def batch_of_example(example: Tensor, dynamic_batch: bool) -> Tensor:
    """torch.export takes a batch of 1 for a constant, so two of them where the batch is to be free."""
    return torch.cat([example, example]) if dynamic_batch else example


@contextmanager
def quiet_exporter() -> Iterator[None]:
    """Without what the exporters say of their own deprecations and steps."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter('ignore')
            yield
    finally:
        logging.disable(before)
