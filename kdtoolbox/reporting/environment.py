"""What a run depends on beside the configuration: versions, ffmpeg, video readers, devices."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version

import kdtoolbox
from kdtoolbox.preparation.ffmpeg import find_ffmpeg
from kdtoolbox.preparation.parallel import num_cores

PACKAGES = ('torch', 'torchvision', 'mmengine', 'mmcv-lite', 'mmaction2', 'numpy', 'opencv-python-headless', 'timm')
DECODERS = ('av', 'decord', 'torchcodec', 'imageio-ffmpeg')


def environment() -> dict[str, str]:
    """Name -> version or description, in the order to be read."""
    facts = {
        'kdtoolbox': kdtoolbox.__version__,
        'python': platform.python_version(),
        'system': platform.platform(),
    }
    facts |= {package: package_version(package) for package in (*PACKAGES, *DECODERS)}
    return {**facts, 'ffmpeg': ffmpeg_version(), **devices()}


def package_version(package: str) -> str:
    """The version of an installed package.

    >>> package_version('no-such-package')
    'not installed'
    """
    try:
        return version(package)
    except PackageNotFoundError:
        return 'not installed'


def ffmpeg_version() -> str:
    """Version and place of the ffmpeg that preparation uses."""
    try:
        executable = find_ffmpeg()
        done = subprocess.run([executable, '-version'], capture_output=True, text=True, timeout=20, check=True)
    except (ValueError, OSError, subprocess.SubprocessError) as error:
        return f'not usable: {error}'
    return f'{done.stdout.partition("Copyright")[0].removeprefix("ffmpeg version").strip()} ({executable})'


def devices() -> dict[str, str]:
    """The processor's cores and the GPUs, as torch sees them."""
    import torch

    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {
        'CPU cores': f'{num_cores()} to be used of {os.cpu_count()}, {torch.get_num_threads()} threads of torch',
        'CUDA of torch': f'{torch.version.cuda or "none"}, cuDNN {torch.backends.cudnn.version() or "none"}',
        'GPUs': ', '.join(gpus) or 'none',
    }
