"""Finding the file of a config by its name; needs no torch."""

import importlib.util
from pathlib import Path

from kdtoolbox.arguments import nearest_names

PACKAGED_CONFIGS = 'kdtoolbox.configs'


def find_config(name: str) -> Path:
    """The file of a config, from the working directory or from those packaged with kdtoolbox.

    Raises:
        ValueError: there is none of that name.
    """
    places = [
        Path(name),
        *(
            folder / Path(name).relative_to('configs') if Path(name).is_relative_to('configs') else folder / name
            for folder in packaged_config_folders()
        ),
    ]
    for place in places:
        for file in (place, place.with_name(f'{place.name}.py')):
            if file.is_file():
                return file
    asked, known = name.removeprefix('configs/').removesuffix('.py'), packaged_configs()
    nearest = [one for one in known if Path(one).name == asked] or nearest_names(asked, known, cutoff=0.8)
    meant = f': did you mean {" or ".join(nearest)}?' if nearest else '.'
    raise ValueError(f'config {name!r}: no such file{meant} Looked for {", ".join(map(str, places))}')


def packaged_config_folders() -> list[Path]:
    """The folders of the packaged configs: inside the installed package, or ``configs/`` of the checkout."""
    spec = importlib.util.find_spec(PACKAGED_CONFIGS)
    installed = [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []
    checkout = Path(__file__).parents[2] / 'configs'
    return installed + ([checkout] if checkout.is_dir() and checkout not in installed else [])


def packaged_configs() -> dict[str, Path]:
    """Name -> file of the experiments and plans of stages, as ``kdtoolbox train NAME`` finds them; no bases.

    Those in YAML are the experiments in the schema of the original code; their names have their ending.
    """
    found: dict[str, Path] = {}
    for folder in packaged_config_folders():
        for file in sorted(
            [*folder.rglob('*.py'), *folder.glob('yaml/*.yml')], key=lambda path: (len(path.parts), path)
        ):
            name = file.relative_to(folder)
            if name.parts[0] != '_base_' and name.stem != '__init__':
                found.setdefault(name.with_suffix('' if file.suffix == '.py' else file.suffix).as_posix(), file)
    return found
