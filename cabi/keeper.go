package main

import "C"

import (
	"os"

	"jiajia/core/conf"
	"jiajia/core/join"
	"jiajia/core/keep"
	"jiajia/core/launch"
)

// jiaKeep does not return in a process that becomes the keeper of a job. Others are: hosts that somebody else has started, a
// program that is kept already, and whatever the settings do not want restarted. Settings that cannot be read are jia_init's business.
//
//export jiaKeep
func jiaKeep(mask C.ulong) {
	if started, err := launch.Member(); err != nil || started {
		return
	}
	if value := os.Getenv(keep.Env); value != "" && keep.IsKept(value) {
		return
	}
	settings, _, err := conf.Read("", os.Getenv)
	if err != nil || settings.OnFailure != conf.FailureRestart || join.Launched(settings, os.Getenv) {
		return
	}
	path, args := launch.Program(startArguments())
	keep.End(keep.Run(keep.Config{
		Path: path, Args: args, Env: os.Environ(), Mask: uint64(mask),
		MaxRestarts: settings.MaxRestarts, CkptDir: settings.CkptDir,
		LeaveOut: func(machines []string) error {
			_, _, err := conf.ReadHosts("", settings, machines)
			return err
		},
	}))
}
