"""YAML files of plain values: no tag of a file runs code, no key is given twice."""

from pathlib import Path

import yaml
from mmengine.fileio import BaseFileHandler, register_handler

from kdtoolbox.plain_files import MAX_DEPTH, read_text

NAMES = ('exp_id',)
"""Keys whose values are names, whatever they look like."""
MAX_BYTES = 10**6
MAX_NODES = 50_000
"""Of a file, each as often as an alias (``*name``) stands for it: a few lines of aliases can stand for billions."""
_MISREAD_AS = {f'tag:yaml.org,2002:{kind}' for kind in ('int', 'float', 'bool', 'timestamp')}


def read_yaml(file: str | Path) -> dict:
    """The mapping that a YAML file holds.

    Raises:
        ValueError: the file is not there, is no YAML, asks for Python objects, gives a key twice, or holds no mapping.
    """
    content = parse_yaml(read_text(file, max_bytes=MAX_BYTES), source=str(file))
    if not isinstance(content, dict):
        raise ValueError(f'{file} holds {type(content).__name__}, expected keys and values such as "model:"')
    return content


def parse_yaml(text: str, *, source: str = 'the text') -> object:
    """The plain values of a YAML text.

    Args:
        source: what the text is called in messages.

    Raises:
        ValueError: as :func:`read_yaml`.

    >>> parse_yaml('train: {n_epochs: 45}')
    {'train': {'n_epochs': 45}}
    >>> parse_yaml('run: {exp_id: 2024_01}')
    {'run': {'exp_id': '2024_01'}}
    """
    if len(text) > MAX_BYTES:
        raise ValueError(f'{source} has {len(text)} characters: expected at most {MAX_BYTES} of YAML')
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        _refuse_large(node, source)
        _refuse_repeated_keys(node, source)
        _keep_names(node)
        return None if node is None else _Loader('').construct_document(node)
    except RecursionError as error:
        raise ValueError(f'{source} is nested too deep: expected at most {MAX_DEPTH} lists and mappings') from error
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count('\n') + 1
        raise ValueError(f'{source}, line {line} is not YAML: {error.reason}') from error
    except yaml.constructor.ConstructorError as error:
        raise ValueError(
            f'{source}{_place(error)}: {error.problem}. Only numbers, texts, lists and mappings are read; '
            'a tag such as !!python/object could run code'
        ) from error
    except yaml.YAMLError as error:
        raise ValueError(f'{source} is not YAML: {error}') from error


@register_handler(['yaml', 'yml'])
class SafeYamlHandler(BaseFileHandler):
    """mmengine's handler of YAML files, also those in ``_base_``, after this module is imported.

    Its own handler runs what ``!!python`` tags say. Drop when mmengine > 0.10.7 uses ``yaml.safe_load``
    (mmengine/fileio/handlers/yaml_handler.py).
    """

    def load_from_fileobj(self, file, **kwargs) -> object:
        """The plain values in an open file."""
        return parse_yaml(file.read(), source=getattr(file, 'name', 'the text'))

    def dump_to_fileobj(self, obj, file, **kwargs) -> None:
        """Write plain values to an open file."""
        yaml.safe_dump(obj, file, **kwargs)

    def dump_to_str(self, obj, **kwargs) -> str:
        """Plain values as text."""
        return yaml.safe_dump(obj, **kwargs)


class _Loader(yaml.SafeLoader):
    """SafeLoader that says where a value is that its own conversions stumble over, such as the date 2024-13-01."""

    def construct_object(self, node, deep=False):
        """The value of a node."""
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, LookupError, AttributeError, TypeError, OverflowError) as error:
            kind = node.tag.rpartition(':')[2]
            raise yaml.constructor.ConstructorError(
                None, None, f'{str(node.value)[:60]!r} is no {kind}', node.start_mark
            ) from error


def _refuse_large(node: yaml.Node | None, source: str) -> None:
    """Refuse what is nested too deep, or of which aliases would make too much."""
    level, num_nodes, depth = [node] if node is not None else [], 0, 0
    while level:
        num_nodes += len(level)
        depth += 1
        where = f'{source}, line {level[0].start_mark.line + 1}'
        if depth > MAX_DEPTH:
            raise ValueError(f'{where}: nested too deep: expected at most {MAX_DEPTH} lists and mappings')
        if num_nodes > MAX_NODES:
            raise ValueError(
                f'{where}: with its aliases (*name) it stands for more than {MAX_NODES} values: write it without'
            )
        level = [part for one in level if isinstance(one, yaml.CollectionNode) for part in _parts(one)]


def _parts(node: yaml.CollectionNode) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return node.value


def _refuse_repeated_keys(node: yaml.Node | None, source: str) -> None:
    """YAML itself would take the last of them in silence."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_repeated_keys(item, source)
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise ValueError(
                    f'{source}, line {key.start_mark.line + 1}: the key {key.value!r} is there twice; keep one of them'
                )
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else None)
            _refuse_repeated_keys(value, source)


def _keep_names(node: yaml.Node | None) -> None:
    """Keep names as they are written: YAML reads 2024_01 as 202401, 1:30 as 90, 007 as 7, 2024.10 as 2024.1."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            is_name = isinstance(key, yaml.ScalarNode) and key.value in NAMES
            if is_name and isinstance(value, yaml.ScalarNode) and value.tag in _MISREAD_AS:
                value.tag = 'tag:yaml.org,2002:str'
            _keep_names(value)


def _place(error: yaml.MarkedYAMLError) -> str:
    return f', line {error.problem_mark.line + 1}' if error.problem_mark else ''
