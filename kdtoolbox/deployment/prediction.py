"""What a student says of a video."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Prediction:
    """The likeliest classes of a video or of a part of it.

    Args:
        video: its path.
        classes: names, the likeliest first; none where the video cannot be read.
        probabilities: of these classes.
        seconds: (start, end) of a window; None is the whole video.
        error: why the video cannot be read, else ''.
    """

    video: str
    classes: tuple[str, ...] = ()
    probabilities: tuple[float, ...] = ()
    seconds: tuple[float, float] | None = None
    error: str = ''

    def __str__(self) -> str:
        if self.error:
            return f'{self.video}: {self.error}'
        answers = ', '.join(f'{name} {share:.2f}' for name, share in zip(self.classes, self.probabilities))
        place = '' if self.seconds is None else f' {self.seconds[0]:.1f}–{self.seconds[1]:.1f} s'
        return f'{self.video}{place}: {answers}'
