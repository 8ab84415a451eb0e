package orders

import (
	"testing"

	"example.com/postgres/database"
)

func TestInsert(t *testing.T) {
	sql := database.Open(t)
	sql("CREATE TABLE things (name text)")
	sql("INSERT INTO things VALUES ('orders')")
	if got := sql("SELECT name FROM things"); got != "orders" {
		t.Errorf("the table has %s", got)
	}
}
