package main

import "jiajia/core/conf"

// settings lists the values in force; err is what is wrong with one of them, and what is then shown are the defaults.
func (m machine) settings(s conf.Settings, warnings []string, err error) section {
	sec := section{Name: "Settings"}
	standard, _ := conf.Load(func(string) string { return "" }) // the defaults are valid
	for _, row := range conf.Table {
		i := item{Name: row.Env, Value: row.Default + row.Unset, Why: "default", State: ok}
		switch value := row.Value(s); {
		case m.env(row.Env) != "":
			i.Value, i.Why = m.env(row.Env), "from the environment"
		case value != row.Value(standard):
			i.Value, i.Why = value, "from "+conf.ConfFile
		}
		sec.Items = append(sec.Items, i)
	}
	for _, w := range warnings {
		sec.Items = append(sec.Items, item{Name: "warning", Value: w, State: low, Remedy: "correct the setting, or remove it"})
	}
	if err != nil {
		sec.Items = append(sec.Items, item{Name: "mistake", Value: err.Error(), State: bad, Remedy: "correct the setting, or remove it"})
	}
	return sec
}

// launchers looks for the programs that start jobs on other machines. None of them is needed on one machine.
func (m machine) launchers() section {
	sec := section{Name: "Launchers"}
	for _, name := range []string{"ssh", "srun", "mpirun", "mpiexec"} {
		i := item{Name: name, State: ok}
		if path, err := m.lookPath(name); err == nil {
			i.Value = path
		} else {
			i.Value = "not found"
		}
		sec.Items = append(sec.Items, i)
	}
	return sec
}
