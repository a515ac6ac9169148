"""Plans of stages that ``configs/stages/`` share; plain settings, without torch."""


def masked_to_edge(*, masked: str, fine_tuned: str, edge: str) -> list[dict]:
    """An image network teaches a video transformer, which is fine-tuned and teaches a small 3D network.

    Args:
        masked: config of the first stage; its student starts the second.
        fine_tuned: config of the second; its student is the third's teacher.
        edge: config of the third.

    >>> [stage['name'] for stage in masked_to_edge(masked='a.py', fine_tuned='b.py', edge='c.py')]
    ['masked', 'fine_tuned', 'edge']
    """
    return [
        dict(name='masked', config=masked),
        dict(name='fine_tuned', config=fine_tuned, cfg_options={'load_from': '{masked.student}'}),
        dict(name='edge', config=edge, cfg_options={'model.teacher.weights': '{fine_tuned.student}'}),
    ]
