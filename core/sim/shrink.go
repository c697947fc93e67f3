package sim

// shrink takes operations out of a program that fails, for as long as it goes on failing, under the same schedule or one
// of a few others. A program without an operation is free of data races too. It returns the program and the seed of the
// schedule under which it fails.
func shrink(p *Program, opt Options) (*Program, Options) {
	opt.trace = nil
	one, same := culprit(p, opt)
	if o, ok := stillFails(one, same); ok {
		p, opt = one, o
	}
	for progress := true; progress; {
		progress = false
		for h := range p.threads {
			for t := range p.threads[h] {
				for i := len(p.threads[h][t]) - 1; i >= 0; i-- {
					smaller := p.without(h, t, i)
					if smaller == nil {
						continue
					}
					if o, ok := stillFails(smaller, opt); ok {
						p, opt, progress = smaller, o, true
						i = min(i, len(p.threads[h][t]))
					}
				}
			}
		}
	}
	return p, opt
}

// culprit returns that of a program and those that follow it which fails, by itself. It begins from what it was restored from, in memory.
func culprit(p *Program, opt Options) (*Program, Options) {
	for {
		failure, img := runOnce(p, opt)
		if failure != nil || img == nil || p.runs == 0 {
			break
		}
		p, opt = img.next(p, opt)
	}
	one := *p
	if one.runs = 0; one.image != nil {
		img := *one.image
		img.disks = nil
		one.image = &img
	}
	return &one, opt
}

// stillFails tries a few schedules.
func stillFails(p *Program, opt Options) (Options, bool) {
	first := opt.Seed
	for s := range uint64(20) {
		opt.Seed = first + s
		if Run(p, opt) != nil {
			return opt, true
		}
	}
	return opt, false
}

// without returns the program without one operation of a thread, or without a critical section that is empty but for it.
// It returns nil when the operation has to stay.
func (p *Program) without(h, t, i int) *Program {
	ops := p.threads[h][t]
	end := i + 1
	switch ops[i].kind {
	case opRead, opWrite, opPeek, opEvict, opClean, opPrefetch, opAtomic:
	case opLock, opTry:
		if end >= len(ops) || ops[end].kind != opUnlock || ops[end].id != ops[i].id {
			return nil
		}
		end++
	case opRWLock:
		if end >= len(ops) || ops[end].kind != opRWUnlock {
			return nil
		}
		end++
	default:
		return nil
	}
	q := *p
	q.threads = append([][][]op(nil), p.threads...)
	q.threads[h] = append([][]op(nil), p.threads[h]...)
	q.threads[h][t] = append(append([]op(nil), ops[:i]...), ops[end:]...)
	return &q
}
