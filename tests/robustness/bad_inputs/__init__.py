"""Bad inputs, each with its expected outcome.

A module a family of kinds; `registry` has all of them, `child` puts them through popclass in one process, and
`docs/generate/robustness_table.py` writes them into docs/robustness-inputs.md. What a kind expects is what a person who
has such a file would want.
"""
