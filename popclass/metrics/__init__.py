"""Scores of classifiers, their confidence intervals, and both as tables."""
