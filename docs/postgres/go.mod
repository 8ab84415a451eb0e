module example.com/postgres

go 1.25
