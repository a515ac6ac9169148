"""Videos whose frames carry their number, in the encodings and containers that people have.

Made with the ffmpeg that imageio-ffmpeg carries, and read by it in order for the truth: neither is the library under
test, nor is it the machine's own.
"""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import imageio_ffmpeg
import numpy as np

NUM_FRAMES, WIDTH, HEIGHT, FPS = 72, 96, 64, 25
X264 = ('-c:v', 'libx264', '-preset', 'ultrafast', '-bf', '3', '-g', '24', '-pix_fmt', 'yuv420p')
X264_OPEN = (
    '-c:v',
    'libx264',
    '-preset',
    'veryfast',
    '-bf',
    '3',
    '-g',
    '16',
    '-x264-params',
    'open-gop=1',
    '-pix_fmt',
    'yuv420p',
)
X265 = (
    '-c:v',
    'libx265',
    '-preset',
    'ultrafast',
    '-x265-params',
    'log-level=none:keyint=24:bframes=3:open-gop=0:pools=1',
)
X265_OPEN = (
    '-c:v',
    'libx265',
    '-preset',
    'ultrafast',
    '-x265-params',
    'log-level=none:keyint=16:bframes=3:open-gop=1:pools=1',
)
MPEG4_B = ('-c:v', 'mpeg4', '-bf', '2', '-g', '20', '-q:v', '3')
XVID_B = ('-c:v', 'libxvid', '-bf', '2', '-g', '20', '-q:v', '3')
MPEG2 = ('-c:v', 'mpeg2video', '-bf', '2', '-g', '15', '-q:v', '3')
SVT = ('-c:v', 'libsvtav1', '-preset', '10', '-crf', '12', '-g', '24', '-svtav1-params', 'lp=1')
# Frames that are decoded but never shown.
HIDDEN_FRAMES = ('-auto-alt-ref', '1', '-lag-in-frames', '16')
WITH_HIDDEN_FRAMES = (*HIDDEN_FRAMES, '-g', '24', '-b:v', '300k', '-deadline', 'good', '-cpu-used', '5')
VP9 = ('-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-g', '24', '-b:v', '300k')


@dataclass(frozen=True)
class Kind:
    """How a video is made: encoded into ``first``, then, if there are, remuxed by ``copy`` options to the next file."""

    file: str
    encode: tuple[str, ...]
    copy: tuple[tuple[str, str, tuple[str, ...]], ...] = ()  # (file, options before -i, options behind it)
    is_whole: bool = True  # shows frames 0 ... NUM_FRAMES - 1, each once
    filters: str = ''
    sound_seconds: float | None = None
    size: tuple[int, int] = field(default=(WIDTH, HEIGHT))


def _cut(file: str, start: str = '1.4') -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    return ((file, f'-ss {start}', ()),)


KINDS = {
    'h264_mp4': Kind('x.mp4', X264),
    'h264_mp4_no_b_frames': Kind('x.mp4', (*X264, '-bf', '0')),
    'h264_mp4_open_gop': Kind('x.mp4', X264_OPEN),
    'h264_mkv_open_gop': Kind('x.mkv', X264_OPEN),
    'h264_mp4_every_frame_a_key': Kind('x.mp4', (*X264, '-bf', '0', '-g', '1')),
    'h264_mp4_every_second_a_key': Kind('x.mp4', (*X264, '-g', '2')),
    'h264_mp4_intra_refresh': Kind('x.mp4', (*X264, '-bf', '0', '-x264-params', 'intra-refresh=1:keyint=24')),
    'h264_mp4_one_key_frame': Kind('x.mp4', (*X264, '-g', '1000')),
    'h264_mp4_10_bit': Kind('x.mp4', (*X264, '-pix_fmt', 'yuv420p10le')),
    'h264_mp4_444': Kind('x.mp4', (*X264, '-pix_fmt', 'yuv444p')),
    'h264_mp4_interlaced': Kind('x.mp4', (*X264, '-flags', '+ilme+ildct')),
    'h264_mp4_odd_size': Kind('x.mp4', (*X264, '-pix_fmt', 'yuv444p'), size=(95, 63)),
    'h264_mp4_fragments': Kind('x.mp4', (*X264, '-movflags', 'frag_keyframe+empty_moov')),
    'h264_mp4_negative_offsets': Kind('x.mp4', (*X264, '-movflags', 'negative_cts_offsets')),
    'h264_mp4_no_edit_list': Kind('x.mp4', (*X264, '-use_editlist', '0')),
    'h264_mp4_29.97': Kind('x.mp4', X264, filters='settb=1001/30000,setpts=N'),
    'h264_mkv': Kind('x.mkv', X264),
    'h264_mkv_29.97': Kind('x.mkv', X264, filters='settb=1001/30000,setpts=N'),
    'h264_mov': Kind('x.mov', X264),
    'h264_ts': Kind('x.ts', X264),
    'h264_avi': Kind('x.avi', X264),
    'h264_flv': Kind('x.flv', X264),
    'h264_raw': Kind('x.h264', X264),
    'h264_avi_to_mp4': Kind('x.avi', X264, (('y.mp4', '', ()),)),
    'hevc_mp4': Kind('x.mp4', X265),
    'hevc_mov_as_phones': Kind('x.mov', (*X265_OPEN, '-tag:v', 'hvc1')),
    'hevc_mkv_open_gop': Kind('x.mkv', X265_OPEN),
    'hevc_ts_open_gop': Kind('x.ts', X265_OPEN),
    'hevc_mp4_10_bit': Kind('x.mp4', (*X265, '-pix_fmt', 'yuv420p10le')),
    'mpeg4_avi': Kind('x.avi', (*MPEG4_B, '-bf', '0')),
    'mpeg4_avi_b_frames': Kind('x.avi', MPEG4_B),
    'mpeg4_mp4_b_frames': Kind('x.mp4', MPEG4_B),
    'mpeg4_avi_to_mp4': Kind('x.avi', MPEG4_B, (('y.mp4', '', ()),)),
    'xvid_avi_b_frames': Kind('x.avi', XVID_B, is_whole=False),
    'xvid_mp4_b_frames': Kind('x.mp4', XVID_B, is_whole=False),
    'xvid_avi_packed': Kind('x.avi', (*XVID_B, '-flags', '+mv4'), is_whole=False),
    'mpeg1_mpg': Kind('x.mpg', ('-c:v', 'mpeg1video', '-bf', '2', '-g', '15', '-q:v', '3')),
    'mpeg2_mpg': Kind('x.mpg', MPEG2),
    'mpeg2_vob': Kind('x.vob', MPEG2),
    'mpeg2_ts': Kind('x.ts', MPEG2),
    'mpeg2_mkv': Kind('x.mkv', MPEG2),
    'vp8_webm': Kind('x.webm', ('-c:v', 'libvpx', *WITH_HIDDEN_FRAMES)),
    'vp9_webm': Kind('x.webm', VP9),
    'vp9_webm_alt_ref': Kind('x.webm', ('-c:v', 'libvpx-vp9', *WITH_HIDDEN_FRAMES)),
    'vp9_mp4': Kind('x.mp4', VP9),
    'av1_mp4': Kind('x.mp4', SVT),
    'av1_mkv': Kind('x.mkv', SVT),
    'mjpeg_avi': Kind('x.avi', ('-c:v', 'mjpeg', '-q:v', '3', '-pix_fmt', 'yuvj420p')),
    'mjpeg_mov': Kind('x.mov', ('-c:v', 'mjpeg', '-q:v', '3', '-pix_fmt', 'yuvj420p')),
    'wmv2_asf': Kind('x.wmv', ('-c:v', 'wmv2', '-g', '20', '-q:v', '3')),
    'msmpeg4_avi': Kind('x.avi', ('-c:v', 'msmpeg4', '-g', '20', '-q:v', '3')),
    'flv1_flv': Kind('x.flv', ('-c:v', 'flv', '-g', '20', '-q:v', '3')),
    'theora_ogv': Kind('x.ogv', ('-c:v', 'libtheora', '-g', '20', '-q:v', '8')),
    'gif': Kind(
        'x.gif',
        (
            '-c:v',
            'gif',
        ),
    ),
    'ffv1_mkv': Kind('x.mkv', ('-c:v', 'ffv1', '-pix_fmt', 'yuv420p')),
    'prores_mov': Kind('x.mov', ('-c:v', 'prores', '-pix_fmt', 'yuv422p10le')),
    'h263_3gp': Kind('x.3gp', ('-c:v', 'h263', '-g', '20', '-q:v', '3'), size=(176, 144)),
    'sound_longer': Kind('x.mp4', X264, sound_seconds=6.0),
    'sound_longer_avi': Kind('x.avi', MPEG4_B, sound_seconds=6.0),
    'late_picture_mp4': Kind('x.mp4', X264, filters='setpts=PTS+2/TB', sound_seconds=5.0),
    'late_picture_mkv': Kind('x.mkv', X264, filters='setpts=PTS+2/TB', sound_seconds=5.0),
    'variable_rate_mp4': Kind('x.mp4', X264, filters="setpts='round((N+4*gt(N,20)*(N-20))/25/TB)'"),
    'variable_rate_mkv': Kind('x.mkv', X264_OPEN, filters="setpts='round((N+4*gt(N,20)*(N-20))/25/TB)'"),
    'rotated_90': Kind('x.mp4', X264, (('y.mp4', '-display_rotation 90', ()),)),
    'rotated_180': Kind('x.mp4', X264, (('y.mp4', '-display_rotation 180', ()),)),
    'rotated_270_mov': Kind('x.mov', X264, (('y.mov', '-display_rotation 270', ()),)),
    'mirrored': Kind('x.mp4', X264, (('y.mp4', '-display_hflip', ()),)),
    'mirrored_and_rotated': Kind('x.mp4', X264, (('y.mp4', '-display_rotation 90 -display_vflip', ()),)),
    'cut_by_copy_mp4': Kind('x.mp4', X264, _cut('y.mp4'), is_whole=False),
    'cut_by_copy_mkv': Kind('x.mp4', X264, _cut('y.mkv'), is_whole=False),
    'cut_by_copy_ts': Kind('x.mp4', X264, _cut('y.ts'), is_whole=False),
    'cut_by_copy_mp4_open_gop': Kind('x.mp4', X264_OPEN, _cut('y.mp4'), is_whole=False),
    'cut_by_copy_mkv_hevc_open_gop': Kind('x.mkv', X265_OPEN, _cut('y.mkv'), is_whole=False),
    'cut_by_copy_mov_hevc_open_gop': Kind('x.mov', X265_OPEN, _cut('y.mov'), is_whole=False),
    'cut_by_copy_avi': Kind('x.avi', MPEG4_B, _cut('y.avi'), is_whole=False),
    'cut_by_copy_mpg': Kind('x.mpg', MPEG2, _cut('y.mpg'), is_whole=False),
    'end_cut_by_copy_mp4': Kind('x.mp4', X264_OPEN, (('y.mp4', '', ('-t', '1.5')),), is_whole=False),
    'joined_mp4': Kind('x.mp4', X264, (('join.mp4', 'join', ()),), is_whole=False),
    'joined_mkv_open_gop': Kind('x.mkv', X264_OPEN, (('join.mkv', 'join', ()),), is_whole=False),
    'joined_ts': Kind('x.ts', X264, (('join.ts', 'bytes', ()),), is_whole=False),
    'joined_mpg': Kind('x.mpg', MPEG2, (('join.mpg', 'bytes', ()),), is_whole=False),
}


def numbered_frames(
    size: tuple[int, int] = (WIDTH, HEIGHT), num_frames: int = NUM_FRAMES, first: int = 0
) -> np.ndarray:
    """(F, H, W) uint8: frame i carries i in eight blocks of 10 x 20 pixels, least bit first, white is 1."""
    width, height = size
    frames = np.full((num_frames, height, width), 60, np.uint8)
    frames[:, 40:52, 8:40] = np.linspace(20, 220, 32).astype(np.uint8)  # not symmetric: mirrored frames differ
    for number, frame in enumerate(frames, first):
        for bit in range(8):
            frame[8:28, 8 + 10 * bit : 18 + 10 * bit] = 255 * (number >> bit & 1)
    return frames


def run_ffmpeg(*arguments: str, folder: Path, stdin: bytes = b'') -> bytes:
    """What the bundled ffmpeg writes to its standard output."""
    run = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), '-y', '-v', 'error', *arguments],
        cwd=folder,
        input=stdin,
        capture_output=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr.decode(errors='replace')
    return run.stdout


def make_video(kind: Kind, folder: Path) -> Path:
    """Encode the numbered frames as ``kind`` says."""
    frames = numbered_frames(kind.size)
    sound = () if kind.sound_seconds is None else ('-f', 'lavfi', '-i', f'sine=duration={kind.sound_seconds}')
    run_ffmpeg(
        '-f',
        'rawvideo',
        '-pix_fmt',
        'gray',
        '-s',
        '{}x{}'.format(*kind.size),
        '-r',
        str(FPS),
        '-i',
        '-',
        *sound,
        *(('-vf', kind.filters, '-fps_mode', 'passthrough', '-enc_time_base', 'filter') if kind.filters else ()),
        '-threads',
        '1',
        *kind.encode,
        kind.file,
        folder=folder,
        stdin=frames.tobytes(),
    )
    file = kind.file
    for name, before, behind in kind.copy:
        if before == 'join':
            (folder / 'list.txt').write_text(f'file {file}\nfile {file}\n')
            run_ffmpeg('-f', 'concat', '-i', 'list.txt', '-c', 'copy', name, folder=folder)
        elif before == 'bytes':
            (folder / name).write_bytes((folder / file).read_bytes() * 2)
        else:
            run_ffmpeg(*before.split(), '-i', file, '-c', 'copy', *behind, name, folder=folder)
        file = name
    return folder / file


def frames_in_order(video: Path, size: tuple[int, int]) -> np.ndarray:
    """(F, H, W) grey, upright, each frame once, in the order in which the bundled ffmpeg shows them."""
    raw = run_ffmpeg(
        '-i',
        video.name,
        '-map',
        '0:v:0',
        '-fps_mode',
        'passthrough',
        '-f',
        'rawvideo',
        '-pix_fmt',
        'gray',
        '-',
        folder=video.parent,
    )
    return np.frombuffer(raw, np.uint8).reshape(-1, size[1], size[0])


def number_of(frame: np.ndarray) -> int:
    """The number that an upright grey frame (H, W) carries."""
    return sum(1 << bit for bit in range(8) if frame[13:23, 11 + 10 * bit : 15 + 10 * bit].mean() > 128)
