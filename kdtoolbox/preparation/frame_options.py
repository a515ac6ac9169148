"""Options of the extracted frames: size, quality, rate and colours."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from kdtoolbox.preparation.frame_folders import FRAME_TEMPLATE

# A JPEG's colours are BT.601, full range. By way of RGB, as asking swscale for the matrix is ignored by ffmpeg 7 and
# done twice by ffmpeg 4.
_TO_JPEG_COLOURS = ('format=rgb24', 'scale=out_color_matrix=bt601:out_range=pc', 'format=yuvj420p')
# After the times are shown each frame gets a time of its own: one that is not later than the last would be left out.
_SHOW_TIMES = ('showinfo', 'settb=1000', 'setpts=N')


@dataclass(frozen=True)
class FrameOptions:
    """How frames are made: ``height`` or ``short_side`` in pixels (the aspect is kept), one of them; ``quality`` is
    ffmpeg's ``-q:v`` (2 best … 31), its default where ``None``; ``frames_per_second`` resamples where given;
    ``as_stored`` makes one JPEG of each stored frame instead of a constant rate.

    Raises:
        ValueError: a value ffmpeg could not use.
    """

    height: int | None = None
    short_side: int | None = None
    quality: int | None = None
    frames_per_second: float | None = None
    as_stored: bool = False

    def __post_init__(self) -> None:
        if (self.height is None) == (self.short_side is None):
            raise ValueError(f'give height or short side, one of them; got {self.height} and {self.short_side}')
        if self.as_stored and self.frames_per_second is not None:
            raise ValueError(
                f'frames as stored keep their own times, fps={self.frames_per_second:g} resamples: give one of them'
            )
        limits = (
            ('height', self.height, 1, 16384),
            ('short side', self.short_side, 1, 16384),
            ('quality', self.quality, 1, 31),
            ('fps', self.frames_per_second, 0.01, 1000),
        )
        for name, value, lowest, highest in limits:
            if value is not None and not lowest <= value <= highest:
                raise ValueError(f'{name} is {value}, expected {lowest} to {highest}')

    def arguments(self, *, has_jpeg_colours: bool = True, passthrough_options: Sequence[str] = ()) -> list[str]:
        """The output options of ffmpeg, for a video whose colours JPEG means likewise or not.

        >>> FrameOptions(height=240).arguments()
        ['-vf', 'scale=-1:240', '-threads', '1', 'image_%05d.jpg']
        """
        side = self.short_side
        size = f'-1:{self.height}' if side is None else f"'if(gt(iw,ih),-1,{side})':'if(gt(iw,ih),{side},-1)'"
        filters = [] if self.frames_per_second is None else [f'fps={self.frames_per_second:g}']
        filters += [f'scale={size}', *([] if has_jpeg_colours else _TO_JPEG_COLOURS)]
        filters += _SHOW_TIMES if self.as_stored else []
        quality = [] if self.quality is None else ['-q:v', str(self.quality)]
        passthrough = passthrough_options if self.as_stored else []
        return ['-vf', ','.join(filters), *quality, *passthrough, '-threads', '1', FRAME_TEMPLATE]

    def settings(self) -> dict[str, float]:
        return {name: value for name, value in asdict(self).items() if value not in (None, False)}
