// Package ssh starts jobs on three machines over real ssh connections. The machines are network namespaces of this one, joined by
// a bridge, each with an sshd of its own. Two of them have a view of the file system of their own too, in which neither the program
// nor a home directory can be seen, so that the program really has to be copied.
//
// To make namespaces takes root; as an ordinary user the tests are skipped. Nothing outside the namespaces is touched: they, and
// all processes in them, are gone when the tests are.
//
//	go test ./tests/ssh
//	go test ./tests/ssh -run '^$' -bench .      how long a launch takes, beside a bare "ssh host true"
package ssh
