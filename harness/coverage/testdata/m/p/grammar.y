%token A
/* comment */ { return 1
}
