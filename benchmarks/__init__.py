"""Side by side with the peers: `nox -s bench` measures, `docs/benchmarks.md` has the results."""
