"""Arguments that a class takes, and suggestions for unknown names ("did you mean")."""

import ast
import difflib
import functools
import inspect
import re
import textwrap
from collections.abc import Callable, Iterable


def nearest_names(name: str, known: Iterable[str], *, num: int = 3, cutoff: float = 0.5) -> list[str]:
    """The known names most similar to ``name``, best first: similar letters, or the initials of its words.

    >>> nearest_names('learning_rate', ['lr', 'momentum'])
    ['lr']
    >>> nearest_names('datarot', ['data_root', 'data_prefix', 'seed'], num=1)
    ['data_root']
    """
    known = list(known)
    initials = ''.join(word[0] for word in name.split('_') if word)
    short = [one for one in known if len(one) > 1 and one == initials]
    return (short + [one for one in difflib.get_close_matches(name, known, n=num, cutoff=cutoff) if one not in short])[
        :num
    ]


def did_you_mean(name: str, known: Iterable[str], *, what: str = 'it takes') -> str:
    """The end of a message about an unknown name: the nearest ones, or all.

    >>> did_you_mean('wieghts', ['weights', 'view'])
    "did you mean 'weights'?"
    >>> did_you_mean('zzz', ['weights', 'view'])
    'it takes weights, view'
    >>> did_you_mean('zzz', [])
    'it takes none'
    """
    known = list(known)
    nearest = nearest_names(name, known)
    return f'did you mean {" or ".join(map(repr, nearest))}?' if nearest else f'{what} {", ".join(known) or "none"}'


@functools.cache
def arguments_of(thing: Callable) -> tuple[tuple[str, ...], bool]:
    """Names of the arguments of a class or function, and whether others may be given too.

    If a class passes ``**kwargs`` to its bases, the arguments of the bases count too, and so do keys that it takes out
    of ``**kwargs`` by name. ``**kwargs`` that it never uses do not count.
    """
    if not inspect.isclass(thing):
        names, rest = _parameters(thing)
        return (names or ()), names is None or rest is not None
    found: list[str] = []
    for one in thing.__mro__:
        init = vars(one).get('__init__')
        if init is None:
            continue
        if one is object or (one.__module__, one.__name__) == ('torch.nn.modules.module', 'Module'):
            break
        names, rest = _parameters(init)
        if names is None:
            return tuple(found), True
        found += [name for name in names[1:] if name not in found]
        if rest is None:
            break
        taken, goes_on = _uses(init, rest)
        if taken is None:
            return tuple(found), True
        found += [name for name in taken if name not in found]
        if not goes_on:
            break
    return tuple(found), False


def unknown_argument(thing: Callable, name: str) -> str | None:
    """A message that says why the argument is wrong; None if the class takes it.

    If a class takes any argument, a name that is very similar to one of its own is still reported as a typing error.

    >>> def function(weights, view=None): ...
    >>> unknown_argument(function, 'wieghts')
    "function has no argument 'wieghts': did you mean 'weights'?"
    """
    names, is_open = arguments_of(thing)
    if name in names or (is_open and not nearest_names(name, names, cutoff=0.85)):
        return None
    return f'{thing.__name__} has no argument {name!r}: {did_you_mean(name, names)}'


def missing_arguments(error: TypeError) -> str | None:
    """A message that says what a class needs that its config does not give; None if the error is another.

    >>> missing_arguments(TypeError("Hook.__init__() missing 1 required keyword-only argument: 'interval'"))
    "Hook needs 'interval', which its config does not give"
    """
    match = re.fullmatch(r'(\w+)\.__init__\(\) missing \d+ required [\w-]+ arguments?: (.+)', str(error))
    return None if match is None else f'{match[1]} needs {match[2]}, which its config does not give'


def _parameters(function: Callable) -> tuple[tuple[str, ...] | None, str | None]:
    """The parameter names, and the name of ``**kwargs``, None without one."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):  # built in C
        return None, None
    rest = next((one.name for one in parameters if one.kind is one.VAR_KEYWORD), None)
    return tuple(one.name for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)), rest


def _uses(function: Callable, rest: str) -> tuple[list[str] | None, bool]:
    """Keys taken out of ``**rest`` (None if the code does not show them), and whether it is passed to a base."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))
    except (OSError, TypeError, SyntaxError):
        return None, False
    taken: list[str] = []
    known = handed = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            function_name, owner = node.func.attr, node.func.value
            if function_name in ('pop', 'get', 'setdefault') and _is_name(owner, rest):
                known += 1
                taken += [str(node.args[0].value)] if isinstance(node.args[0], ast.Constant) else []
            elif function_name == '__init__':
                handed += sum(keyword.arg is None and _is_name(keyword.value, rest) for keyword in node.keywords)
        elif (
            isinstance(node, ast.Compare)
            and isinstance(node.left, ast.Constant)
            and _is_name(node.comparators[0], rest)
        ):
            known += 1
            taken.append(str(node.left.value))
    uses = sum(_is_name(node, rest) for node in ast.walk(tree))
    return (taken if uses == known + handed else None), handed > 0


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name
