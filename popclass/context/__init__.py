"""Context of an event: how it compares with the other events of its recording."""
