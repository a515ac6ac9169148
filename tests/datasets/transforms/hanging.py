"""Readers that hang or die, as decoders do on some files; made in other processes too, so in a module of their own."""

import ctypes
import os
import time

from kdtoolbox.video import VideoReader


class Slow(VideoReader):
    """A frame every 0.15 s, as from a slow disk."""

    def __init__(self, path, *, on_frame):
        def slowly():
            time.sleep(0.15)
            on_frame()

        super().__init__(path, on_frame=slowly)


class HangsHere(VideoReader):
    """Hangs in the process of the test, as in a bad moment, and in no other."""

    def __init__(self, path, *, on_frame):
        if os.environ.get('KDTOOLBOX_TEST') == str(os.getpid()):
            time.sleep(1)
            on_frame()
        super().__init__(path, on_frame=on_frame)


class HoldsTheInterpreter(VideoReader):
    """Hangs in native code without giving the interpreter to other threads."""

    def __init__(self, path, *, on_frame):
        ctypes.PyDLL(None).sleep(60)


class Dies(VideoReader):
    """Takes its process with it."""

    def __init__(self, path, *, on_frame):
        os.kill(os.getpid(), 11)


class Raises(VideoReader):
    """A fault of the program and not of the file."""

    def __init__(self, path, *, on_frame):
        raise ZeroDivisionError
