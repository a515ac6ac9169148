"""Tables and progress, at a terminal and in a file."""

import os
import pty
import re
import subprocess
import sys
from contextlib import suppress

from kdtoolbox import terminal
from kdtoolbox.cli.main import main
from kdtoolbox.terminal import Progress, table_text


def at_a_terminal(monkeypatch) -> None:
    """Let standard error be a terminal; pytest puts another in its place between a fixture and the test."""
    monkeypatch.setattr('sys.stderr.isatty', lambda: True, raising=False)
    monkeypatch.setenv('TERM', 'xterm')


def test_the_bar_on_a_terminal_shows_count_and_time_left_and_gives_the_cursor_back(monkeypatch, capsys):
    at_a_terminal(monkeypatch)
    progress = Progress(4)
    progress.update()
    progress.update('epoch 1/2')
    terminal.close_bars()  # as after an error
    text = capsys.readouterr().err
    assert re.search(r'epoch 1/2.*2/4.*left', text)
    assert text.rindex('\x1b[?25h') > text.rindex('\x1b[?25l')
    progress.close()
    assert capsys.readouterr().err == ''


def test_a_message_stands_on_a_line_of_its_own_above_the_bar():
    """On a real terminal: what is drawn of the bar is cleared before the message, not left in front of it."""
    code = (
        "from kdtoolbox import terminal; bar = terminal.Progress(2, what='steps'); bar.update(); "
        "terminal.say('step 1/2: [loss] 0.5'); bar.update(); bar.close()"
    )
    ours, theirs = pty.openpty()
    options = dict(stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, 'TERM': 'xterm', 'COLUMNS': '60'})
    process = subprocess.Popen([sys.executable, '-c', code], **options)
    os.close(theirs)
    shown = b''
    with suppress(OSError):  # Linux says so at the end
        while part := os.read(ours, 4096):
            shown += part
    os.close(ours)
    assert process.wait() == 0
    line = next(line for line in shown.decode().split('\n') if 'loss' in line)
    assert line.rpartition('\x1b[2K')[2].strip() == 'step 1/2: [loss] 0.5'


def test_a_log_file_gets_a_line_now_and_then_with_rate_and_time_left(capsys):
    progress = Progress(2, seconds_between_lines=0)
    progress.update()
    assert re.fullmatch(r'1/2 videos, [\d.]+ a second, \d+ min left\n', capsys.readouterr().err)


def test_a_log_file_gets_no_line_for_each_of_many_steps(capsys):
    progress = Progress(500, what='steps')
    for _ in range(500):
        progress.update()
    progress.close()
    assert capsys.readouterr() == ('', '')


def test_the_rate_is_that_of_this_run_where_some_were_done_before(capsys):
    progress = Progress(10, done=8, seconds_between_lines=0)
    progress._start -= 10  # seconds
    progress.update('epoch 2/2')
    assert capsys.readouterr().err == 'epoch 2/2: 9/10 videos, 0.1 a second, 0 min left\n'


def test_quiet_shows_no_progress(capsys, monkeypatch):
    at_a_terminal(monkeypatch)
    monkeypatch.setitem(terminal._state, 'verbosity', terminal.QUIET)
    progress = Progress(2, seconds_between_lines=0)
    progress.update()
    progress.close()
    assert capsys.readouterr() == ('', '')


def test_a_row_of_a_table_stays_one_line_in_a_file_and_is_folded_to_a_terminal(monkeypatch):
    rows = [('name', 'word ' * 60)]
    assert len(table_text(rows, num_left=2).splitlines()) == 1
    monkeypatch.setattr('sys.stdout.isatty', lambda: True)
    monkeypatch.setenv('COLUMNS', '60')
    lines = table_text(rows, num_left=2).splitlines()
    assert len(lines) > 4 and max(map(len, lines)) <= 60


def test_numbers_are_aligned_to_the_right_and_brackets_are_no_markup():
    lines = table_text([('a [bold]', '1.0'), ('b', '10.0')], header=('', 'top-1')).splitlines()
    assert '[bold]' in lines[-2] and lines[-2].endswith(' 1.0') and lines[-1].endswith('10.0')
    assert len(lines[-2]) == len(lines[-1])


def test_names_from_files_cannot_steer_the_terminal(capsys):
    """Clearing it, naming its window, writing over a line, reversing what is read."""
    evil = 'run\x1b[2J\x1b]0;x\x07\rok\u202etxt'
    terminal.say(f'{evil}\tä\n')
    print(terminal.table_text([[evil, '1']]))
    assert main(['predict', evil, 'a.mp4']) == 2
    for printed in capsys.readouterr():
        assert r'run\x1b[2J\x1b]0;x\x07\rok\u202etxt' in printed
        assert not set(printed) & set('\x1b\x07\r\u202e')
