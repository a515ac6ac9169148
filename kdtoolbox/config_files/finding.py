"""Where the file of a config lies; needs no torch."""

import importlib.util
from pathlib import Path

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
    raise ValueError(f'config {name!r}: no such file. Looked for {", ".join(map(str, places))}')


def packaged_config_folders() -> list[Path]:
    """Where the packaged configs lie: inside the installed package, or ``configs/`` of the checkout."""
    spec = importlib.util.find_spec(PACKAGED_CONFIGS)
    installed = [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []
    checkout = Path(__file__).parents[2] / 'configs'
    return installed + ([checkout] if checkout.is_dir() and checkout not in installed else [])
