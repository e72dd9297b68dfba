"""How the names of recordings end, for those who look for them in folders; what is in a file decides how it is read."""

AUDIO_SUFFIXES = (
    *(".wav", ".wave", ".w64", ".rf64", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".caf"),
    *(".au", ".snd", ".m4a", ".mp4", ".mov", ".3gp", ".3g2", ".aac", ".amr", ".webm", ".mka", ".mkv", ".wma", ".ac3"),
)
