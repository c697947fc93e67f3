package conf

import (
	"fmt"
	"strconv"
)

// Load reads the settings from env alone, which returns the value of a variable or "" when it is unset (os.Getenv will
// do). It serves hosts that were started by another process of the library, which has passed on what it found in files.
// The error is one line that names the variable, its value and the remedy; the Settings are then zero.
func Load(env func(string) string) (Settings, error) {
	return load(env, "", nil)
}

// LoadFile reads the settings as the process that a user started does: from env, as Load does; what is not there from
// text, the content of a ConfFile; what is in neither has its default. A value that is not in force is not looked at.
// path is only for messages. Each warning is one line; so is the error, which names file and line or the variable, what
// was found, what was expected and what to do; the Settings are then zero.
func LoadFile(env func(string) string, path string, text []byte) (Settings, []string, error) {
	entries, warnings, err := parseFile(path, text)
	if err != nil {
		return Settings{}, nil, err
	}
	s, err := load(env, path, entries)
	if err != nil {
		return Settings{}, nil, err
	}
	if s.CkptInterval > 0 && s.CkptDir == "" {
		warnings = append(warnings, "JIA_CKPT_INTERVAL has no effect without a place for checkpoints: name a directory with JIA_CKPT_DIR")
	}
	return s, warnings, nil
}

// load gives every setting its value from env, else from entries (by key), else its default.
func load(env func(string) string, path string, entries map[string]entry) (Settings, error) {
	s := Settings{Rank: -1}
	for _, row := range Table {
		bad := ValueError{Setting: row, Value: env(row.Env)}
		if bad.Value == "" {
			if e := entries[row.Name]; e.value != "" {
				bad.Value, bad.Place = e.value, fmt.Sprintf("%s:%d", path, e.line)
			}
		}
		value := bad.Value
		if value == "" {
			value = row.Default
		}
		if value == "" {
			continue
		}
		if !row.set(&s, value) {
			return Settings{}, &bad
		}
		// Without a hosts file they would all run here. The hosts setting has its turn later, so it is asked for.
		if row.Name == "nproc" && s.NProc > MaxLocalHosts && env("JIA_HOSTS") == "" && entries["hosts"].value == "" {
			return Settings{}, &bad
		}
	}
	s.NProcSet = env("JIA_NPROC") != ""
	if err := checkLaunched(&s); err != nil {
		return Settings{}, err
	}
	return s, nil
}

// checkLaunched finds what is missing or contradictory in what another launcher says.
func checkLaunched(s *Settings) error {
	const remedy = "set JIA_RANK, JIA_SIZE, JIA_ROOT and JIA_SECRET_FILE for every process, or none of them"
	switch {
	case s.Rank < 0 && s.Size == 0:
		return nil
	case s.Rank < 0:
		return fmt.Errorf("JIA_SIZE is %d, but JIA_RANK is not set: %s", s.Size, remedy)
	case s.Size == 0:
		return fmt.Errorf("JIA_RANK is %d, but JIA_SIZE is not set: %s", s.Rank, remedy)
	case s.Rank >= s.Size:
		return fmt.Errorf("JIA_RANK is %d, but must be below JIA_SIZE, which is %d: number the processes from 0 on", s.Rank, s.Size)
	case s.Size > 1 && s.Root == "":
		return fmt.Errorf("JIA_RANK is %d, but JIA_ROOT is not set: %s", s.Rank, remedy)
	case s.Size > 1 && s.SecretFile == "":
		return fmt.Errorf("JIA_RANK is %d, but JIA_SECRET_FILE is not set: %s", s.Rank, remedy)
	}
	return nil
}

// Environ returns every setting whose value is not the default as "JIA_X=value", in the order of Table. In an
// environment that has no other variable of the library, Load makes the same Settings of it, but for NProcSet.
func (s Settings) Environ() []string {
	standard, err := Load(func(string) string { return "" })
	if err != nil {
		panic(err) // a default is wrong
	}
	var env []string
	for _, row := range Table {
		if value := row.get(&s); value != row.get(&standard) {
			env = append(env, row.Env+"="+value)
		}
	}
	return env
}

// A ValueError is a setting whose value cannot be used.
type ValueError struct {
	Setting Setting
	Value   string
	Place   string // "file:line", or "" for the environment
}

func (e *ValueError) Error() string {
	what, correct, remove := e.Setting.Env, "correct it", "unset it"
	if e.Place != "" {
		what, correct, remove = e.Place+": "+e.Setting.Name, "correct the line", "remove it"
	}
	what += " is " + shown(e.Value)
	line := fmt.Sprintf("%s, but must be %s: %s, or %s", what, e.Setting.Type, correct, remove)
	if e.Setting.Default != "" {
		line += " for the default, " + e.Setting.Default
	}
	return line
}

// longestShown bounds, in bytes, how much of an input a message repeats.
const longestShown = 64

// shown quotes an input for a message of one line.
func shown(input string) string {
	if len(input) > longestShown {
		input = input[:longestShown] + "..."
	}
	return strconv.Quote(input)
}
