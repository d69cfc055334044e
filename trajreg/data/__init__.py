"""Data sets as whole tensors with a checksum.

- `spec`: which data set, and its options (imports no torch)
- `sources`: the identity of what a data set is made from (imports no torch)
- `dataset`: the tensors and their checksum
- `load`: from a spec to the tensors, with the dict of all data sets
- `images`: what the image sets share: a fixed choice of samples, exact standardisation
- `augment`: random crops and flips of mini-batches
- `download`: the official files of sets that are downloaded; `fetch`: such a set as an archive
- `archive_keys`: the arrays in an archive, from their headers (imports no torch); `archive_checks`: whether they are what it takes
- `digits`, `vision`, `archive`, `quadratic`: the data sets
"""
