"""For authors of plugins: contract suites to inherit, and fakes. Needs pytest."""
