"""Runs are trained once and kept under a fingerprint.

- `fingerprint`: what decides a run's numbers, as a hash
- `store`: run folders, written atomically, checked when read
- `execute`: train one run and turn it into tables
- `launch`: train many in parallel processes with one progress display
- `study`: a figure's runs, ready for its notebook
- `keys`: what a figure depends on, as a hash
- `notebooks`: execute a figure's notebook with papermill
- `tree`: the results tree of a version; `compare`: two of them
- `provenance`: commit, versions, hardware
"""
