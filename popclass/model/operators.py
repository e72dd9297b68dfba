"""Operators that a graph may use, and the shapes of their outputs for one event.

Each operator has a rule, which returns the shapes of its outputs from those of its inputs, or None for one output of
the shape of the first input. It raises ValueError where the node is not one that popclass writes. onnxruntime trusts
the lengths of some attributes and the indices of `ArrayFeatureExtractor`, so they are checked against the shapes before
it could read beyond them. Types are followed too: an integer division by 0 would end the process.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from popclass.errors import require
from popclass.model.graph_reader import FLOAT, INT32, INT64, Node
from popclass.model.trees import check_trees

Shape = tuple[int, ...]
ML = "ai.onnx.ml"
LARGEST_RESULT = 2**16  # numbers that a node may give for one event
BOOL = 9
TRANSFORMS = ("NONE", "SOFTMAX", "LOGISTIC")
_MANY = 64  # inputs of Concat and Sum


@dataclass(slots=True)
class Scope:
    """Values of a graph that are known at one of its nodes.

    Attributes
    ----------
    shapes, types : dict
        Of every value so far, by name; types as ONNX numbers them.
    constants : dict
        Arrays that do not depend on the input.
    indices : dict
        Number of different values of an `ArgMax`, by the name of its output.
    """

    shapes: dict[str, Shape]
    types: dict[str, int]
    constants: Mapping[str, np.ndarray]
    indices: dict[str, int] = field(default_factory=dict)


Rule = Callable[[Node, list[Shape], Scope], list[Shape] | None]


@dataclass(frozen=True, slots=True)
class _Operator:
    """Requirements of an operator.

    The last of `takes` holds for all further inputs. With an empty `gives` there is one output, of the type of the
    first input or of the attribute `to`.
    """

    rule: Rule
    inputs: tuple[int, ...]
    attributes: str = ""
    takes: tuple[tuple[int, ...], ...] = ((FLOAT,),)
    gives: tuple[int, ...] = ()


def follow(node: Node, scope: Scope) -> None:
    """Check a node and add its outputs to the scope.

    Raises
    ------
    ValueError
        If the operator is not allowed, or the node is not as popclass writes it.
    """
    operator = _OPERATORS.get((node.domain, node.operator))
    shown = f"{node.domain or 'ai.onnx'} {node.operator}"
    if operator is None:
        allowed = ", ".join(sorted(name for _, name in _OPERATORS))
        raise ValueError(f"it uses the operator {shown}; allowed are {allowed}")
    try:
        _check_form(node, operator, scope)
        inputs = [scope.shapes[name] for name in node.inputs]
        shapes = operator.rule(node, inputs, scope) or inputs[:1]
        types = operator.gives or (node.attributes.get("to") or scope.types[node.inputs[0]],)
        for name, shape, kind in zip(node.outputs, shapes, types, strict=True):
            require(math.prod(shape) <= LARGEST_RESULT, f"an event gets more than {LARGEST_RESULT} numbers")
            require(name and name not in scope.shapes, f"its output {name!r} has no name or exists already")
            scope.shapes[name], scope.types[name] = shape, kind
    except ValueError as error:
        raise ValueError(f"{shown}: {error}") from None


def _check_form(node: Node, operator: _Operator, scope: Scope) -> None:
    """Check number and types of inputs, number of outputs, and names of attributes."""
    for name in node.inputs:
        require(name in scope.shapes, f"it takes {name!r}, which nothing before it gives")
    counts = len(node.inputs) in operator.inputs and len(node.outputs) == max(len(operator.gives), 1)
    require(counts, f"it has {len(node.inputs)} inputs and {len(node.outputs)} outputs")
    for place, name in enumerate(node.inputs):
        allowed = operator.takes[min(place, len(operator.takes) - 1)]
        require(scope.types[name] in allowed, f"it takes {name!r}, which is of type {scope.types[name]}")
    strange = set(node.attributes) - set(operator.attributes.split())
    require(not strange, f"popclass never writes its attribute {min(strange, default='')!r}")


def _broadcast(node: Node, shapes: list[Shape], scope: Scope) -> list[Shape]:
    return [np.broadcast_shapes(*shapes)]  # a ValueError where they do not fit


def _clip(node: Node, shapes: list[Shape], scope: Scope) -> None:
    require(shapes[1:] == [(), ()], "it must have a lowest and a highest number")


def _cast(node: Node, shapes: list[Shape], scope: Scope) -> None:
    require(node.attributes.get("to") in _NUMBERS, "it must be to numbers")


def _softmax(node: Node, shapes: list[Shape], scope: Scope) -> None:
    _columns(shapes[0])
    require(node.attributes.get("axis") == 1, "it must be along axis 1")


def _argmax(node: Node, shapes: list[Shape], scope: Scope) -> list[Shape]:
    _softmax(node, shapes, scope)
    scope.indices[node.outputs[0]] = shapes[0][1]
    return [(1, 1)]


def _concat(node: Node, shapes: list[Shape], scope: Scope) -> list[Shape]:
    require(node.attributes.get("axis") == 1, "it must be along axis 1")
    return [(1, sum(map(_columns, shapes)))]


def _matmul(node: Node, shapes: list[Shape], scope: Scope) -> list[Shape]:
    left, right = shapes
    require(len(left) == len(right) == 2 and left[1] == right[0], f"shapes that do not fit: {left} and {right}")
    return [(left[0], right[1])]


def _reduce_sum(node: Node, shapes: list[Shape], scope: Scope) -> list[Shape]:
    _columns(shapes[0])
    axes = scope.constants.get(node.inputs[1])
    along = axes is not None and axes.tolist() == [1] and node.attributes.get("keepdims", 1) == 1
    require(along, "it must be along axis 1 and keep it")
    return [(1, 1)]


def _reshape(node: Node, shapes: list[Shape], scope: Scope) -> list[Shape]:
    target = scope.constants.get(node.inputs[1])
    require(target is not None and target.tolist() == [-1], "it must be into a single row")
    return [(math.prod(shapes[0]),)]


def _extract_columns(node: Node, shapes: list[Shape], scope: Scope) -> list[Shape]:
    """Check that the column numbers are not beyond the table."""
    data, chosen = shapes
    require(len(data) in (1, 2), "it must be given a row or a table")
    indices, columns = scope.constants.get(node.inputs[1]), data[-1]
    if indices is None:
        inside = 0 < scope.indices.get(node.inputs[1], 0) <= columns
    else:
        inside = bool(((indices >= 0) & (indices < columns)).all())
    require(inside, f"it takes columns that may not exist; allowed are 0 to {columns - 1}")
    return [(data[0] if len(data) == 2 else 1, math.prod(chosen))]


def _scaler(node: Node, shapes: list[Shape], scope: Scope) -> None:
    columns = _columns(shapes[0])
    _lengths(node, offset=columns, scale=columns)


def _normalizer(node: Node, shapes: list[Shape], scope: Scope) -> None:
    _columns(shapes[0])
    _one_of(node, "norm", "L1")


def _linear(node: Node, shapes: list[Shape], scope: Scope) -> list[Shape]:
    columns, classes = _columns(shapes[0]), _classes(node, "classlabels_ints")
    _lengths(node, coefficients=classes * columns, intercepts=classes)
    _one_of(node, "post_transform", *TRANSFORMS)
    return [(1,), (1, classes)]


def _svm(node: Node, shapes: list[Shape], scope: Scope) -> list[Shape]:
    columns, classes = _columns(shapes[0]), _classes(node, "classlabels_ints")
    pairs = classes * (classes - 1) // 2
    counts = _array(node, "vectors_per_class")
    fits = len(counts) and ((counts > 0) & (counts < LARGEST_RESULT)).all()
    require(fits, "vectors_per_class must be the number of support vectors of each class")
    vectors = int(counts.sum())
    _lengths(node, coefficients=vectors * (classes - 1), support_vectors=vectors * columns)
    _lengths(node, vectors_per_class=classes, rho=pairs, kernel_params=3)
    _one_of(node, "kernel_type", "RBF")
    _one_of(node, "post_transform", "NONE")
    return [(1,), (1, classes if classes == 2 else pairs)]


def _trees(node: Node, shapes: list[Shape], scope: Scope) -> list[Shape]:
    columns, classes = _columns(shapes[0]), _classes(node, "classlabels_int64s")
    _one_of(node, "post_transform", *TRANSFORMS)
    check_trees(node.attributes, columns, classes)
    return [(1,), (1, classes)]


def _columns(shape: Shape) -> int:
    """Return the number of columns of a table with one row, that of the event."""
    require(len(shape) == 2 and shape[0] == 1, f"it must be given a table of one row an event, not the shape {shape}")
    return shape[1]


def _classes(node: Node, name: str) -> int:
    labels = _array(node, name).tolist()
    require(len(labels) >= 2 and labels == list(range(len(labels))), f"{name} must number two or more classes from 0")
    return len(labels)


def _lengths(node: Node, **expected: int) -> None:
    for name, count in expected.items():
        length = len(_array(node, name))
        require(length == count, f"{length} numbers in {name}, where {count} fit its input and classes")


def _array(node: Node, name: str) -> np.ndarray:
    """Return an attribute that is an array; an empty one where there is none."""
    found = node.attributes.get(name)
    return found if isinstance(found, np.ndarray) else np.zeros(0)


def _one_of(node: Node, name: str, *allowed: str) -> None:
    found = node.attributes.get(name)
    require(isinstance(found, str) and found in allowed, f"{name} is {found!r}; allowed are {', '.join(allowed)}")


_NUMBERS = (FLOAT, INT32, INT64, BOOL)
_CLASSIFIED = (INT64, FLOAT)
_SEVERAL = tuple(range(1, _MANY + 1))
# attributes of the classifiers
_LINEAR = "classlabels_ints coefficients intercepts multi_class post_transform"
_SVM = "classlabels_ints coefficients kernel_params kernel_type post_transform rho support_vectors vectors_per_class"
_TREES = (
    "nodes_treeids nodes_nodeids nodes_featureids nodes_modes nodes_values nodes_truenodeids nodes_falsenodeids "
    "nodes_hitrates nodes_missing_value_tracks_true class_treeids class_nodeids class_ids class_weights base_values "
    "classlabels_int64s post_transform"
)
_OPERATORS: dict[tuple[str, str], _Operator] = {
    **{("", name): _Operator(_broadcast, (1,)) for name in ("Abs", "Exp", "Log", "Neg")},
    **{("", name): _Operator(_broadcast, (2,)) for name in ("Add", "Div", "Mul", "Sub")},
    **{("", name): _Operator(_softmax, (1,), "axis") for name in ("LogSoftmax", "Softmax")},
    ("", "ArgMax"): _Operator(_argmax, (1,), "axis", gives=(INT64,)),
    ("", "Cast"): _Operator(_cast, (1,), "to", takes=(_NUMBERS,)),
    ("", "Clip"): _Operator(_clip, (3,)),
    ("", "Concat"): _Operator(_concat, _SEVERAL, "axis"),
    ("", "Less"): _Operator(_broadcast, (2,), gives=(BOOL,)),
    ("", "MatMul"): _Operator(_matmul, (2,)),
    ("", "Not"): _Operator(_broadcast, (1,), takes=((BOOL,),)),
    ("", "ReduceSum"): _Operator(_reduce_sum, (2,), "keepdims", takes=((FLOAT,), (INT64,))),
    ("", "Reshape"): _Operator(_reshape, (2,), takes=(_NUMBERS, (INT64,))),
    ("", "Sum"): _Operator(_broadcast, _SEVERAL),
    (ML, "ArrayFeatureExtractor"): _Operator(_extract_columns, (2,), takes=((FLOAT, INT32, INT64), (INT64,))),
    (ML, "LinearClassifier"): _Operator(_linear, (1,), _LINEAR, gives=_CLASSIFIED),
    (ML, "Normalizer"): _Operator(_normalizer, (1,), "norm"),
    (ML, "Scaler"): _Operator(_scaler, (1,), "offset scale"),
    (ML, "SVMClassifier"): _Operator(_svm, (1,), _SVM, gives=_CLASSIFIED),
    (ML, "TreeEnsembleClassifier"): _Operator(_trees, (1,), _TREES, gives=_CLASSIFIED),
}
