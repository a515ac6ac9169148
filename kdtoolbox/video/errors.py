"""Errors of video files."""

import errno


class DecodeError(Exception):
    """A video cannot be opened or decoded: the fault of the file, not of the program."""


class DecodeTimeout(DecodeError):
    """No frame for so long that decoding may never end, also when it was tried again.

    Args:
        path: the file.
        seconds: waited without a frame.
    """

    def __init__(self, path: str, seconds: float) -> None:
        self.path, self.seconds = path, seconds
        super().__init__(
            f'{path} is not decoded: no frame within {seconds:g} s, so it hangs, or its disk does. Encode it again: '
            'ffmpeg -i FILE NEW.mp4'
        )

    def __reduce__(self) -> tuple:
        return type(self), (self.path, self.seconds)


class DamagedVideo(DecodeError):
    """The file is whole up to a frame and damaged from there on.

    Args:
        path: the file.
        first_damaged: index of the first frame that cannot be trusted.
        announced: number of frames the file says it has, None where it does not say.
        coding: codec and container, for the message.
    """

    def __init__(self, path: str, first_damaged: int, announced: int | None = None, coding: str = '') -> None:
        self.path = path
        self.announced = announced
        self.coding = coding
        self.first_damaged = first_damaged
        of = '' if announced is None else f' of {announced}'
        super().__init__(
            f'{path} is damaged from frame {first_damaged}{of} on; the frames before it can be read. '
            'Download it again, or keep the whole part: ffmpeg -i FILE -frames:v '
            f'{max(first_damaged, 1)} NEW.mp4' + (f' (it is {coding})' if coding else '')
        )

    def __reduce__(self) -> tuple:
        return type(self), (self.path, self.first_damaged, self.announced, self.coding)


PASSING_ERRORS = {errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN, errno.EHOSTDOWN, errno.ENOTCONN}
"""What network file systems say in a bad moment."""


def is_passing(error: BaseException | None) -> bool:
    """Whether a file system in a bad moment is behind the error, so that it is worth another try."""
    while error is not None:
        if getattr(error, 'errno', None) in PASSING_ERRORS:
            return True
        error = error.__cause__
    return False


class WrongTimeStamps(Exception):
    """The time stamps of packets and frames do not agree, so only decoding in order tells which frame is which."""
