"""Decision trees in an ONNX node, held to what a tree is before onnxruntime walks them.

A `TreeEnsembleClassifier` names the children of each branch by number. With a wrong number a walk never ends, or leaves
the memory that belongs to it. Trees are accepted as scikit-learn and skl2onnx write them: one after the other, the
nodes of each counted from its root, every child after its parent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

DEEPEST = 512  # branches from the root to a leaf; a tree of 256 leaves cannot have more than 255
_LEAF, _BRANCH = 0, 1  # places among the words of `popclass.model.graph_reader`

Ints = NDArray[np.int64]


def check_trees(attributes: Mapping[str, Any], columns: int, classes: int) -> None:
    """Check the trees of a node.

    Parameters
    ----------
    attributes : mapping
        Of the node, as `popclass.model.graph_reader` reads them.
    columns : int
        Features of an event.
    classes : int

    Raises
    ------
    ValueError
        If they are not trees of finite depth, or name a node, feature or class that is not there.
    """
    tree = _numbers(attributes, "nodes_treeids")
    count = len(tree)
    node, feature = (_numbers(attributes, f"nodes_{name}", count) for name in ("nodeids", "featureids"))
    true, false = (_numbers(attributes, f"nodes_{name}", count) for name in ("truenodeids", "falsenodeids"))
    branch = _array(attributes, "nodes_modes", np.uint8, count) == _BRANCH
    _array(attributes, "nodes_values", np.float32, count)
    _check_asides(attributes, count)
    first = _roots(tree, node)
    inside = (feature >= 0) & (feature < columns)
    if not inside[branch].all():
        raise ValueError(f"a tree asks for feature {feature[branch & ~inside][0]}; allowed are 0 to {columns - 1}")
    _check_branches(tree, first, branch, true, false)
    _check_weights(attributes, tree, first, branch, classes)


def _roots(tree: Ints, node: Ints) -> Ints:
    """Where each tree begins, after the numbering was checked."""
    steps = np.diff(tree)
    if not len(tree) or tree[0] != 0 or not ((steps == 0) | (steps == 1)).all():
        raise ValueError("its trees are not numbered one after the other from 0")
    first = np.concatenate([[0], np.flatnonzero(steps) + 1])
    if not np.array_equal(node, np.arange(len(tree)) - first[tree]):
        raise ValueError("the nodes of a tree are not numbered one after the other from 0")
    return first


def _check_branches(tree: Ints, first: Ints, branch: NDArray[np.bool_], true: Ints, false: Ints) -> None:
    """Every node but a root must be the child of one branch, which comes before it in the same tree."""
    count = len(tree)
    sizes = np.diff(np.append(first, count))
    parents = np.flatnonzero(branch)
    ahead = np.concatenate([true[parents], false[parents]])
    home = tree[np.concatenate([parents, parents])]
    if not ((ahead > 0) & (ahead < sizes[home])).all():
        raise ValueError("a branch of a tree leads to a node that is not there")
    child = first[home] + ahead
    if not (child > np.concatenate([parents, parents])).all():
        raise ValueError("a branch of a tree leads back to a node above it")
    expected = np.ones(count, np.int64)
    expected[first] = 0
    if not np.array_equal(np.bincount(child, minlength=count), expected):
        raise ValueError("a node of a tree has no branch that leads to it, or two")
    _check_depth(child.reshape(2, -1), parents, first)


def _check_depth(children: Ints, parents: Ints, roots: Ints) -> None:
    below = np.full((2, int(children.max(initial=int(roots.max()))) + 1), -1)
    below[:, parents] = children
    level = roots
    for _ in range(DEEPEST + 1):
        level = below[:, level].ravel()
        level = level[level >= 0]
        if not len(level):
            return
    raise ValueError(f"a tree is deeper than {DEEPEST} branches")


def _check_weights(
    attributes: Mapping[str, Any], tree: Ints, first: Ints, branch: NDArray[np.bool_], classes: int
) -> None:
    """Every weight must belong to a class and to a leaf, and every leaf must have one."""
    owner = _numbers(attributes, "class_treeids")
    node, label = (_numbers(attributes, f"class_{name}", len(owner)) for name in ("nodeids", "ids"))
    _array(attributes, "class_weights", np.float32, len(owner))
    if not ((label >= 0) & (label < classes)).all():
        raise ValueError(f"a leaf of a tree speaks for a class that is not there; allowed are 0 to {classes - 1}")
    if not ((owner >= 0) & (owner < len(first))).all():
        raise ValueError("a weight belongs to a tree that is not there")
    sizes = np.diff(np.append(first, len(tree)))
    if not ((node >= 0) & (node < sizes[owner])).all() or branch[first[owner] + node].any():
        raise ValueError("a weight belongs to a leaf that is not there")
    if not np.array_equal(np.bincount(first[owner] + node, minlength=len(tree)) > 0, ~branch):
        raise ValueError("a leaf of a tree has no weight")
    if (base := attributes.get("base_values")) is not None:
        _array(attributes, "base_values", np.float32, classes if classes > 2 else min(len(base), 2))


def _check_asides(attributes: Mapping[str, Any], count: int) -> None:
    """What onnxruntime reads along and popclass has no use for."""
    if "nodes_hitrates" in attributes:
        _array(attributes, "nodes_hitrates", np.float32, count)
    if "nodes_missing_value_tracks_true" in attributes:
        missing = _numbers(attributes, "nodes_missing_value_tracks_true", count)
        if not ((missing == 0) | (missing == 1)).all():
            raise ValueError("a tree has nodes_missing_value_tracks_true other than 0 and 1")


def _numbers(attributes: Mapping[str, Any], name: str, count: int | None = None) -> Ints:
    return np.asarray(_array(attributes, name, np.int64, count))


def _array(attributes: Mapping[str, Any], name: str, dtype: type, count: int | None = None) -> NDArray[Any]:
    found = attributes.get(name)
    if not isinstance(found, np.ndarray) or found.dtype != dtype:
        raise ValueError(f"the trees have no list {name} of the right type")
    if count is not None and len(found) != count:
        raise ValueError(f"the trees have {len(found)} numbers in {name}, where there must be {count}")
    return found
