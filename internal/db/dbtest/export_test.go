package dbtest

// DropAbandoned is what a process does before it makes its first database.
var DropAbandoned = dropAbandoned
