"""``torchrun`` for tests: its options, agent and environment, but the Pythons that it would start are forked.

To be called in a process of its own (``forked.call``), since the agent's way to start processes is replaced there.
"""

import os
import runpy
import signal
import subprocess
import sys
import traceback
from collections.abc import Sequence
from types import SimpleNamespace

from torch.distributed import run
from torch.distributed.elastic.multiprocessing.subprocess_handler import subprocess_handler


class Forked(subprocess.Popen):
    """``python … SCRIPT.py …``, forked from this process instead of started."""

    def _execute_child(self, args, executable, preexec_fn, close_fds, pass_fds, cwd, env, *rest) -> None:
        self.pid = os.fork()
        self._child_created = True
        if self.pid:
            return
        status = 1
        try:
            os.setsid()  # the agent signals the group
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            os.environ.clear()
            os.environ.update(env)
            script = next(number for number, word in enumerate(args) if word.endswith('.py'))
            sys.argv = list(args[script:])
            runpy.run_path(sys.argv[0], run_name='__main__')
        except SystemExit as ended:
            status = ended.code
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)


def torchrun(words: Sequence[str]) -> None:
    """``torchrun WORDS…``.

    Raises:
        ChildFailedError: a process failed.
    """
    if hasattr(subprocess_handler, 'Popen'):
        subprocess_handler.Popen = Forked
    else:  # torch 2.6
        subprocess_handler.subprocess = SimpleNamespace(Popen=Forked)
    run.main(['--standalone', '--monitor-interval=0.1', *words])
