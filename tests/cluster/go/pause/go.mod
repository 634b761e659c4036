module aiapp/cluster/pause

go 1.26.0
