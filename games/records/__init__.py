"""Games as other programs write them: SGF for Go, PGN for chess. The rules that replay them are ours.

A reader is a function `read(data: bytes) -> Iterator[Record | UserError]`, declared in the entry-point group
`selfplay.records` under the suffix of its files.
"""
