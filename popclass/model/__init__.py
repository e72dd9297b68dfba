"""The graph of a model: what one may hold, checked byte by byte before any runtime sees it, and running it.

A model may come from a stranger. Its graph is read here with a small reader of protocol buffers instead of the onnx
package, which `popclass classify` could not afford to import, and is refused unless it is one of those that popclass
itself makes: a few operators, one input, numbers inside the file. `wire` reads bytes, `read` knows ONNX, `operators`
and `trees` know what each operator may be given, `check` walks the whole, and `session` runs what passed.
"""
