"""What a run depends on beside the configuration: versions, ffmpeg, video readers, devices; found without torch.

Importing torch takes seconds, and fails on some of the machines that the facts are asked of.
"""

import os
import platform
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

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
    """The processor's cores, the GPUs as the driver lists them, and the CUDA that torch was built with."""
    threads = os.environ.get('OMP_NUM_THREADS')
    return {
        'CPU cores': f'{num_cores()} of {os.cpu_count()} usable' + (f', OMP_NUM_THREADS={threads}' if threads else ''),
        'CUDA of torch': f'{cuda_of_torch()}, cuDNN {cudnn_version()}',
        'GPUs': gpus(),
    }


def cuda_of_torch() -> str:
    """The CUDA version in the files of torch; 'none' for a build without CUDA."""
    spec = find_spec('torch')
    if spec is None or spec.origin is None:
        return 'none'
    found = re.search(r"^cuda\b.*= '([\d.]+)'", Path(spec.origin).with_name('version.py').read_text(), re.MULTILINE)
    return found[1] if found else 'none'


def cudnn_version() -> str:
    """The version of the package of cuDNN that torch installs; 'none' without one."""
    packages = (f'nvidia-cudnn-cu{number}' for number in (13, 12, 11))
    return next((found for found in map(package_version, packages) if found != 'not installed'), 'none')


def gpus() -> str:
    """Names and memory of NVIDIA's GPUs."""
    query = ['nvidia-smi', '--query-gpu=name,memory.total', '--format=csv,noheader']
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return 'none that nvidia-smi lists'
    return '; '.join(line.strip() for line in done.stdout.splitlines()) or 'none that nvidia-smi lists'
