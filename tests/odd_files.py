"""What may be at a path where a file is expected."""

import os

# Each makes one: nothing, a folder, a pipe, a link to nothing, a link to itself.
NO_FILES = (
    lambda file: None,
    lambda file: file.mkdir(),
    lambda file: os.mkfifo(file),
    lambda file: file.symlink_to('nowhere'),
    lambda file: file.symlink_to(file.name),
)
