"""Errors of video files."""


class DecodeError(Exception):
    """A video cannot be opened or decoded: the fault of the file, not of the program."""


class DamagedVideo(DecodeError):
    """The file is whole up to a frame and damaged from there on.

    Args:
        path: the file.
        first_damaged: index of the first frame that cannot be trusted.
        announced: number of frames the file says it has, None where it does not say.
    """

    def __init__(self, path: str, first_damaged: int, announced: int | None = None) -> None:
        self.path = path
        self.first_damaged = first_damaged
        of = '' if announced is None else f' of {announced}'
        super().__init__(
            f'{path} is damaged from frame {first_damaged}{of} on; the frames before it can be read. '
            'Download it again, or keep the whole part: ffmpeg -i FILE -frames:v '
            f'{max(first_damaged, 1)} NEW.mp4'
        )


class WrongTimeStamps(Exception):
    """The time stamps of packets and frames do not agree, so only decoding in order tells which frame is which."""
