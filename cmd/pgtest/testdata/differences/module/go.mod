module example.com/differences

go 1.24
