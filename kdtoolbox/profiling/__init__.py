"""What networks cost, side by side: parameters, operations, memory, latency and throughput."""
