// Package budget limits what requests may use of a process, in total and for each
// organization, so that no sender can exhaust its memory or make others wait.
//
// A request passes two gates. [Budget.Admit] decides before the body is read, without
// waiting: it refuses a request that exceeds its organization's rate, or for which there
// is no place, with a [*Refusal]. An admitted request then waits in [Place.Enter] for its
// turn, for a limited time: only a few requests are worked on at the same time, and
// organizations take turns, however many requests each has waiting. A request gives up its
// turn while it waits for a slow client. If workers share the machine, [Options.Behind]
// leaves them their share.
//
// Package httpapi uses a Budget by itself. For uploads to a folder or to memory, which
// package signedurl serves, pass the organization of the signed key:
//
//	shared, err := budget.New(nil)
//	front, err := httpapi.New(service, tokens, &httpapi.Options{Budget: shared})
//	uploads, err := signedurl.NewHandler(bucket, signer, &signedurl.HandlerOptions{
//		OnCreated: service.ObjectCreated,
//		Admit: func(key string, bytes int64) (signedurl.Place, error) {
//			return shared.Admit(budget.Request{Organization: blobstore.OrganizationOf("incoming/fhir", key), Put: true, Bytes: bytes})
//		},
//	})
//
// # Shares
//
// Unless you set a limit per organization, an organization may have as many requests,
// bytes, lists and uploads in flight as are still free. So a single organization gets half
// of the total, two get a third each, and there is always something left for the next one.
// An organization with nothing in flight gets its first place as long as there is one.
//
// A Budget is for one process. Each process of a service has its own.
package budget
