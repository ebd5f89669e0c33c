package ingest

// Operator looks at and changes the jobs of all organizations. It is for whoever runs the
// service: no method takes a [Caller], so don't make one reachable by credentials of a
// tenant. Package httpapi does not. It is safe for concurrent use.
type Operator struct{ svc *Service }

// Operator returns the operator's view of the Service.
func (s *Service) Operator() *Operator { return &Operator{svc: s} }
