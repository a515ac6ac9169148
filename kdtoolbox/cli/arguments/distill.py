"""From a folder of videos to a trained student, in one command."""

import argparse
from pathlib import Path
from typing import cast

from kdtoolbox.cli.arguments.student import at_least_one
from kdtoolbox.plain_files import read_json
from kdtoolbox.safe_files import check_writable

OPTIONS = 'options.json'  # in the run: those that it was begun with
NOT_OF_THE_RUN = 'out', 'resume', 'print_config'
EXAMPLE = 'kdtoolbox distill my_videos --out my_student --teacher torchvision.mobilenet_v2'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('videos', metavar='VIDEOS', help='a folder of videos of any kind, however deep; or of frames')
    parser.add_argument('--out', required=True, metavar='DIR', help='the folder to write')
    _add_networks(parser)
    parser.add_argument(
        '--labels',
        default='auto',
        metavar='FROM',
        help='auto (class folders, where there are any), folders, none, or a JSON file of kdtoolbox prepare folder',
    )
    parser.add_argument(
        '--group-separator',
        default='',
        metavar='TEXT',
        help='what stands before the last TEXT in a name is its recording; none is divided when videos are held out',
    )
    parser.add_argument('--frames', type=at_least_one, default=16, metavar='N', help='of a clip (default 16)')
    parser.add_argument('--size', type=at_least_one, default=112, metavar='PIXELS', help='of a clip (default 112)')
    parser.add_argument(
        '--teacher-size', type=at_least_one, metavar='PIXELS', help="of the teacher's frames (default its own)"
    )
    parser.add_argument(
        '--no-flip', dest='flip', action='store_false', help='never mirror clips: where left and right are classes'
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument('--epochs', type=at_least_one, metavar='N', help='default by the number of videos')
    length.add_argument(
        '--hours', type=float, metavar='H', help='as many epochs as fit, by the measured time of a step'
    )
    parser.add_argument(
        '--baseline',
        action='store_true',
        help='train the same student without the teacher too, to see what the teacher brings; takes twice as long',
    )
    parser.add_argument('--resume', action='store_true', help='go on with an interrupted run in DIR')
    parser.add_argument('--print-config', action='store_true', help='print the config that would be trained, and end')


def _add_networks(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--student',
        default='auto',
        metavar='NAME',
        help='image_stem, r3d18, r2plus1d18, or FILE.py:Class of a registered backbone (default auto: by the number '
        'of videos)',
    )
    parser.add_argument(
        '--teacher',
        default='torchvision.resnet50',
        metavar='NAME',
        help='torchvision.<name>, timm.<name>, transformers.<name or folder>, FILE.py:Class of a registered network, '
        'or a student of kdtoolbox (default torchvision.resnet50)',
    )
    parser.add_argument('--weights', metavar='FILE', help="of the teacher (default the library's, fetched once)")
    parser.add_argument(
        '--layers',
        nargs='+',
        default=[],
        metavar='STUDENT=TEACHER',
        help='compare these layers too, such as backbone.top.1=features.13',
    )


def check_first(args: argparse.Namespace) -> None:
    """Refuse what cannot be meant, before torch is imported."""
    videos, out = Path(args.videos).expanduser(), Path(args.out)
    if not videos.is_dir():
        raise ValueError(f'{args.videos}: there is no such folder of videos')
    check_writable(out / 'config.py')
    if out.resolve() == videos.resolve():
        raise ValueError(f'--out {args.out} is the folder of the videos: name another one')
    if args.hours is not None and not 0 < args.hours < float('inf'):
        raise ValueError(f'--hours {args.hours}: expected a number above 0')
    for layer in args.layers:
        if layer.count('=') != 1:
            raise ValueError(f'--layers {layer}: expected STUDENT=TEACHER, two paths of modules')
    if args.resume and not (out / 'config.py').is_file():
        raise ValueError(f'--resume: {out} holds no run: start one without --resume')
    if args.resume:
        _check_options_of_resume(args, out)
    if not args.resume and not args.print_config and (out / 'config.py').exists():
        raise ValueError(f'{out} holds a run already: go on with it, --resume, or name another --out')


def options_of(args: argparse.Namespace) -> dict[str, object]:
    """What the command was given that decides on the run, as values of JSON."""
    names = vars(_defaults()).keys() - {*NOT_OF_THE_RUN}
    return {name: _plain(name, getattr(args, name)) for name in sorted(names)}


def _plain(name: str, value: object) -> object:
    if name == 'layers':
        return [str(layer) for layer in cast(list, value)]
    if name in ('videos', 'labels', 'weights') and value is not None:
        path = Path(str(value)).expanduser()
        return str(path.resolve() if path.exists() else value)
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)


def _defaults() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(['.', '--out', '.'])


def _check_options_of_resume(args: argparse.Namespace, out: Path) -> None:
    """Refuse options that are not those of the run: they would change nothing."""
    if not (out / OPTIONS).is_file():
        return
    begun, defaults = cast(dict, read_json(out / OPTIONS)), vars(_defaults())
    for name, value in options_of(args).items():
        its = begun.get(name)
        if value in (defaults[name], its) or (name == 'videos' and not Path(str(its)).is_dir()):
            continue
        given = {'videos': f'VIDEOS {value}', 'flip': '--no-flip', 'baseline': '--baseline'}.get(
            name, f'--{name.replace("_", "-")} {value}'
        )
        raise ValueError(
            f'{given}: the run in {out} was begun {"without it" if its in (None, False, "", []) else f"with {its}"}, '
            f'and --resume goes on with what its config.py says. Leave the option out, edit {out / "config.py"}, or '
            'begin another run, with another --out'
        )
