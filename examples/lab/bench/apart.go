package main

import "context"

// apart are the contestants that do not read in this process. Each is nil where it
// is missing, for the reason that is given.
type apart struct {
	python   *process
	noPython string
	google   *google
	noGoogle string
}

// startApart starts them and gives them the data. Whoever calls it has to stop
// them.
func startApart(ctx context.Context, sets []*dataset, p *progress) (a *apart, err error) {
	a = &apart{}
	defer func() {
		if err != nil {
			a.stop()
			a = nil
		}
	}()
	if a.python, a.noPython = startPython(ctx); a.python != nil {
		if err := a.python.load(sets); err != nil {
			return a, err
		}
	}
	p.say("building the program of google/fhir")
	if a.google, a.noGoogle, err = startGoogle(ctx); a.google != nil {
		err = a.google.load(sets)
	}
	return a, err
}

func (a *apart) stop() {
	if a.python != nil {
		a.python.stop()
	}
	if a.google != nil {
		a.google.stop()
	}
}
