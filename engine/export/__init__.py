"""A network handed on: to other programs as ONNX, to other people as a folder with its card."""
