"""Runs are made once and kept under a fingerprint, with what was measured of them. In the order in which a run meets them:

- `fingerprint`: what decides a run's numbers, as a hash; `store`: run folders, written atomically, checked when read
- `plan`: what is wanted and not there; `launch`: a pool of processes, with one progress `display`; `execute`: one run
- `tune`: choose learning rates from a declared grid
- `outcome`: what the module that makes a kind of run hands over; `training`: that of trainings and their measurements
- `study`: a figure's runs, ready for its notebook; `keys`: what a figure depends on, as a hash; `notebooks`: execute one with papermill
- `products`: what a figure's notebook saves, as files and a list of them
- `tree`: the results tree of a version; `compare`: two of them; `provenance`: commit, versions, hardware
"""
