package route

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jiajia/core/launch"
	"jiajia/core/node"
	"jiajia/core/wire"
)

// A fake candidate reaches the hosts that it is told.
type fake struct {
	node.Transport
	card, why string
	refuses   func(host int) error

	tried   []string
	started []bool
	closed  bool
}

func (f *fake) Card() (string, string) { return f.card, f.why }

func (f *fake) Try(cards []string) []error {
	f.tried = cards
	refused := make([]error, len(cards))
	for host := range cards {
		refused[host] = f.refuses(host)
	}
	return refused
}

func (f *fake) Start(keep []bool) error {
	f.started = keep
	return nil
}

func (f *fake) Close() error {
	f.closed = true
	return nil
}

func (f *fake) Feed() node.Feed { return nil }

// A hall is where the hosts of a job in this process gather.
type hall struct {
	mu    sync.Mutex
	cond  *sync.Cond
	round int
	texts []string
	known int
	last  []string
}

func newHall(hosts int) *hall {
	h := &hall{texts: make([]string, hosts)}
	h.cond = sync.NewCond(&h.mu)
	return h
}

func (h *hall) gather(host int) Gather {
	return func(text string) ([]string, error) {
		if err := launch.CheckGather(text); err != nil {
			return nil, err
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		round := h.round
		h.texts[host] = text
		if h.known++; h.known == len(h.texts) {
			h.last, h.texts, h.known = h.texts, make([]string, len(h.texts)), 0
			h.round++
			h.cond.Broadcast()
		}
		for h.round == round {
			h.cond.Wait()
		}
		return h.last, nil
	}
}

// agree has all hosts agree.
func agree(t *testing.T, ways [][]Way) ([]*Plan, []error) {
	t.Helper()
	plans, errs := make([]*Plan, len(ways)), make([]error, len(ways))
	h := newHall(len(ways))
	var all sync.WaitGroup
	for host := range ways {
		all.Add(1)
		go func() {
			defer all.Done()
			plans[host], errs[host] = Agree(wire.HostID(host), len(ways), ways[host], h.gather(host), launch.MaxGather)
		}()
	}
	all.Wait()
	return plans, errs
}

// always reaches every host.
func always() *fake { return &fake{card: "yes", refuses: func(int) error { return nil }} }

// TestMixedJob has three machines: hosts 0 to 2 and 3 to 4 share one each, 5 is alone; 4 has no RDMA, and 0 cannot reach 5 by it.
func TestMixedJob(t *testing.T) {
	machine := []int{0, 0, 0, 1, 1, 2}
	var ways [][]Way
	for host := range machine {
		shm := &fake{card: fmt.Sprint("machine", machine[host]), refuses: func(peer int) error {
			if machine[peer] != machine[host] {
				return errors.New("it is another machine")
			}
			return nil
		}}
		rdma := Way{Name: "rdma", Words: "RDMA", Detail: func() string { return "rxe0" }, Candidate: &fake{card: "gid=fe80::1", refuses: func(peer int) error {
			if host == 0 && peer == 5 {
				return errors.New("no route; 100% lost")
			}
			return nil
		}}}
		if host == 4 {
			rdma.Candidate, rdma.Why = nil, "no device" // nor a Detail
		}
		ways = append(ways, []Way{{Name: "shm", Words: "shared memory", Candidate: shm}, rdma, {Name: "tcp", Words: "TCP", Candidate: always()}})
	}
	plans, errs := agree(t, ways)
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	for host, want := range []string{
		"hosts 1-2 by shared memory, host 3 by RDMA (rxe0), hosts 4-5 by TCP",
		"hosts 0 and 2 by shared memory, hosts 3 and 5 by RDMA (rxe0), host 4 by TCP",
		"hosts 0-1 by shared memory, hosts 3 and 5 by RDMA (rxe0), host 4 by TCP",
		"host 4 by shared memory, hosts 0-2 and 5 by RDMA (rxe0)",
		"host 3 by shared memory, hosts 0-2 and 5 by TCP",
		"hosts 1-3 by RDMA (rxe0), hosts 0 and 4 by TCP",
	} {
		if got := plans[host].Words(); got != want {
			t.Errorf("host %d: %s, want %s", host, got, want)
		}
	}
	for host, want := range map[int][]string{
		0: {"RDMA (rxe0) is not possible with host 4: there: no device", "RDMA (rxe0) is not possible with host 5: no route; 100% lost"},
		3: nil,
		4: {"RDMA is not possible with hosts 0-2 and 5: this host: no device"},
		5: {"RDMA (rxe0) is not possible with host 0: as found there: no route; 100% lost", "RDMA (rxe0) is not possible with host 4: there: no device"},
	} {
		if diff := cmp.Diff(want, plans[host].Missed("rdma")); diff != "" {
			t.Errorf("host %d: %s", host, diff)
		}
	}
	for host, p := range plans {
		if err := p.Start(); err != nil {
			t.Error(err)
		}
		for i, w := range ways[host] {
			f, there := w.Candidate.(*fake)
			if !there {
				continue
			}
			if hosts := p.hosts(i); hosts.empty() != f.closed || hosts.empty() != (f.started == nil) {
				t.Errorf("host %d: %s has peers %v, was started with %v, closed: %v", host, w.Name, hosts, f.started, f.closed)
			} else if !f.closed && cmp.Diff([]bool(hosts), f.started) != "" {
				t.Errorf("host %d: %s was started with %v", host, w.Name, f.started)
			}
		}
		if f := ways[host][1].Candidate; f != nil && (f.(*fake).tried[4] != "" || f.(*fake).tried[5] != "gid=fe80::1") {
			t.Errorf("host %d tried the cards %q", host, f.(*fake).tried)
		}
	}
}

// TestNoOtherWay has two hosts that cannot reach each other by what the user insists on: both say the same.
func TestNoOtherWay(t *testing.T) {
	for _, test := range []struct {
		name string
		way  func(host int) Way
		want string
	}{
		{"no device", func(host int) Way {
			if host == 2 {
				return Way{Name: "rdma", Words: "RDMA", Why: "no device: see jia-info"}
			}
			return Way{Name: "rdma", Words: "RDMA", Candidate: always()}
		}, "hosts 0 and 2 cannot reach each other by RDMA: host 2: no device: see jia-info"},
		{"refused from one end", func(host int) Way {
			f := always()
			f.refuses = func(peer int) error {
				if host == 2 && peer == 0 {
					return errors.New("unreachable")
				}
				return nil
			}
			return Way{Name: "rdma", Words: "RDMA", Candidate: f}
		}, "hosts 0 and 2 cannot reach each other by RDMA: host 2: unreachable"},
	} {
		var ways [][]Way
		for host := range 3 {
			ways = append(ways, []Way{test.way(host)})
		}
		_, errs := agree(t, ways)
		for _, host := range []int{0, 2} {
			if errs[host] == nil || errs[host].Error() != test.want {
				t.Errorf("%s: host %d: %v", test.name, host, errs[host])
			}
		}
	}
}

// TestPairsAgree draws verdicts at random: both ends of each pair choose the same, and the first that both name.
func TestPairsAgree(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	names := []string{"shm", "rdma", "tcp"}
	for range 200 {
		hosts := 2 + rng.IntN(40)
		tables := make([]table, hosts)
		texts := make([]string, hosts)
		for host := range hosts {
			var list []verdict
			for range names {
				v := verdict{works: make(set, hosts)}
				for i := range v.works {
					v.works[i] = rng.IntN(3) > 0
				}
				list = append(list, v)
			}
			texts[host] = encodeVerdicts(names, list, 20+rng.IntN(300)) // what does not fit is left out, for both ends
		}
		for host := range tables {
			tables[host].names = names
			for _, text := range texts {
				list, err := decodeVerdicts(names, text, hosts)
				if err != nil {
					t.Fatal(err)
				}
				tables[host].verdicts = append(tables[host].verdicts, list)
			}
		}
		for a := range hosts {
			for b := range a {
				way := tables[a].choose(a, b)
				if other := tables[b].choose(b, a); other != way {
					t.Fatalf("hosts %d and %d: %d and %d", a, b, way, other)
				}
				for i := range names {
					both := tables[a].verdicts[a][i].works[b] && tables[a].verdicts[b][i].works[a]
					if both && (way == none || i < way) || !both && i == way {
						t.Fatalf("hosts %d and %d use %d, both name %d: %v", a, b, way, i, both)
					}
				}
			}
		}
	}
}

func TestOneTransportIsUsedAsItIs(t *testing.T) {
	shm, tcp := always(), always()
	p := &Plan{self: 0, way: []int{none, 0, 0}, ways: []Way{{Name: "shm", Candidate: shm}, {Name: "tcp", Candidate: tcp}}}
	if got, err := p.Transport(time.Second); got != node.Transport(shm) || err != nil {
		t.Errorf("%T, %v", got, err)
	}
	p.way[2] = 1
	got, err := p.Transport(0)
	if _, joined := got.(*Transport); !joined || err != nil {
		t.Fatalf("%T, %v", got, err)
	}
	if err := got.Close(); err != nil || !shm.closed || !tcp.closed {
		t.Errorf("%v; closed: %v, %v", err, shm.closed, tcp.closed)
	}
}

// TestManyReasons has each of many hosts refuse for a reason of its own.
func TestManyReasons(t *testing.T) {
	var ways [][]Way
	for host := range 6 {
		f := always()
		f.refuses = func(peer int) error { return fmt.Errorf("host %d does not like host %d", host, peer) }
		ways = append(ways, []Way{{Name: "rdma", Words: "RDMA", Candidate: f}, {Name: "tcp", Words: "TCP", Candidate: always()}})
	}
	plans, errs := agree(t, ways)
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	want := []string{"RDMA is not possible with host 1: host 0 does not like host 1", "RDMA is not possible with host 2: host 0 does not like host 2",
		"RDMA is not possible with host 3: host 0 does not like host 3", "RDMA is not possible with hosts 4-5: for other reasons"}
	if diff := cmp.Diff(want, plans[0].Missed("rdma")); diff != "" {
		t.Error(diff)
	}
}

func TestSetWords(t *testing.T) {
	for text, want := range map[string]string{
		"3":                         "host 3",
		"0-1":                       "hosts 0-1",
		"0-1,3":                     "hosts 0-1 and 3",
		"0,2,4,6,8,10,12,14":        "hosts 0, 2, 4, 6, 8, 10, 12 and 14",
		"0,2,4,6,8,10,12,14,16-18":  "hosts 0, 2, 4, 6, 8, 10, 12, 14 and 3 more",
		"0,2,4,6,8,10,12-14,99-199": "hosts 0, 2, 4, 6, 8, 10, 12-14 and 99-199",
	} {
		s, err := parseSet(text, 200)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.text(1000); got != text {
			t.Errorf("%q became %q", text, got)
		}
		if got := s.words(); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	for _, text := range []string{",", "1,", "-1", "3-2", "2,1", "1-2,2", "200", "0-200", "a", "99999999999999999999"} {
		if _, err := parseSet(text, 200); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

// FuzzTexts reads what a host may send in the two rounds: what is taken survives being sent on.
func FuzzTexts(f *testing.F) {
	names := []string{"shm", "tcp"}
	f.Add("shm=/run/x:1;tcp!=no+network%21")
	f.Add("shm=1-3!4,6:too+far!5:gone;tcp=")
	f.Fuzz(func(t *testing.T, text string) {
		const hosts = 20
		if cards, err := decodeCards(names, text); err == nil {
			again, err := decodeCards(names, encodeCards(names, cards))
			for i := range cards {
				cards[i].why = cut(cards[i].why)
			}
			if err != nil || cmp.Diff(cards, again, cmp.AllowUnexported(card{})) != "" {
				t.Errorf("cards %+v became %+v, %v", cards, again, err)
			}
		}
		if verdicts, err := decodeVerdicts(names, text, hosts); err == nil {
			for _, most := range []int{30, 100, 10000} {
				sent := encodeVerdicts(names, verdicts, most)
				if len(sent) > most {
					t.Errorf("%d bytes where %d are allowed: %s", len(sent), most, sent)
				}
				again, err := decodeVerdicts(names, sent, hosts)
				if err != nil {
					t.Fatalf("%s: %v", sent, err)
				}
				for i := range again {
					if most == 10000 && cmp.Diff(verdicts[i].works, again[i].works) != "" {
						t.Errorf("%s became %s", text, sent)
					}
				}
			}
		}
	})
}

func TestReasonsAreKeptShort(t *testing.T) {
	long := strings.Repeat("ü", 1000)
	v := judge(1, []string{"a", "b", "c", ""}, []error{nil, nil, errors.New(long), nil})
	text := encodeVerdicts([]string{"rdma"}, []verdict{v}, launch.MaxGather)
	if err := launch.CheckGather(text); err != nil {
		t.Error(err)
	}
	got, err := decodeVerdicts([]string{"rdma"}, text, 4)
	if err != nil || got[0].why(2) != strings.Repeat("ü", longestWhy/2)+"..." || !got[0].works[0] || got[0].works[3] {
		t.Errorf("%+v, %v", got, err)
	}
}
