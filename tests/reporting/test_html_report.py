"""The report in a browser: complete, on all sizes, with its filters; and what it says where data are missing."""

import re
from html.parser import HTMLParser

import pytest

from kdtoolbox.reporting.html_report import names_of, write_report
from kdtoolbox.reporting.runs import read_run
from tests.reporting.work_dirs import CLASSES, CONFIG, NUM_QUERIES, write_work_dir


@pytest.fixture(scope='module')
def report(run_dir, baseline_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp('report')
    return write_report([run_dir], folder / 'report.html', baseline=baseline_dir, figures=folder / 'figures')


@pytest.mark.parametrize('scheme', ['light', 'dark'])
@pytest.mark.parametrize('size', ['phone', 'desktop'])
def test_it_fits_the_screen_and_its_text_stands_out(opened, report, size, scheme):
    page = opened(report, size, scheme)
    assert page.evaluate('document.documentElement.scrollWidth <= window.innerWidth')
    text, ground = (
        sum(map(int, re.findall(r'\d+', page.evaluate(f'getComputedStyle(document.body).{name}'))[:3]))
        for name in ('color', 'backgroundColor')
    )
    assert (ground > 700 and text < 150) if scheme == 'light' else (ground < 150 and text > 600)
    in_figure = page.evaluate("getComputedStyle(document.querySelector('figure svg text')).fill")
    assert in_figure == page.evaluate('getComputedStyle(document.body).color')


def test_it_fits_a_printed_page(opened, report):
    page = opened(report, 'A4', 'dark')
    page.emulate_media(media='print')
    assert page.evaluate('document.documentElement.scrollWidth') <= 718
    assert page.evaluate('getComputedStyle(document.body).color') == 'rgb(0, 0, 0)'
    assert page.evaluate("getComputedStyle(document.querySelector('nav')).display") == 'none'


def test_every_section_has_what_it_is_for(opened, report):
    page = opened(report)
    headings = page.locator('section > h2').all_inner_texts()
    assert len(headings) == 10
    assert page.locator('p.missing').all_inner_texts() == [
        'Command, commit and versions are not known: kdtoolbox train notes them in the work directory.'
    ]
    assert page.locator('figure').count() == 8
    body = page.inner_text('main')
    for text in ('KLDivergence (temperature 2.0)', '77.8 % (45.3–93.7)', '75.0 %', 'p = ', 'chance', 'seed'):
        assert text in body


def test_the_nearest_clips_are_filtered_by_class_and_by_mistakes(opened, report):
    page = opened(report)
    gallery = page.locator('#run1-nearest')
    cards = gallery.locator('.card:visible')
    assert cards.count() == NUM_QUERIES and gallery.locator('output').inner_text() == '9 shown'
    assert 'Worst first' in page.inner_text('#run1-retrieval')
    assert [card.get_attribute('data-wrong') for card in cards.all()[:3]] == ['', '', None]
    assert gallery.locator('option').all_inner_texts() == ['all', *CLASSES]
    gallery.locator('select').select_option(label=CLASSES[1])
    assert {card.get_attribute('data-group') for card in cards.all()} == {'1'} and cards.count() == 3
    gallery.get_by_text('only mistakes').click()
    assert cards.count() == 1
    gallery.locator('select').select_option('')
    assert cards.count() == 2


def test_clips_move_when_asked_to_and_a_damaged_one_says_that_it_has_no_picture(opened, report):
    page = opened(report)
    gallery = page.locator('#run1-nearest')
    assert gallery.locator('.sprite.absent').count() == 1
    moving = "getComputedStyle(document.querySelector('#run1-nearest .sprite')).animationName"
    assert page.evaluate(moving) == 'none'
    gallery.get_by_text('play all').click()
    assert page.evaluate(moving) == 'frames'
    image = page.evaluate("getComputedStyle(document.querySelector('#run1-nearest .sprite')).backgroundImage")
    assert image.startswith('url("data:image/webp')


def test_names_of_classes_and_files_are_text_and_no_markup(opened, report):
    page = opened(report)
    assert page.locator('main b:not(.mark), main i').count() == 0
    assert CLASSES[1] in page.inner_text('#run1-classes') and 'throw $x$ ball' in page.inner_text('#run1-confusion')


def test_it_asks_for_nothing_from_outside(report):
    outside = []

    class Links(HTMLParser):
        def handle_starttag(self, tag, attributes):
            outside.extend(
                value
                for name, value in attributes
                if name in ('src', 'href', 'xlink:href', 'action') and not value.startswith(('#', 'data:'))
            )

    text = report.read_text(encoding='utf-8')
    Links().feed(text)
    assert outside == [] and not re.search(r'url\((?!#|data:)|@import', text)


def test_ids_are_unique_over_all_figures(report):
    ids = re.findall(r'\bid="([^"]+)"', report.read_text(encoding='utf-8'))
    assert len(ids) == len(set(ids)) > 20


def test_several_trainings_are_compared_with_significance_and_each_is_there_to_unfold(
    opened, run_dir, baseline_dir, tmp_path
):
    page = opened(write_report([baseline_dir, run_dir], tmp_path / 'two.html'), 'phone')
    assert page.evaluate('document.documentElement.scrollWidth <= window.innerWidth')
    rows = page.locator('#compared table').last.locator('tbody tr').all_inner_texts()
    assert len(rows) == 3 and rows[0].startswith('kd') and '+33.3 points' in rows[0] and 'no evidence' in rows[0]
    assert not page.locator('#run2-retrieval').is_visible()
    page.locator('#run2 summary').click()
    assert page.locator('#run2-retrieval').is_visible()


def test_a_training_that_was_not_measured_says_how_to(opened, tmp_path):
    folder = tmp_path / 'kd/20260101_000000/vis_data'
    folder.mkdir(parents=True)
    (folder / 'config.py').write_text(CONFIG)
    page = opened(write_report([tmp_path / 'kd'], tmp_path / 'report.html'))
    said = page.locator('p.missing').all_inner_texts()
    assert len(said) == 11 and sum('--compute' in sentence for sentence in said) >= 7
    assert page.locator('figure').count() == 0


def test_without_labels_the_nearest_clips_and_the_map_are_there(opened, video_files, tmp_path):
    folder = write_work_dir(tmp_path / 'unlabelled', video_files, has_labels=False)
    page = opened(write_report([folder], tmp_path / 'report.html'))
    assert page.locator('#run1-nearest .card').count() == NUM_QUERIES
    assert page.locator('#run1-nearest .right, #run1-nearest .wrong').count() == 0
    assert page.locator('#run1-feature-map svg').count() == 1
    assert 'the test videos have no labels' in page.inner_text('#run1-accuracy')


def test_a_student_that_learned_no_classes_is_not_scored_by_them(video_files, tmp_path):
    folder = write_work_dir(tmp_path / 'features', video_files)
    config = CONFIG.replace('use_labels=True', 'use_labels=False').replace('weight=0.5', 'weight=0')
    (folder / '20260101_000000/vis_data/config.py').write_text(config)
    text = write_report([folder], tmp_path / 'report.html').read_text(encoding='utf-8')
    assert 'not trained to give the classes' in text and 'top-1 accuracy' not in text and 'retrieval top-1' in text


def test_figures_for_papers_are_written_as_svg_and_png(report):
    names = {file.name for file in (report.parent / 'figures').iterdir()}
    assert {'run1-losses.svg', 'run1-losses.png', 'run1-confusion-matrix.png', 'run1-feature-map.svg'} <= names
    assert (report.parent / 'figures/run1-losses.png').read_bytes().startswith(b'\x89PNG')


def test_the_config_is_read_as_data_and_never_run(run_dir, tmp_path):
    folder = tmp_path / 'kd/20260101_000000/vis_data'
    folder.mkdir(parents=True)
    (folder / 'config.py').write_text(f"open('{tmp_path}/run', 'w')\n{CONFIG}")
    with pytest.raises(ValueError, match='no work directory of a training'):
        read_run(tmp_path / 'kd')
    assert not (tmp_path / 'run').exists()


def test_a_folder_of_trainings_is_refused_with_the_names_of_those_in_it(tmp_path):
    (tmp_path / 'all/kd').mkdir(parents=True)
    (tmp_path / 'all/kd/last_checkpoint').write_text('epoch_1.pth')
    with pytest.raises(ValueError, match='the folders in it that are: kd'):
        read_run(tmp_path / 'all')
    with pytest.raises(ValueError, match='no such work directory'):
        read_run(tmp_path / 'none')


def test_a_record_that_is_damaged_is_named_and_the_rest_is_shown(video_files, tmp_path):
    folder = write_work_dir(tmp_path / 'kd', video_files)
    (folder / 'report/videos.npz').write_bytes(b'PK')
    run = read_run(folder)
    assert run.record is None and run.curves.losses and 'videos.npz' in run.problems[0]
    assert 'videos.npz' in write_report([folder], tmp_path / 'r.html').read_text(encoding='utf-8')


def test_names_are_as_short_as_they_can_be():
    assert names_of(['x/a', 'x/b/']) == ['a', 'b']
