"""The ``kdtoolbox`` command: one sub-command a module of this package."""

import errno
import importlib
import logging
import os
import select
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType

from kdtoolbox import terminal
from kdtoolbox.arguments import missing_arguments
from kdtoolbox.cli.commands import COMMANDS
from kdtoolbox.cli.parser import build_parser

FULL_OR_READ_ONLY = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)
LIBRARIES = ('mmengine.', 'mmaction.', 'mmcv.', 'torch.')
GO_ON = {
    'train': '. The same command with --resume goes on from the last checkpoint',
    'distill': '. The same command with --resume goes on from the last checkpoint',
    'stages': '. The same command goes on where it stopped',
    'sweep': '. The same command goes on where it stopped',
    'experiment': '',
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a sub-command; returns the exit status.

    Errors that are the user's to mend are printed as one message; anything else keeps its traceback.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    # Only the chosen command is read: the others must not cost time, nor be able to break it.
    options = build_parser(chosen=arguments[:1]).parse_args(arguments)
    handlers = _end_politely() if options.command in GO_ON else {}
    terminal.set_verbosity(getattr(options, 'verbosity', None) or terminal.NORMAL)
    try:
        if check_first := getattr(options, 'check_first', None):  # before torch is imported, which takes seconds
            check_first(options)
        command = importlib.import_module(COMMANDS[options.command].module)
        status = command.run(options) or 0
        _leave_processes(status)
        return status
    except OSError as error:
        if isinstance(error, BrokenPipeError) and sys.__stdout__ is not None and _nobody_reads():
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno())  # what Python still has to write
            return 128 + signal.SIGPIPE  # as other programs end behind which head or less has ended
        if error.errno in FULL_OR_READ_ONLY and error.filename is None:
            _complain(f'kdtoolbox {options.command}: a file cannot be written: {error.strerror}')
            return 2
        if error.filename is None or error.strerror is None:  # not of a file: of a socket, a process, …
            raise
        _complain(f'kdtoolbox {options.command}: {error.filename}: {error.strerror}')
        return 2
    except (KeyboardInterrupt, SyntaxError) as error:
        interruption = _interruption(error)
        if interruption is None and (killed := _killed_worker(error)):
            _complain(f'kdtoolbox {options.command}: {_of_a_worker(killed)}{GO_ON.get(options.command, "")}')
            return 2
        if interruption is None:
            raise
        number = getattr(interruption, 'signal', signal.SIGINT)
        words = str(interruption) or 'interrupted'
        _complain(f'kdtoolbox {options.command}: {words}{GO_ON.get(options.command, "")}')
        if getattr(interruption, 'is_of_all_processes', False):
            _leave_processes(128 + number)
        return 128 + number  # as shells say it
    except (ValueError, KeyError) as error:
        message = str(error.args[0] if error.args else error)
        if message.startswith('Caught ') and 'in DataLoader worker' in message and '/kdtoolbox/' in message:
            message = message.rstrip().rpartition('Error: ')[2]  # torch hands on a worker's whole traceback as text
        elif not _is_for_users(error):
            if (of_building := _of_building(error)) is None:
                raise
            message = of_building
        _complain(f'kdtoolbox {options.command}: {message}')
        return 2
    except (TypeError, AssertionError) as error:
        if (of_building := _of_building(error)) is None:
            raise
        _complain(f'kdtoolbox {options.command}: {of_building}')
        return 2
    except RuntimeError as error:
        if _killed_worker(error) is None:
            raise
        _complain(f'kdtoolbox {options.command}: {_of_a_worker(error)}{GO_ON.get(options.command, "")}')
        return 2
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        terminal.close_bars()


def _nobody_reads() -> bool:
    """Whether standard output is a pipe of which the other end is closed."""
    if sys.__stdout__ is None:
        return False
    poll = select.poll()
    poll.register(sys.__stdout__.fileno(), 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _complain(message: str) -> None:
    print(terminal.printable(message), file=sys.stderr)


class _Terminated(KeyboardInterrupt):
    """SIGTERM, outside of a training."""

    signal = signal.SIGTERM


def _end_politely() -> dict:
    """Have SIGTERM end the command as Ctrl-C does, workers and temporary files included; returns what was set before.

    While a training runs, InterruptHook has both signals.
    """
    if threading.current_thread() is not threading.main_thread():
        return {}

    def end(number: int, frame: FrameType | None) -> None:
        raise _Terminated('interrupted (SIGTERM)')

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    signal.signal(signal.SIGTERM, end)
    return before


def _of_a_worker(error: RuntimeError) -> str:
    """What torch says of a data-loading process that is no more, and what may be behind it."""
    words = str(error).splitlines()[0].rstrip('. ')
    return (
        f'{words}: it loads clips, and was killed or crashed. If for want of memory: set a smaller '
        'train_dataloader.num_workers or batch_size'
    )


def _killed_worker(error: BaseException | None) -> RuntimeError | None:
    """torch's error of a data loading worker that died, which mmengine 0.10.7 may make a SyntaxError as well."""
    while error is not None:
        if isinstance(error, RuntimeError) and str(error).startswith('DataLoader worker (pid'):
            return error
        error = error.__cause__ or error.__context__
    return None


def _interruption(error: BaseException | None) -> KeyboardInterrupt | None:
    """The Ctrl-C or SIGTERM behind an error: mmengine 0.10.7 makes one a SyntaxError while it formats the config."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error


def _leave_processes(status: int) -> None:
    """End one of ``torchrun``'s CPU processes, when all of them are done, without tearing the interpreter down.

    A thread of gloo that is still alive then aborts the process ("terminate called without an active exception"), now
    and then, after DDP with find_unused_parameters. Seen with torch 2.12; drop when it is seen no more.
    """
    distributed = sys.modules.get('torch.distributed')  # not imported by commands that need no torch
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return
    if distributed.get_backend() == 'gloo':
        distributed.barrier()
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _of_building(error: BaseException) -> str | None:
    """Words for a class of mmengine or mmaction2 that refuses what its config gives it; None for any other error."""
    built, frame = None, error.__traceback__
    while frame is not None:
        code = frame.tb_frame
        module = str(code.f_globals.get('__name__'))
        if module == 'mmengine.registry.build_functions' and code.f_code.co_name == 'build_from_cfg':
            built = code.f_locals.get('obj_cls')
        elif code.f_code.co_name == '__init__' and not module.startswith(LIBRARIES):
            built = None
        frame = frame.tb_next
    if built is None:
        return None
    lacking = missing_arguments(error) if isinstance(error, TypeError) else None
    name = getattr(built, '__name__', str(built))
    return lacking or f'{name} cannot be built from its config: {error or type(error).__name__}'


def _is_for_users(error: BaseException | None) -> bool:
    """Whether kdtoolbox raised the error on purpose, be it that mmengine wrapped it on its way up."""
    while error is not None:
        frame = error.__traceback__
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        if frame is not None and frame.tb_frame.f_globals.get('__name__', '').startswith('kdtoolbox.'):
            return True
        error = error.__cause__ or error.__context__
    return False


if __name__ == '__main__':
    sys.exit(main())
