package tests

import (
	"os"
	"path/filepath"
	"testing"
)

// A set-user-ID program cannot start others, and says why; alone it runs as ever.
func TestSetUserID(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can make a program that runs as somebody else")
	}
	const name, owner = "pi-of-another", 1
	path := filepath.Join(built, name)
	if err := command("cp", filepath.Join(built, "pi"), path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(path) })
	if err := os.Chown(path, owner, owner); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, os.ModeSetuid|0o755); err != nil {
		t.Fatal(err)
	}
	privileged := job{program: name, args: []string{"1"}, hosts: 2, user: true}
	r := privileged.start(t)
	result := r.wait()
	if result.status == 0 && result.stderr == "" {
		t.Skip("set-user-ID has no effect here: a mount option, or no_new_privs")
	}
	t.Log(result.failed(t, "set-user-ID", "JIA_NPROC"))
	r.nothingLeft()
	privileged.hosts = 0
	privileged.run(t).good(t, ", 1 host(s): ok")
}
