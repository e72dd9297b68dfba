"""Checks of the decision trees in a graph.

A `TreeEnsembleClassifier` names the children of each branch by number. With a wrong number onnxruntime would walk a
tree without end, or outside its memory. Trees are accepted as scikit-learn and skl2onnx write them: one after the
other, the nodes of each counted from its root, every child after its parent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.errors import require

DEEPEST = 512  # branches from the root to a leaf; a tree of 256 leaves cannot have more than 255
_BRANCH = 1  # index among the words of `popclass.model.graph_reader`

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


def check_trees(attributes: Mapping[str, Any], columns: int, classes: int) -> None:
    """Check the trees of a node.

    Parameters
    ----------
    attributes : mapping
        Of the node, see `popclass.model.graph_reader.Node`.
    columns : int
        Features of an event.
    classes : int

    Raises
    ------
    ValueError
        If they are not trees of finite depth, or name a node, feature or class that does not exist.
    """
    tree = _array(attributes, "nodes_treeids")
    count = len(tree)
    names = ("nodeids", "featureids", "truenodeids", "falsenodeids")
    node, feature, true, false = (_array(attributes, f"nodes_{name}", count) for name in names)
    branch = _array(attributes, "nodes_modes", count, np.uint8) == _BRANCH
    _array(attributes, "nodes_values", count, np.float32)
    if "nodes_hitrates" in attributes:
        _array(attributes, "nodes_hitrates", count, np.float32)
    if (name := "nodes_missing_value_tracks_true") in attributes:
        require(np.isin(_array(attributes, name, count), (0, 1)).all(), f"a tree has {name} other than 0 and 1")
    first = _roots(tree, node)
    outside = branch & ((feature < 0) | (feature >= columns))
    if outside.any():
        raise ValueError(f"a tree uses feature {feature[outside][0]}; allowed are 0 to {columns - 1}")
    sizes = np.diff(np.append(first, count))
    _check_branches(tree, first, sizes, branch, np.concatenate([true[branch], false[branch]]))
    _check_weights(attributes, first, sizes, branch, classes)


def _roots(tree: Ints, node: Ints) -> Ints:
    """Return the index of the root of each tree, after the numbering was checked."""
    steps = np.diff(tree)
    numbered = len(tree) and tree[0] == 0 and np.isin(steps, (0, 1)).all()
    require(numbered, "its trees are not numbered one after the other from 0")
    first = np.concatenate([[0], np.flatnonzero(steps) + 1])
    numbered = np.array_equal(node, np.arange(len(tree)) - first[tree])
    require(numbered, "the nodes of a tree are not numbered one after the other from 0")
    return first


def _check_branches(tree: Ints, first: Ints, sizes: Ints, branch: Flags, target: Ints) -> None:
    """Check that every node but a root is the child of one branch, which comes before it in the same tree."""
    parents = np.flatnonzero(branch)
    home = np.tile(tree[parents], 2)
    require(((target > 0) & (target < sizes[home])).all(), "a branch of a tree leads to a node that does not exist")
    child = first[home] + target
    require((child > np.tile(parents, 2)).all(), "a branch of a tree leads back to a node above it")
    expected = np.ones(len(tree), np.int64)
    expected[first] = 0
    single = np.array_equal(np.bincount(child, minlength=len(tree)), expected)
    require(single, "a node of a tree has no branch that leads to it, or two")
    below = np.full((2, len(tree)), -1)
    below[:, parents] = child.reshape(2, -1)
    level = first
    for _ in range(DEEPEST + 1):
        level = below[:, level].ravel()
        level = level[level >= 0]
        if not len(level):
            return
    raise ValueError(f"a tree is deeper than {DEEPEST} branches")


def _check_weights(attributes: Mapping[str, Any], first: Ints, sizes: Ints, branch: Flags, classes: int) -> None:
    """Check that every weight belongs to a class and a leaf, and that every leaf has one."""
    owner = _array(attributes, "class_treeids")
    node, label = (_array(attributes, f"class_{name}", len(owner)) for name in ("nodeids", "ids"))
    _array(attributes, "class_weights", len(owner), np.float32)
    voted = ((label >= 0) & (label < classes)).all()
    require(voted, f"a leaf of a tree votes for a class that does not exist; allowed are 0 to {classes - 1}")
    require(((owner >= 0) & (owner < len(first))).all(), "a weight belongs to a tree that does not exist")
    inside = ((node >= 0) & (node < sizes[owner])).all() and not branch[first[owner] + node].any()
    require(inside, "a weight belongs to a leaf that does not exist")
    weighted = np.bincount(first[owner] + node, minlength=len(branch)) > 0
    require(np.array_equal(weighted, ~branch), "a leaf of a tree has no weight")
    if (base := attributes.get("base_values")) is not None:
        _array(attributes, "base_values", classes if classes > 2 else min(len(base), 2), np.float32)


def _array(attributes: Mapping[str, Any], name: str, count: int | None = None, dtype: type = np.int64) -> NDArray[Any]:
    found: NDArray[Any] = np.asarray(attributes.get(name))
    require(found.ndim == 1 and found.dtype == dtype, f"the trees have no list {name} of the right type")
    fits = count is None or len(found) == count
    require(fits, f"the trees have {len(found)} numbers in {name}, where there must be {count}")
    return found
