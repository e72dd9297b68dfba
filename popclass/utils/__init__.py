"""General helpers: text, durations, files, JSON, arrays, signals and worker processes."""
