"""One JSON file of all parts of benchmarks/gpu.sh.

python -m benchmarks.gpu_summary OUT_DIR [--device cuda]
"""

import argparse
import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import torch

from benchmarks.machine import machine
from kdtoolbox.safe_files import write_aside

OUTCOMES = ('failure', 'error', 'skipped')


def summary(folder: Path, device: torch.device) -> dict:
    """What each part came to, the numbers of those that gave any, and the tests one by one."""
    parts = {}
    for line in (folder / 'parts.tsv').read_text(encoding='utf-8').splitlines():
        name, outcome, seconds = line.split('\t')
        parts[name] = {'outcome': outcome, 'seconds': int(seconds)}
    numbers = {}
    for name in parts:
        file = folder / f'{name}.json'
        if file.is_file():
            numbers[name] = json.loads(file.read_text(encoding='utf-8'))
    return {'machine': machine(device), 'parts': parts, 'tests': tests_of(folder / 'tests.xml'), 'numbers': numbers}


def tests_of(file: Path) -> dict[str, str]:
    """Name -> 'passed', 'skipped', 'failure' or 'error', of a file that this script's pytest has written."""
    if not file.is_file():
        return {}
    cases = ElementTree.parse(file).iter('testcase')
    return {
        case.get('name', ''): next((child.tag for child in case if child.tag in OUTCOMES), 'passed') for case in cases
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('folder', type=Path)
    parser.add_argument('--device', default='cuda')
    args = parser.parse_args()
    write_aside(args.folder / 'gpu.json', json.dumps(summary(args.folder, torch.device(args.device)), indent=1) + '\n')
    print(args.folder / 'gpu.json')


if __name__ == '__main__':
    main()
