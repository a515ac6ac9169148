"""Layer-wise decay of the learning rate for the transformer inside of a distiller, by mmaction2's constructor."""

from mmaction.engine.optimizers import LearningRateDecayOptimizerConstructor
from torch import nn

from kdtoolbox.registry import OPTIM_WRAPPER_CONSTRUCTORS

TABLES = ('pos_embed', 'cls_token', 'mask_token', 'time_embed')  # of positions and single tokens


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class StudentLayerDecayConstructor(LearningRateDecayOptimizerConstructor):
    """mmaction2's ``LearningRateDecayOptimizerConstructor`` for the student of a distiller.

    It looks for ``backbone`` in the model itself, and a distiller has its student inside. What the distiller learns
    beside the student (connectors, decoders) has the full learning rate. Norms, biases, position tables and class
    tokens get no weight decay; mmaction2's constructor decays the tables.

    Args:
        optim_wrapper_cfg: config of an OptimWrapper.
        paramwise_cfg: ``num_layers``, the number of blocks, and ``decay_rate``, the factor from one block to the one
            before it: 0.75 for the ViT-B of VideoMAE. Of mmaction2's VisionTransformer and MViT.

    Raises:
        ValueError: one of the two is missing, or the student is another network.
    """

    def __init__(self, optim_wrapper_cfg: dict, paramwise_cfg: dict | None = None) -> None:
        if not {'num_layers', 'decay_rate'} <= (paramwise_cfg or {}).keys():
            raise ValueError(
                f'StudentLayerDecayConstructor paramwise_cfg={paramwise_cfg}: expected num_layers and decay_rate'
            )
        super().__init__(optim_wrapper_cfg, paramwise_cfg)

    def add_params(self, params: list[dict], module: nn.Module, **kwargs) -> None:
        if hasattr(module, 'peers'):
            raise ValueError(
                'StudentLayerDecayConstructor: the peers of a student would learn at the full rate: take the default '
                'constructor for mutual learning'
            )
        student = getattr(module, 'student', module)
        name = type(getattr(student, 'backbone', student)).__name__
        if not any(kind in name for kind in ('VisionTransformer', 'MViT')):
            raise ValueError(
                f'StudentLayerDecayConstructor: the student has a {name}, expected a VisionTransformer or MViT of '
                'mmaction2, whose blocks have their order: take the default constructor'
            )
        super().add_params(params, student, **kwargs)
        params.extend(self._tables_of(params))
        if student is not module:
            params.extend(self._groups_beside(student, module))

    def _tables_of(self, params: list[dict]) -> list[dict]:
        """Take the position tables out of the groups that decay: groups of their own that do not."""
        found = []
        for group in params:
            tables = [place for place, name in enumerate(group['param_names']) if name.rpartition('.')[2] in TABLES]
            if not tables or not group['weight_decay']:
                continue
            moved = {key: [group[key][place] for place in tables] for key in ('params', 'param_names')}
            found.append({**group, **moved, 'weight_decay': 0.0, 'group_name': f'{group["group_name"]}_tables'})
            for key in ('params', 'param_names'):
                group[key] = [one for place, one in enumerate(group[key]) if place not in tables]
        params[:] = [group for group in params if group['params']]
        return found

    def _groups_beside(self, student: nn.Module, module: nn.Module) -> list[dict]:
        own = {id(parameter) for parameter in student.parameters()}
        groups: dict[bool, dict] = {}
        for name, parameter in module.named_parameters():
            if id(parameter) in own or not parameter.requires_grad:
                continue
            decays = parameter.dim() > 1
            group = groups.setdefault(
                decays,
                {
                    'params': [],
                    'param_names': [],
                    'lr_scale': 1.0,
                    'group_name': f'beside_the_student_{"decay" if decays else "no_decay"}',
                    'lr': self.base_lr,
                    'weight_decay': self.base_wd if decays else 0.0,
                },
            )
            group['params'].append(parameter)
            group['param_names'].append(name)
        return list(groups.values())
