"""The operators that popclass's own classifiers use, and the shape of what each gives for one event.

Anything else is refused. For each operator there is a function from a node, the shapes of its inputs and what is known
of the graph, to the shapes of its outputs; it raises `ValueError` where the node is not one that popclass writes.
onnxruntime trusts the lengths of some attributes and the indices of `ArrayFeatureExtractor`; they are held to the
shapes here, before it reads beyond them. Types are followed too: whole numbers divided by 0 would end the process.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from popclass.model.graph_reader import FLOAT, INT32, INT64, Node
from popclass.model.trees import check_trees

Shape = tuple[int, ...]
ML = "ai.onnx.ml"
LARGEST_RESULT = 2**16  # numbers that a node may give for one event
BOOL = 9
TRANSFORMS = ("NONE", "SOFTMAX", "LOGISTIC")
KERNELS = ("RBF",)


@dataclass(slots=True)
class Scope:
    """What is known of the values of a graph at one of its nodes.

    Attributes
    ----------
    shapes, types : dict
        Of every value so far, by name; types as ONNX numbers them.
    constants : dict
        The arrays among them that do not depend on the input.
    indices : dict
        How many different values an `ArgMax` may give, by the name of its output.
    """

    shapes: dict[str, Shape]
    types: dict[str, int]
    constants: Mapping[str, np.ndarray]
    indices: dict[str, int] = field(default_factory=dict)


Rule = Callable[[Node, list[Shape], Scope], list[Shape]]


def follow(node: Node, scope: Scope) -> None:
    """Check a node and enter what it gives.

    Raises
    ------
    ValueError
        If the operator is not among those allowed, or the node is not as popclass writes it.
    """
    rule = _RULES.get((node.domain, node.operator))
    shown = f"{node.domain or 'ai.onnx'} {node.operator}"
    if rule is None:
        allowed = ", ".join(sorted(operator for _, operator in _RULES))
        raise ValueError(f"it uses the operator {shown}; allowed are {allowed}")
    _check_form(node, rule, scope, shown)
    shapes = rule.shape(node, [scope.shapes[name] for name in node.inputs], scope)
    types = rule.gives or (node.attributes.get("to") or scope.types[node.inputs[0]],)
    for name, shape, kind in zip(node.outputs, shapes, types, strict=True):
        if math.prod(shape) > LARGEST_RESULT:
            raise ValueError(f"{shown} gives {math.prod(shape)} numbers an event; allowed are {LARGEST_RESULT}")
        if not name or name in scope.shapes:
            raise ValueError(f"{shown} gives {name!r}, which has no name or is given twice")
        scope.shapes[name], scope.types[name] = shape, kind


def _check_form(node: Node, rule: _Operator, scope: Scope, shown: str) -> None:
    """Inputs that are there, of the right types and number; outputs and attributes as popclass writes them."""
    for name in node.inputs:
        if name not in scope.shapes:
            raise ValueError(f"{shown} takes {name!r}, which nothing before it gives")
    if not rule.fewest <= len(node.inputs) <= rule.most or len(node.outputs) != max(len(rule.gives), 1):
        raise ValueError(f"{shown} has {len(node.inputs)} inputs and {len(node.outputs)} outputs")
    for place, name in enumerate(node.inputs):
        if scope.types[name] not in rule.takes[min(place, len(rule.takes) - 1)]:
            raise ValueError(f"{shown} takes {name!r}, which is of type {scope.types[name]}")
    if strange := set(node.attributes) - rule.attributes:
        raise ValueError(f"{shown} has the attribute {min(strange)!r}, which popclass never writes")


def _same(node: Node, shapes: list[Shape], scope: Scope) -> list[Shape]:
    return [shapes[0]]


def _broadcast(node: Node, shapes: list[Shape], scope: Scope) -> list[Shape]:
    try:
        return [np.broadcast_shapes(*shapes)]
    except ValueError:
        raise ValueError(f"{node.operator} is given shapes that do not fit: {shapes}") from None


def _clip(node: Node, shapes: list[Shape], scope: Scope) -> list[Shape]:
    if shapes[1:] != [(), ()]:
        raise ValueError("Clip must have a lowest and a highest number")
    return [shapes[0]]


def _cast(node: Node, shapes: list[Shape], scope: Scope) -> list[Shape]:
    if node.attributes.get("to") not in (FLOAT, INT32, INT64, BOOL):
        raise ValueError("Cast must be to numbers")
    return [shapes[0]]


def _last_axis(node: Node, shapes: list[Shape], scope: Scope) -> list[Shape]:
    """Softmax and its like, along the columns of a table."""
    _columns(shapes[0], node.operator)
    if node.attributes.get("axis") != 1:
        raise ValueError(f"{node.operator} must be along axis 1")
    return [shapes[0]]


def _largest(node: Node, shapes: list[Shape], scope: Scope) -> list[Shape]:
    _last_axis(node, shapes, scope)
    scope.indices[node.outputs[0]] = shapes[0][1]
    return [(shapes[0][0], 1)]


def _concat(node: Node, shapes: list[Shape], scope: Scope) -> list[Shape]:
    if node.attributes.get("axis") != 1 or len({shape[:1] for shape in shapes}) != 1:
        raise ValueError("Concat must be along axis 1, of tables with the same rows")
    return [(shapes[0][0], sum(_columns(shape, "Concat") for shape in shapes))]


def _product(node: Node, shapes: list[Shape], scope: Scope) -> list[Shape]:
    left, right = shapes
    if len(left) != 2 or len(right) != 2 or left[1] != right[0]:
        raise ValueError(f"MatMul is given shapes that do not fit: {left} and {right}")
    return [(left[0], right[1])]


def _total(node: Node, shapes: list[Shape], scope: Scope) -> list[Shape]:
    axes = scope.constants.get(node.inputs[1])
    _columns(shapes[0], "ReduceSum")
    if axes is None or axes.tolist() != [1] or node.attributes.get("keepdims", 1) != 1:
        raise ValueError("ReduceSum must be along axis 1 and keep it")
    return [(shapes[0][0], 1)]


def _flat(node: Node, shapes: list[Shape], scope: Scope) -> list[Shape]:
    target = scope.constants.get(node.inputs[1])
    if target is None or target.tolist() != [-1]:
        raise ValueError("Reshape must be into a single row")
    return [(math.prod(shapes[0]),)]


def _chosen(node: Node, shapes: list[Shape], scope: Scope) -> list[Shape]:
    """ArrayFeatureExtractor: columns by number, which must not lie beyond the table."""
    data, chosen = shapes
    if len(data) not in (1, 2):
        raise ValueError("ArrayFeatureExtractor must be given a row or a table")
    indices, columns = scope.constants.get(node.inputs[1]), data[-1]
    if indices is None:
        inside = 0 < scope.indices.get(node.inputs[1], 0) <= columns
    else:
        inside = bool(((indices >= 0) & (indices < columns)).all())
    if not inside:
        raise ValueError(f"ArrayFeatureExtractor takes columns that need not be there; allowed are 0 to {columns - 1}")
    return [(data[0] if len(data) == 2 else 1, math.prod(chosen))]


def _scaler(node: Node, shapes: list[Shape], scope: Scope) -> list[Shape]:
    columns = _columns(shapes[0], "Scaler")
    _lengths(node, {"offset": columns, "scale": columns})
    return [shapes[0]]


def _normalizer(node: Node, shapes: list[Shape], scope: Scope) -> list[Shape]:
    _columns(shapes[0], "Normalizer")
    _one_of(node, "norm", ("L1",))
    return [shapes[0]]


def _linear(node: Node, shapes: list[Shape], scope: Scope) -> list[Shape]:
    columns, classes = _columns(shapes[0], "LinearClassifier"), _classes(node, "classlabels_ints")
    _lengths(node, {"coefficients": classes * columns, "intercepts": classes})
    _one_of(node, "post_transform", TRANSFORMS)
    return [(1,), (1, classes)]


def _svm(node: Node, shapes: list[Shape], scope: Scope) -> list[Shape]:
    columns, classes = _columns(shapes[0], "SVMClassifier"), _classes(node, "classlabels_ints")
    pairs = classes * (classes - 1) // 2
    counts = node.attributes.get("vectors_per_class")
    if not isinstance(counts, np.ndarray) or not ((counts > 0) & (counts < LARGEST_RESULT)).all():
        raise ValueError("SVMClassifier must say how many support vectors each class has")
    vectors = int(counts.sum())
    lengths = {"coefficients": vectors * (classes - 1), "support_vectors": vectors * columns}
    _lengths(node, {**lengths, "vectors_per_class": classes, "rho": pairs, "kernel_params": 3})
    _one_of(node, "kernel_type", KERNELS)
    _one_of(node, "post_transform", ("NONE",))
    return [(1,), (1, classes if classes == 2 else pairs)]


def _trees(node: Node, shapes: list[Shape], scope: Scope) -> list[Shape]:
    columns, classes = _columns(shapes[0], "TreeEnsembleClassifier"), _classes(node, "classlabels_int64s")
    _one_of(node, "post_transform", TRANSFORMS)
    check_trees(node.attributes, columns, classes)
    return [(1,), (1, classes)]


def _columns(shape: Shape, operator: str) -> int:
    """The columns of a table, of which there must be one row: that of the event."""
    if len(shape) != 2 or shape[0] != 1:
        raise ValueError(f"{operator} must be given a table of one row an event, not the shape {shape}")
    return shape[1]


def _classes(node: Node, name: str) -> int:
    labels = node.attributes.get(name)
    if not isinstance(labels, np.ndarray) or labels.tolist() != list(range(len(labels))) or len(labels) < 2:
        raise ValueError(f"{node.operator} must number its classes from 0 in {name}, two at least")
    return len(labels)


def _lengths(node: Node, expected: Mapping[str, int]) -> None:
    for name, count in expected.items():
        found = node.attributes.get(name)
        length = len(found) if isinstance(found, np.ndarray) else 0
        if length != count:
            raise ValueError(f"{node.operator} has {length} numbers in {name}, where {count} fit its input and classes")


def _one_of(node: Node, name: str, allowed: tuple[str, ...]) -> None:
    found = node.attributes.get(name)
    if not isinstance(found, str) or found not in allowed:
        raise ValueError(f"{node.operator} has {name} {found!r}; allowed are {', '.join(allowed)}")


@dataclass(frozen=True, slots=True)
class _Operator:
    """What holds of an operator: its rule, how many inputs of which types, its attributes, and the types it gives.

    The last of `takes` holds for all further inputs. With an empty `gives` there is one output, of the type of the
    first input or, where there is an attribute `to`, of that type.
    """

    shape: Rule
    fewest: int
    attributes: frozenset[str]
    most: int
    takes: tuple[tuple[int, ...], ...]
    gives: tuple[int, ...]


_ANY = (FLOAT, INT32, INT64, BOOL)
_FLOATS: tuple[tuple[int, ...], ...] = ((FLOAT,),)
_CLASSIFIED = (INT64, FLOAT)
_MANY = 64  # inputs of Concat and Sum


def _operator(
    shape: Rule,
    inputs: int,
    *attributes: str,
    most: int | None = None,
    takes: tuple[tuple[int, ...], ...] = _FLOATS,
    gives: tuple[int, ...] = (),
) -> _Operator:
    return _Operator(shape, inputs, frozenset(attributes), inputs if most is None else most, takes, gives)


_TREE_ATTRIBUTES = (
    *(f"nodes_{name}" for name in ("treeids", "nodeids", "featureids", "modes", "values", "truenodeids")),
    *(f"nodes_{name}" for name in ("falsenodeids", "hitrates", "missing_value_tracks_true")),
    *(f"class_{name}" for name in ("treeids", "nodeids", "ids", "weights")),
    *("base_values", "classlabels_int64s", "post_transform"),
)
_SVM_ATTRIBUTES = (
    *("classlabels_ints", "coefficients", "kernel_params", "kernel_type", "post_transform", "rho"),
    *("support_vectors", "vectors_per_class"),
)
_LINEAR_ATTRIBUTES = ("classlabels_ints", "coefficients", "intercepts", "multi_class", "post_transform")
_RULES: dict[tuple[str, str], _Operator] = {
    **{("", name): _operator(_same, 1) for name in ("Abs", "Exp", "Log", "Neg")},
    **{("", name): _operator(_broadcast, 2) for name in ("Add", "Div", "Mul", "Sub")},
    **{("", name): _operator(_last_axis, 1, "axis") for name in ("LogSoftmax", "Softmax")},
    ("", "ArgMax"): _operator(_largest, 1, "axis", gives=(INT64,)),
    ("", "Cast"): _operator(_cast, 1, "to", takes=(_ANY,)),
    ("", "Clip"): _operator(_clip, 3),
    ("", "Concat"): _operator(_concat, 1, "axis", most=_MANY),
    ("", "Less"): _operator(_broadcast, 2, gives=(BOOL,)),
    ("", "MatMul"): _operator(_product, 2),
    ("", "Not"): _operator(_same, 1, takes=((BOOL,),)),
    ("", "ReduceSum"): _operator(_total, 2, "keepdims", takes=((FLOAT,), (INT64,))),
    ("", "Reshape"): _operator(_flat, 2, takes=(_ANY, (INT64,))),
    ("", "Sum"): _operator(_broadcast, 1, most=_MANY),
    (ML, "ArrayFeatureExtractor"): _operator(_chosen, 2, takes=((FLOAT, INT32, INT64), (INT64,))),
    (ML, "LinearClassifier"): _operator(_linear, 1, *_LINEAR_ATTRIBUTES, gives=_CLASSIFIED),
    (ML, "Normalizer"): _operator(_normalizer, 1, "norm"),
    (ML, "Scaler"): _operator(_scaler, 1, "offset", "scale"),
    (ML, "SVMClassifier"): _operator(_svm, 1, *_SVM_ATTRIBUTES, gives=_CLASSIFIED),
    (ML, "TreeEnsembleClassifier"): _operator(_trees, 1, *_TREE_ATTRIBUTES, gives=_CLASSIFIED),
}
