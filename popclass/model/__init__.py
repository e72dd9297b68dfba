"""Trained models: file, graph, calibration, novelty, context weights and limitations.

A model file may be untrusted, so its graph is read and checked byte by byte before onnxruntime runs it. It is refused
unless popclass could have written it: a few operators, one input, all numbers inside the file. `protobuf` reads
bytes, `graph_reader` ONNX; `operators` and `trees` check nodes; `graph` checks the whole and runs what passed.
"""
