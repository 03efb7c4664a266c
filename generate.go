package main

//go:generate go generate ./ent
//go:generate go tool gqlgen generate
