"""What decodes, with its version: another one may give other pixels."""

from functools import cache
from importlib.metadata import version


@cache
def decoder_version(decoder: str) -> str:
    """Name and version of a decoder: 'pyav', 'decord', or 'jpeg' for folders of frames.

    >>> decoder_version('pyav').split()[:2]
    ['pyav,', 'libavcodec']
    """
    if decoder == 'pyav':
        import av

        return 'pyav, libavcodec {}.{}.{}'.format(*av.library_versions['libavcodec'])
    if decoder == 'jpeg':
        import cv2

        return f'OpenCV {cv2.__version__}'
    return f'{decoder} {version(decoder)}'
