package event

import "testing"

func TestLevels(t *testing.T) {
	for level, want := range map[Level]string{
		Error: "",
		Warn:  "jia: host 3: warn: a 1\n",
		Info:  "jia: host 3: warn: a 1\njia: host 3: info: b 2\n",
		Debug: "jia: host 3: warn: a 1\njia: host 3: info: b 2\njia: host 3: debug: c 3 d\n",
	} {
		var got string
		l := New(level, 3)
		l.write = func(line []byte) { got += string(line) }
		l.Warnf("a %d", 1)
		l.Infof("b %d", 2)
		l.Debugf("c %d\n d\n", 3) // one line, whatever it is given
		if got != want {
			t.Errorf("level %v wrote %q, want %q", level, got, want)
		}
	}
}

func TestNoLog(t *testing.T) {
	var l *Log
	l.Warnf("nobody hears this")
	if l.On(Warn) {
		t.Error("a log that is not there is on")
	}
}

func TestParseLevel(t *testing.T) {
	for level, name := range names {
		if got, ok := ParseLevel(name); !ok || got != Level(level) {
			t.Errorf("%q is %v, %v", name, got, ok)
		}
	}
	if _, ok := ParseLevel("loud"); ok {
		t.Error("a level that does not exist was found")
	}
}
