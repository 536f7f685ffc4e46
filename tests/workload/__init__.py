"""An app of kinds whose input picks how they end, for tests and benchmarks. Installed by EXTRA_APPS=tests.workload."""
