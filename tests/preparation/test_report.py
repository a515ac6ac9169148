"""What is told while it runs and at the end."""

from kdtoolbox import terminal
from kdtoolbox.preparation.report import Report


def test_failures_alone_make_the_exit_status(tmp_path):
    report = Report()
    for status in ('done', 'warning', 'already there', 'passed over'):
        report.add(status, status)
    assert report.exit_status == 0
    report.add('failed', 'x', 'why')
    assert report.exit_status == 1


def test_an_old_report_does_not_outlive_a_run_without_failures(tmp_path):
    (tmp_path / 'report.tsv').write_text('failed\tx\twhy\n')
    Report().close(tmp_path / 'report.tsv')
    assert (tmp_path / 'report.tsv').read_text() == 'status\tvideo\treason\n'


def test_names_of_any_bytes_stay_one_field_of_the_report(tmp_path):
    report = Report()
    report.add('failed', 'a\tb\nc\udce9', 'why')
    report.write(tmp_path / 'report.tsv')
    assert (tmp_path / 'report.tsv').read_text().splitlines()[1] == 'failed\ta\\tb\\nc\\xe9\twhy'


def test_with_v_each_video_is_printed_and_its_reason(capsys, monkeypatch):
    monkeypatch.setitem(terminal._state, 'verbosity', terminal.VERBOSE)
    report = Report()
    report.add('done', 'a.mp4')
    report.add('failed', 'b.mp4', 'why')
    assert capsys.readouterr().out.splitlines() == ['done: a.mp4', 'failed: b.mp4: why']
