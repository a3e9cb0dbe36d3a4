"""Combines cubes with mpdaf and writes the raw arrays: argument is a JSON file of files and jobs."""
import json
import sys

import numpy as np
from mpdaf.obj import CubeList

with open(sys.argv[1]) as text:
    asked = json.load(text)
statistics = []
for n, job in enumerate(asked["jobs"]):
    cubes = CubeList(asked["files"])
    if job["method"] == "median":
        cube, expmap, table = cubes.median()
    else:
        low, up = job["nclip"]
        cube, expmap, table = cubes.combine(
            nmax=job["nmax"], nclip=(low, up), nstop=job["nstop"], var=job["var"], mad=job["mad"])
        np.asarray(cube._var, dtype="<f8").tofile(f"{asked['out']}/{n}.var")
    np.asarray(cube._data, dtype="<f8").tofile(f"{asked['out']}/{n}.data")
    np.asarray(expmap._data, dtype="<f8").tofile(f"{asked['out']}/{n}.expmap")
    statistics.append({name: [int(v) for v in table[name]] for name in table.colnames if name != "FILENAME"})
with open(f"{asked['out']}/statistics.json", "w") as text:
    json.dump(statistics, text)
