// Package budget bounds what requests may use of a process, in all and for each
// organization, so that no sender can use up its memory or keep others waiting.
//
// A request passes two gates. [Budget.Admit] decides before its body is read, and never
// waits: it refuses a request that is over the rate of its organization, or for which no
// place is free, with a [*Refusal]. An admitted request then waits in [Place.Enter] for its
// turn, for a bounded time: few requests are worked on at once, and organizations take
// turns, however many requests each of them has waiting. A request gives up its turn while
// it waits for a slow client. Where workers share the machine,
// [Options.Behind] leaves them their share of it.
//
// The front door asks by itself. Uploads to a folder or to memory, which signedurl serves,
// are admitted by the organization of the key that was signed:
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
// Unless a limit per organization is set, an organization may have as many requests, bytes,
// lists and uploads in flight as are still free. So one that is alone gets half of all, two get a
// third each, and there is always something left for the next one. An organization with
// nothing in flight gets a first place as long as there is one.
//
// A Budget is for one process. Several processes of a service each have their own.
package budget
