package main

import "jiajia/core/conf"

// settings lists the values in force; err is what is wrong with one of them.
func (m machine) settings(err error) section {
	sec := section{Name: "Settings"}
	for _, row := range conf.Table {
		i := item{Name: row.Env, Value: row.Default, Why: "default", State: ok}
		if value := m.env(row.Env); value != "" {
			i.Value, i.Why = value, "from the environment"
		}
		sec.Items = append(sec.Items, i)
	}
	if err != nil {
		sec.Items = append(sec.Items, item{Name: "mistake", Value: err.Error(), State: bad, Remedy: "as it says"})
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
