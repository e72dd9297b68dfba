"""Timing of cavitations: joint cavities, refractory periods and timelines."""
