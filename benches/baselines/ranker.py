"""scipy, scikit-learn and pandas, measured beside labrpc's ranker.

Coordinates come as raw little-endian f64, three a person unless another number is given, already scaled so that the
body distance is the Manhattan distance; they are whole numbers, so every sum is exact and the checksums must be equal.

    ranker.py scipy [3] FILE    build a cKDTree, query the two nearest of each point
    ranker.py sklearn [3] FILE  the same with sklearn.neighbors.KDTree
    ranker.py pandas CSV        the whole way from a CSV file to the closest pair
    ranker.py ties CSV          how many pairs of a CSV file have the same build

The first two print the seconds of processor time, the sum of the distances to the nearest and the smallest of them; the
third one the smallest distance and its own peak memory in KiB.
"""

import os
import sys
import time

# One thread, as on labrpc's side; numpy reads this once, on import.
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np


def peak():
    with open("/proc/self/status") as status:
        return next(line.split()[1] for line in status if line.startswith("VmHWM"))


def scipy(path, axes):
    from scipy.spatial import cKDTree

    points = np.fromfile(path).reshape(-1, axes)
    start = time.process_time()
    distance, _ = cKDTree(points).query(points, k=2, p=1)
    return time.process_time() - start, distance[:, 1]


def sklearn(path, axes):
    from sklearn.neighbors import KDTree

    points = np.fromfile(path).reshape(-1, axes)
    start = time.process_time()
    distance, _ = KDTree(points, metric="manhattan").query(points, k=2)
    return time.process_time() - start, distance[:, 1]


def pandas(path):
    import pandas as pd
    from scipy.spatial import cKDTree

    people = pd.read_csv(path)
    sizes = ["XXS", "XS", "S", "M", "L", "XL", "XXL", "XXXL"]
    step = people["size"].map({size: step for step, size in enumerate(sizes)})
    points = np.column_stack([7 * people["height"], 5 * people["weight"], 60 * step])
    distance, other = cKDTree(points).query(points, k=2, p=1)
    closest = distance[:, 1].argmin()
    a, b = sorted([closest, other[closest, 1]])
    print(people["id"][a], people["id"][b], file=sys.stderr)
    print(0, 0, round(distance[:, 1].min(), 6), peak())


def ties(path):
    import pandas as pd

    alike = pd.read_csv(path).groupby(["height", "weight", "size"]).size()
    print((alike * (alike - 1) // 2).sum())


def main():
    baseline, *axes, path = sys.argv[1:]
    if baseline in ("pandas", "ties"):
        return {"pandas": pandas, "ties": ties}[baseline](path)
    seconds, nearest = {"scipy": scipy, "sklearn": sklearn}[baseline](path, int(axes[0]) if axes else 3)
    print(seconds, int(nearest.sum()), int(nearest.min()))


main()
