module aiapp/benchmarks/fetch

go 1.26.0
