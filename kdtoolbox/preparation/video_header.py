"""Reading the header of a video from ffmpeg's output."""

import re
from dataclasses import dataclass

# Demuxers that read text, pictures or lists of other files: what they yield is not the video the user meant.
NOT_VIDEO_FORMATS = {'tty', 'image2', 'concat', 'hls', 'dash', 'lavfi', 'ffmetadata'}
# The matrices that decode as JPEG's does, BT.601; decoders take a video that names none as BT.601 too.
BT601_MATRICES = {'', 'bt470bg', 'smpte170m', 'gbr'}
# Containers without times of presentation: what ffmpeg gives for them begins late by the frames that the decoder holds.
_WITHOUT_TIMES = {'avi', 'h264', 'hevc', 'm4v', 'mpegvideo', 'obu', 'ivf'}
_KINDS = {
    'Video': 'a cover picture',
    'Audio': 'sound',
    'Subtitle': 'subtitles',
    'Data': 'data',
    'Attachment': 'attachments',
}


@dataclass(frozen=True)
class VideoHeader:
    """The header of a video; ``None`` for unknown values."""

    format_names: frozenset[str]
    has_video: bool
    duration_seconds: float | None
    frames_per_second: float | None
    stream_kinds: frozenset[str] = frozenset()
    colour_matrices: frozenset[str] = frozenset()

    def complaint(self) -> str:
        """Why this is not a video, '' if it is one."""
        wrong = {name for name in self.format_names if name in NOT_VIDEO_FORMATS or name.endswith('_pipe')}
        if wrong:
            return f'not a video: ffmpeg reads it as {", ".join(sorted(wrong))}'
        if self.has_video:
            return ''
        kinds = ' and '.join(sorted(_KINDS[kind] for kind in self.stream_kinds))
        return f'no video stream: {kinds or "it holds nothing"}' + (' only' if kinds else '')

    def has_times(self) -> bool:
        """Whether its frames have times; else they follow one another at the frame rate, from 0."""
        return not self.format_names & _WITHOUT_TIMES

    def has_jpeg_colours(self) -> bool:
        """Whether its colours are made with the matrix that JPEG means."""
        return self.colour_matrices <= BT601_MATRICES


def read_header(log: str) -> VideoHeader:
    """Read the header that ``ffmpeg -i`` prints; the frame rate is that of the output where there is one.

    Lines are anchored at their indentation, so that a video's title cannot pass for a header.

    >>> header = read_header("[info] Input #0, avi, from 'x':\\n[info]   Duration: 00:01:04.64, start: 0\\n"
    ...                      "[info]   Stream #0:0: Video: h264, yuv420p(tv, bt709), 320x240, 29.97 fps, 30k tbn")
    >>> header.duration_seconds, header.frames_per_second, header.complaint(), header.has_jpeg_colours()
    (64.64, 29.97, '', False)
    """
    source, _, output = log.replace('[info] ', '').partition('\nOutput #0, ')
    formats = re.search(r"^Input #0, (.+?), from '", source, re.MULTILINE)
    duration = re.search(r'^  Duration: (\d+):(\d+):([\d.]+)', source, re.MULTILINE)
    # ffmpeg 4 indents a stream by four, later ones by two.
    streams = re.findall(r'^ {2,4}Stream #\d.*?: (Video|Audio|Subtitle|Data|Attachment)(: .*|$)', source, re.MULTILINE)
    videos = [line for kind, line in streams if kind == 'Video' and '(attached pic)' not in line]
    rate = re.search(r'^ {2,4}Stream #\d.*?: Video: .* ([\d.]+k?) fps', output or source, re.MULTILINE)
    return VideoHeader(
        format_names=frozenset(formats[1].split(',') if formats else ()),
        has_video=bool(videos),
        duration_seconds=int(duration[1]) * 3600 + int(duration[2]) * 60 + float(duration[3]) if duration else None,
        frames_per_second=float(rate[1].replace('k', 'e3')) if rate else None,
        stream_kinds=frozenset(kind for kind, _ in streams),
        colour_matrices=frozenset(map(_colour_matrix, videos)),
    )


def exact_rate(printed: float) -> float:
    """Frames a second, of which ffmpeg prints two decimals; those of NTSC are whole numbers over 1.001.

    >>> exact_rate(25.0), exact_rate(12.5), round(exact_rate(23.98), 6)
    (25.0, 12.5, 23.976024)
    """
    ntsc = round(printed * 1.001) / 1.001
    return ntsc if printed % 1 and abs(ntsc - printed) <= 0.005 else printed


def _colour_matrix(stream: str) -> str:
    """The matrix that a video stream's line names after its pixel format, '' where it names none.

    >>> _colour_matrix(': h264 (High) (avc1 / 0x31637661), yuv420p10le(tv, bt2020nc/unknown/unknown), 1920x1080')
    'bt2020nc'
    >>> _colour_matrix(': h264 (High), yuv420p(progressive), 64x48'), _colour_matrix(': vp8, yuv420p(tv, bt709), 64x48')
    ('', 'bt709')
    """
    known = 'gbr|bt709|fcc|bt470bg|smpte170m|smpte240m|ycgco|bt2020n?c|smpte2085|chroma-derived-n?c|ictcp|ipt-c2'
    named = re.search(rf', \w+\((?:[^)]*, )?({known})(?:/[^)]*?)?[,)]', stream)
    return named[1] if named else ''
