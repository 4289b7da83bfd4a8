// Package bench measures the server against what the machine can do at best: reads
// against a bare handler that answers the same bytes, creations against bare
// transactions of the same rows, in the same run and in turns. `make bench` runs it
// and prints the tables of docs/performance.md.
package bench
