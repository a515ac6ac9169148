"""Writing a new loss, teacher, connector, data set or plugin from a template, with its test."""

import importlib.util
import keyword
import re
from pathlib import Path
from string import Template

FILES = Path(__file__).parent / 'files'
# Kind -> file of the template -> where it goes; {module} is the name in lower case with underscores.
KINDS = {
    'loss': {'loss.py.txt': '{module}.py', 'test_loss.py.txt': 'test_{module}.py'},
    'teacher': {'teacher.py.txt': '{module}.py', 'test_teacher.py.txt': 'test_{module}.py'},
    'connector': {'connector.py.txt': '{module}.py', 'test_connector.py.txt': 'test_{module}.py'},
    'dataset': {'dataset.py.txt': '{module}.py', 'test_dataset.py.txt': 'test_{module}.py'},
    'plugin': {
        'pyproject.toml.txt': '{module}/pyproject.toml',
        'readme.md.txt': '{module}/README.md',
        'package.py.txt': '{module}/{module}/__init__.py',
        'loss.py.txt': '{module}/{module}/loss.py',
        'test_loss.py.txt': '{module}/tests/test_loss.py',
    },
}
# How a config names the class; a plugin that is installed needs no custom_imports.
USES = {
    'loss': "custom_imports = dict(imports=['{module}']), then in a term: loss=dict(type='{name}')",
    'teacher': "custom_imports = dict(imports=['{module}']), then teacher=dict(type='{name}', num_classes=…)",
    'connector': "custom_imports = dict(imports=['{module}']), then in a term: student_connector=dict(type='{name}', "
    "in_channels='auto', out_channels='auto')",
    'dataset': "custom_imports = dict(imports=['{module}']), then dataset=dict(type='{name}', ann_file=…, data_root=…)",
    'plugin': "pip install ./{module}, then in a term: loss=dict(type='{name}')",
}


def write_start(kind: str, name: str, folder: str | Path) -> tuple[list[Path], str]:
    """Write the files of a new ``kind`` called ``name`` below ``folder``.

    Args:
        kind: a key of :data:`KINDS`.
        name: of the class, such as ``MyLoss``, or of the plugin's package, such as ``my_plugin``. Each form is derived
            from the other.

    Returns:
        The files, and in one line how a config uses the class.

    Raises:
        ValueError: the name is not usable or is taken, or a file exists already. Nothing is written then.
    """
    module, class_name = module_name(name), class_name_of(name)
    if kind == 'plugin':
        class_name += 'Loss'
    _check_free(kind, name, module, class_name)
    values = {
        'name': class_name,
        'function': module_name(class_name),
        'module': module,
        'imported': f'{module}.loss' if kind == 'plugin' else module,
    }
    files = {
        Path(folder) / place.format(module=module): Template((FILES / template).read_text(encoding='utf-8'))
        for template, place in KINDS[kind].items()
    }
    if present := [str(file) for file in files if file.exists()]:
        raise ValueError(f'{", ".join(present)} exists already: choose another name, or another folder with --to')
    for file, template in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(template.substitute(values), encoding='utf-8')
    return list(files), USES[kind].format(module=module, name=class_name)


def module_name(name: str) -> str:
    """A class name as the name of a module.

    >>> module_name('RKDAngle'), module_name('L2Loss'), module_name('my_loss')
    ('rkd_angle', 'l2_loss', 'my_loss')
    """
    return re.sub(r'(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])', '_', name).lower()


def class_name_of(name: str) -> str:
    """The name of a module as a class name; a class name is returned unchanged.

    >>> class_name_of('my_loss'), class_name_of('RKDAngle')
    ('MyLoss', 'RKDAngle')
    """
    return ''.join(part[0].upper() + part[1:] for part in name.split('_') if part)


def _check_free(kind: str, name: str, module: str, class_name: str) -> None:
    if not re.fullmatch(r'[A-Za-z][A-Za-z0-9_]*', class_name):
        raise ValueError(
            f'the name {name!r} of a new {kind}: expected letters, digits and underscores, with a letter first, '
            'such as MyLoss or my_plugin'
        )
    if keyword.iskeyword(module):
        raise ValueError(f'{module!r} is a word of Python itself and no name of a module: choose another one')
    # A module of this name would hide the installed one, or be hidden by it.
    if importlib.util.find_spec(module) is not None:
        raise ValueError(f'there is a Python module {module!r} already: choose another name')
    from kdtoolbox.registry import DATASETS, MODELS  # imports torch, which the help of the command does without

    registry = DATASETS if kind == 'dataset' else MODELS
    if class_name in registry.names():
        raise ValueError(f'the {registry.name} {class_name!r} is registered already: choose another name')
