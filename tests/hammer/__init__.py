"""Many processes on few scarce platforms, some of them killed: nothing may ever be overbooked."""
