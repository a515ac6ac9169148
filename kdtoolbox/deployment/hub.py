"""Sending a student folder to the Hugging Face hub."""

from pathlib import Path

from kdtoolbox.deployment.student_folder import FILES, is_student_folder


def push_to_hub(folder: str | Path, repository: str, *, private: bool = False) -> str:
    """Make a model repository, if there is none, and upload the files of a student folder, no others.

    The token is the one that ``hf auth login`` keeps, or ``HF_TOKEN``.

    Args:
        repository: ``'owner/name'``.
        private: of a new repository.

    Returns:
        The address of the commit.

    Raises:
        ValueError: it is no student folder, huggingface_hub is not installed, or the hub refuses.
    """
    if not is_student_folder(folder):
        raise ValueError(f'{folder} is no student folder: nothing is sent')
    try:
        import huggingface_hub
        from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError
    except ImportError as error:
        raise ValueError("--push-to-hub needs huggingface_hub: pip install 'kdtoolbox[hub]'") from error
    api = huggingface_hub.HfApi(library_name='kdtoolbox')
    try:
        api.create_repo(repository, repo_type='model', private=private or None, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repository,
            folder_path=str(folder),
            commit_message='Student of kdtoolbox',
            allow_patterns=list(FILES),
        )
    except (HfHubHTTPError, LocalTokenNotFoundError, OSError, RuntimeError) as error:
        raise ValueError(
            f'{repository} on the hub: {str(error).strip().splitlines()[0]}. The folder {folder} is written. Log in '
            'with hf auth login (a token that may write), and check the name'
        ) from error
    return str(commit.commit_url)
