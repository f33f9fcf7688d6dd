"""Ten million records of twenty numbers in parquet files, projected on workers whose memory does not hold them.

    python benchmarks/make_wide.py make DIRECTORY            # 1.6 GB
    python benchmarks/make_wide.py solve DIRECTORY           # two workers of 600 MB each

Every file holds the records of some columns of A: a table of d rows and N columns, which is A transposed. `solve`
prints what a pass over the files takes, the certificate, and the most memory that a worker held at a time.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from time import perf_counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bregman_l1 import BregmanProjection, L1Minimization, LinearSystem, solve

ROWS = 20


def make(directory: Path, records: int, files: int) -> None:
    """Write the records and, beside them, totals that weights of mean one half give."""
    directory.mkdir(parents=True, exist_ok=True)
    totals, started = np.zeros(ROWS), perf_counter()
    for number, share in enumerate(np.array_split(np.arange(records), files)):
        rng = np.random.default_rng(number)
        values = rng.standard_normal((share.size, ROWS))
        totals += rng.exponential(0.5, size=share.size) @ values
        table = pa.table({f"x{i:02}": values[:, i] for i in range(ROWS)})
        pq.write_table(table, directory / f"part-{number:04}.parquet", compression="none")
    np.save(directory / "totals.npy", totals)
    size = sum(file.stat().st_size for file in directory.glob("*.parquet"))
    print(f"{records} records in {files} files, {size / 1e9:.2f} GB, in {perf_counter() - started:.0f} s")


def solve_on_cluster(directory: Path, workers: int, memory: str, alpha: float) -> None:
    import dask.dataframe as dd
    from distributed import Client, LocalCluster

    settings = {"n_workers": workers, "threads_per_worker": 1, "memory_limit": memory, "dashboard_address": ":0"}
    with LocalCluster(**settings) as cluster, Client(cluster) as client:
        files = sorted(map(str, directory.glob("*.parquet")))
        lengths = [pq.read_metadata(file).num_rows for file in files]  # lengths=True would read all files to count
        A = dd.read_parquet(files).to_dask_array(lengths=lengths).T
        print(f"{A.nbytes / 1e9:.2f} GB in {A.npartitions} blocks on {workers} workers of {memory} each")
        started = perf_counter()
        system = LinearSystem(A, np.load(directory / "totals.npy"))
        print(f"system       {perf_counter() - started:6.1f} s, one pass")
        for problem in (BregmanProjection(system, alpha), L1Minimization(system)):
            started = perf_counter()
            solution = solve(problem)
            print(
                f"solve        {perf_counter() - started:6.1f} s, {solution.iterations} passes before the certificate"
            )
            print(solution)
        peaks = [worker / 1e9 for worker in client.run(_peak_memory).values()]
        print(f"most memory  {', '.join(f'{peak:.2f} GB' for peak in peaks)}")


def _peak_memory() -> int:
    import resource

    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["make", "solve"])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--records", type=int, default=10_000_000)
    parser.add_argument("--files", type=int, default=80)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--memory", default="600MB")
    parser.add_argument("--alpha", type=float, default=0.5)
    given = parser.parse_args()
    if given.what == "make":
        make(given.directory, given.records, given.files)
    else:
        solve_on_cluster(given.directory, given.workers, given.memory, given.alpha)


if __name__ == "__main__":
    main()
