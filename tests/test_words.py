"""Code and pages use plain words: none of the phrases that readers with English as a second language stumble over."""

import re

import pytest

from tests.conftest import REPOSITORY

# Phrase -> what to write instead.
PHRASES = {
    r'\b(where|wherever) (it|they|these|the data|the data sets) lies?\b': 'where it is, its folder, its path',
    r'\b(lies?) (in|within|behind|beside|inside)\b': 'is in, is behind',
    r'\b(is|are|be) told apart\b|\btells? \w+ apart\b': 'distinguish, classify',
    r'\basks? it\b': 'get, read, need',
    r'\bbelieve': 'keep, trust, apply',
    r'\bwhom\b': 'which, whose',
    r'\b(lean|leans|leaning) on\b': 'refer to, depend on',
    r'\b(it|which) is said\b': 'a warning says, the message says',
    r'\blistens? (to|behind)\b': 'tap',
    r'\banew\b': 'again, new',
    r'\blest\b': 'so that … not',
    r'\bwhoever\b': 'the person who, any',
    r'\bas ever\b': 'as before',
}
PATTERNS = ('kdtoolbox/**/*.py', 'kdtoolbox/**/*.txt', 'configs/**/*.py', 'docs/**/*.md', 'examples/**/*.md', '*.md')
FILES = sorted(path for pattern in PATTERNS for path in REPOSITORY.glob(pattern) if path.name != 'CHANGELOG.md')


def as_read(text: str) -> str:
    """On one line, with the parts of a message that is longer than a line joined."""
    return re.sub(r"(?<=[ \w])' f?'", '', ' '.join(text.split()))


def test_a_message_on_two_lines_is_read_as_one():
    assert as_read("f'2 or more, which are told '\n    'apart; tap'") == "f'2 or more, which are told apart; tap'"


@pytest.mark.parametrize('phrase', PHRASES)
def test_no_text_has_the_phrase(phrase):
    found = [
        f'{path.relative_to(REPOSITORY)}: … {text[max(0, match.start() - 40) : match.end() + 40]} …'
        for path in FILES
        for text in [as_read(path.read_text(encoding='utf-8'))]
        for match in re.finditer(phrase, text, flags=re.IGNORECASE)
    ]
    assert not found, f'write {PHRASES[phrase]} instead:\n' + '\n'.join(found)


def test_the_glossary_has_one_line_for_each_word():
    words = re.findall(r'^\| ([\w ]+) \| (.+) \|$', (REPOSITORY / 'docs/glossary.md').read_text(), flags=re.MULTILINE)
    names = [word for word, _ in words]
    assert len(set(names)) == len(names)
    wanted = 'view tap term connector gate probe role teacher student gallery query clip segment'
    assert set(wanted.split()) <= set(names)
