//go:build rdma

package rdma

import (
	"bufio"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"jiajia/core/node"
	"jiajia/core/node/nodetest"
	"jiajia/core/wire"
)

// lossTime is how soon the end of a peer must be known.
const lossTime = 5 * time.Second

// peerCards has a child process play host 1, for the host 0 with these cards.
const peerCards = "JIA_RDMA_PEER"

func TestMain(m *testing.M) {
	if card := os.Getenv(peerCards); card != "" {
		playPeer(card)
		return
	}
	os.Exit(m.Run())
}

func playPeer(card string) {
	var self netip.Addr
	self.UnmarshalText([]byte(os.Getenv(peerCards + "_AT")))
	o := options(1, 2, deaf{}, []netip.Addr{self})
	o.Memory = make([]byte, 2*nodetest.PageSize) // Go does not move it
	tr := New(o)
	mine, why := tr.Card()
	fmt.Println(mine, why)
	if err := tr.Try([]string{card, mine})[0]; err != nil {
		panic(err)
	}
	if err := tr.Start([]bool{true, true}); err != nil {
		panic(err)
	}
	tr.Publish([]node.Span{{Page: 0, Count: 1}})
	fmt.Println("started")
	select {}
}

// TestPeerKilled: a killed process is lost at once, and who waits for it is told.
func TestPeerKilled(t *testing.T) {
	at := devices(t)
	lost := make(chan error, 1)
	tr := New(options(0, 2, deaf{lost}, at))
	defer tr.Close()
	card, why := tr.Card()
	if card == "" {
		t.Fatal(why)
	}
	peer := exec.Command(os.Args[0])
	peer.Env = append(os.Environ(), peerCards+"="+card, peerCards+"_AT="+at[len(at)-1].String())
	peer.Stderr = os.Stderr
	out, err := peer.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := peer.Start(); err != nil {
		t.Fatal(err)
	}
	defer peer.Wait()
	defer peer.Process.Kill()
	said := bufio.NewScanner(out)
	said.Scan()
	if err := tr.Try([]string{card, strings.TrimSpace(said.Text())})[1]; err != nil {
		t.Fatal(err)
	}
	if err := tr.Start([]bool{true, true}); err != nil {
		t.Fatal(err)
	}
	if said.Scan(); said.Text() != "started" {
		t.Fatal(said.Text())
	}
	box, err := tr.OpenMailbox(1)
	if err != nil {
		t.Fatal(err)
	}
	waiting := make(chan error, 1)
	go func() { waiting <- box.Recv(1, new(wire.Message), nil) }()
	reader, err := tr.OpenMailbox(2)
	if err != nil {
		t.Fatal(err)
	}
	frames := [][]byte{make([]byte, nodetest.PageSize)}
	if ok, err := reader.Read(1, []wire.PageID{0}, frames); !ok || err != nil {
		t.Fatalf("read: %v, %v", ok, err)
	}
	reading := make(chan error, 1)
	go func() {
		var err error
		for ok := true; ok; {
			ok, err = reader.Read(1, []wire.PageID{0}, frames)
		}
		reading <- err
	}()
	began := time.Now()
	peer.Process.Kill()
	told(t, began, lost, waiting, reading)
}

// told checks that a loss becomes known in time everywhere.
func told(t *testing.T, began time.Time, where ...chan error) {
	t.Helper()
	for _, c := range where {
		select {
		case err := <-c:
			if took := time.Since(began); took > lossTime {
				t.Errorf("after %v, too late: %v", took, err)
			}
			t.Logf("after %v: %v", time.Since(began), err)
			if err == nil {
				t.Error("a lost peer is no error")
			}
		case <-time.After(5*lossTime - time.Since(began)):
			t.Fatalf("nothing was said for %v", 5*lossTime)
		}
	}
}

// TestLinkDown cuts the wire of a software device: hosts that do nothing learn of it, too.
func TestLinkDown(t *testing.T) {
	at := devices(t)
	wire1 := interfaceOf(t, at[min(1, len(at)-1)])
	links, err := exec.Command("rdma", "link", "show").CombinedOutput()
	if len(at) < 2 || !strings.Contains(string(links), "link rxe") || strings.Contains(string(links), "link mlx") {
		t.Skipf("this cuts a network interface off: only where there is nothing but two devices of Soft-RoCE: %s %v", links, err)
	}
	losses := []chan error{make(chan error, 1), make(chan error, 1)}
	ts := start(t, []node.Handler{deaf{losses[0]}, deaf{losses[1]}}, func(*Options) {})
	for _, tr := range ts {
		defer tr.Close()
	}
	box, err := ts[0].OpenMailbox(1)
	if err != nil {
		t.Fatal(err)
	}
	waiting := make(chan error, 1)
	go func() { waiting <- box.Recv(wire.Any, new(wire.Message), nil) }()
	began := time.Now()
	if out, err := exec.Command("tc", "qdisc", "add", "dev", wire1, "root", "netem", "loss", "100%").CombinedOutput(); err != nil {
		t.Skipf("cut the wire of %s: %v %s", wire1, err, out)
	}
	defer exec.Command("tc", "qdisc", "del", "dev", wire1, "root").Run()
	told(t, began, losses[0], losses[1], waiting)
}

// interfaceOf returns the network interface that has an address.
func interfaceOf(t *testing.T, a netip.Addr) string {
	t.Helper()
	list, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range list {
		addrs, _ := i.Addrs()
		for _, x := range addrs {
			if p, err := netip.ParsePrefix(x.String()); err == nil && p.Addr() == a {
				return i.Name
			}
		}
	}
	t.Fatalf("no interface has the address %v", a)
	return ""
}
