"""From a folder of videos to a trained student, in one command."""

import argparse
import json
from dataclasses import replace
from pathlib import Path

from mmengine.registry import init_default_scope

from kdtoolbox import terminal
from kdtoolbox.cli.arguments import distill as arguments
from kdtoolbox.cli.parser import CommandParser
from kdtoolbox.deployment.student import Student
from kdtoolbox.isolation import quiet_log
from kdtoolbox.recipes.choosing import (
    Wishes,
    choose_recipe,
    epochs_within,
    step_time_of,
    write_baseline,
    write_recipe,
)
from kdtoolbox.recipes.config_text import config_text
from kdtoolbox.recipes.recipe import Recipe, baseline_of, describe
from kdtoolbox.recipes.step_time import in_words
from kdtoolbox.runner.distilled_run import finish_run
from kdtoolbox.safe_files import write_aside

LEFT_OUT = 'videos_report.tsv'


def run(args: argparse.Namespace) -> int:
    if args.print_config:
        with quiet_log():  # which goes to standard output too
            text = config_text(_recipe(args), args.out)
        print(text, end='')
        return 0
    _distill(args)
    return 0


def distill(videos: str | Path, out: str | Path, **options: object) -> Student:
    """Train a student on a folder of videos, as ``kdtoolbox distill`` does; returns it.

    Args:
        videos: the folder.
        out: the folder to write.
        options: of the command, with ``_`` for ``-``: ``student``, ``teacher``, ``weights``, ``labels``, ``frames``,
            ``size``, ``epochs``, ``hours``, ``resume``, …

    Raises:
        ValueError: as the command's messages.
    """
    parser = CommandParser(prog='kdtoolbox.distill')
    arguments.add_arguments(parser)
    args = parser.parse_args([str(videos), '--out', str(out)])
    if unknown := sorted(options.keys() - vars(args).keys()):
        raise ValueError(f'distill() has no option {unknown[0]!r}: expected any of {", ".join(sorted(vars(args)))}')
    for name, value in options.items():
        setattr(args, name, value)
    if args.epochs is not None and args.hours is not None:
        raise ValueError('epochs and hours: give one of them')
    for name in ('frames', 'size', 'teacher_size', 'epochs'):
        value = getattr(args, name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise ValueError(f'{name}={value!r}: expected a whole number of at least 1')
    arguments.check_first(args)
    return _distill(args)


def _distill(args: argparse.Namespace) -> Student:
    init_default_scope('kdtoolbox')
    out = Path(args.out).absolute()
    if not args.resume:
        recipe = _recipe(args)
        out.mkdir(parents=True, exist_ok=True)
        if recipe.survey.left_out:
            write_aside(out / LEFT_OUT, recipe.survey.report())
        config = write_recipe(recipe, out)
        if args.baseline:
            write_baseline(recipe, out)
        write_aside(out / arguments.OPTIONS, json.dumps(arguments.options_of(args), indent=2))
        terminal.say(f'wrote {config}, the whole of what happens now')
    return finish_run(out)


def _recipe(args: argparse.Namespace) -> Recipe:
    """The recipe, told on the console, with the time that it will take."""
    init_default_scope('kdtoolbox')
    wishes = Wishes(
        videos=args.videos,
        student=args.student,
        teacher=args.teacher,
        weights=args.weights,
        labels=args.labels,
        group_separator=args.group_separator,
        frames=args.frames,
        size=args.size,
        teacher_size=args.teacher_size,
        epochs=args.epochs,
        layers=[tuple(layer.split('=')) for layer in args.layers],
        flip=args.flip,
    )
    recipe = choose_recipe(wishes)
    if args.baseline:
        baseline_of(recipe)  # where there can be none, this ends before anything is measured
    if args.print_config and args.hours is None:
        return recipe
    times = step_time_of(recipe)
    if args.hours is not None:
        hours = args.hours / (2 if args.baseline else 1)
        recipe = replace(recipe, epochs=epochs_within(hours, recipe, times))
    seconds = times.training(epochs=recipe.epochs, steps_per_epoch=recipe.steps_per_epoch)
    time = f'about {in_words(seconds)} of training, measured: {times.step:.2f} s a step; then the test'
    time += ', and the baseline, which takes no longer' if args.baseline else ''
    if not args.print_config:
        terminal.say(terminal.table_text([*describe(recipe), ('time', time)], num_left=2) + '\n')
    return recipe
